/// Requests in OpenAI's older text completions: one prompt, one text.
package enum OpenAICompletionsRequestCodec {
    private static let dialect = Dialect.openAICompletions
    private static let listNote = "$prompt"

    // MARK: Reading

    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: try fields.string("model") ?? "")
        request.extensions[dialect, OpenAINote.form] = .bool(true)
        guard let prompt = fields.value("prompt") else { throw fields.missing("prompt") }
        request.messages = [Message(role: .user, parts: [.text(try text(prompt))])]
        if prompt.array != nil { request.extensions[dialect, listNote] = .bool(true) }
        try OpenAISampling(dialect: dialect).read(&fields, into: &request)
        request.maxTokens = try fields.int("max_tokens", in: 0...OpenAISampling.largestTokenCount)
        if let count = try fields.int("logprobs", in: 0...100) {
            request.sampling.logprobs = true
            request.sampling.topLogprobs = count
        }
        request.extensions.keep(fields.rest, in: dialect)
        return request
    }

    private static func text(_ prompt: JSONValue) throws(GatehouseError) -> String {
        if let text = prompt.string { return text }
        if let list = prompt.array, list.count == 1, let text = list.first?.string { return text }
        throw GatehouseError(
            .invalidValue, "The field prompt must be one string for this model; lists and tokens are not supported.",
            param: "prompt")
    }

    // MARK: Writing

    /// - Throws: `unsupported_parameter` for what is no plain text: a conversation, media, tools.
    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        let traits = OpenAIChatTarget(kind: target.kind)
        if !request.tools.isEmpty { throw unsupported("tools") }
        if let format = request.responseFormat, format != .text { throw unsupported("response_format") }
        if request.previousResponse != nil { throw unsupported("previous_response_id") }
        let prompt = JSONValue.string(try prompt(request.messages))
        let isList = request.extensions.has(listNote, in: dialect)
        var members: [JSONValue.Member] = []
        if !target.model.isEmpty { members.append(.init("model", .string(target.model))) }
        members.append(.init("prompt", isList ? .array([prompt]) : prompt))
        if let limit = request.maxTokens { members.append(.init("max_tokens", .int(limit))) }
        if request.sampling.logprobs == true {
            members.append(.init("logprobs", .int(request.sampling.topLogprobs ?? 0)))
        }
        members += OpenAISampling(dialect: dialect).members(request, for: target.kind, traits)
        members += request.extensions.restored(dialect).filter { member in
            !members.contains { $0.key == member.key }
        }
        var encoded = EncodedRequest(body: .object(members))
        encoded.dropped = dropped(request, traits)
        return encoded
    }

    /// The texts of all messages: a model that goes on with a text knows no turns.
    private static func prompt(_ messages: [Message]) throws(GatehouseError) -> String {
        var texts: [String] = []
        for (index, message) in messages.enumerated() {
            guard message.role == .user || message.role == .system else { throw unsupported("messages[\(index)].role") }
            for (place, part) in message.parts.enumerated() {
                guard let text = part.text else { throw unsupported("messages[\(index)].content[\(place)]") }
                texts.append(text)
            }
        }
        return texts.joined(separator: "\n\n")
    }

    private static func dropped(_ request: CanonicalRequest, _ target: OpenAIChatTarget) -> [String] {
        var dropped = OpenAISampling(dialect: dialect).dropped(request, target)
        let fields: [(String, Bool)] = [
            ("reasoning", request.reasoning != nil), ("metadata", !request.metadata.isEmpty),
            ("service_tier", request.serviceTier != nil), ("store", request.store == true),
            ("cache_control", request.cache != nil),
        ]
        dropped += fields.filter(\.1).map(\.0)
        return dropped + request.extensions.foreign(to: dialect).filter { !dropped.contains($0) }
    }

    private static func unsupported(_ param: String) -> GatehouseError {
        GatehouseError(
            .unsupportedParameter, "A model for text completions cannot take the field \(param).", param: param)
    }
}
