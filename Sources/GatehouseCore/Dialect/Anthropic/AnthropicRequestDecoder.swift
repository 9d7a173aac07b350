/// Reads a caller's request to `/v1/messages`.
package enum AnthropicRequestDecoder {
    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        guard fields.value("max_tokens") != nil else { throw fields.missing("max_tokens") }
        return try decode(&fields)
    }

    /// Reads a request in which `max_tokens` may be missing: one that only counts.
    static func decode(_ fields: inout JSONFields) throws(GatehouseError) -> CanonicalRequest {
        var request = CanonicalRequest(model: try fields.requiredString("model"))
        request.maxTokens = try fields.int("max_tokens", in: 0...Int.max)
        var notes: [JSONValue.Member] = [.init(AnthropicNote.own, .bool(true))]
        if let stream = try fields.bool("stream") {
            request.stream = stream
            if !stream { notes.append(.init(AnthropicNote.stream, .bool(false))) }
        }
        try readSystem(&fields, &request)
        try readMessages(&fields, &request)
        try readSampling(&fields, &request)
        try AnthropicTools.read(&fields, &request)
        try AnthropicThinking.read(&fields, &request)
        request.serviceTier = try fields.string("service_tier")
        request.cache = try AnthropicCache.take(&fields)
        try readMetadata(&fields, &request)
        let empty = ["system", "stop_sequences", "tools"].filter { fields.peek($0)?.array?.isEmpty == true }
        if !empty.isEmpty { notes.append(.init(AnthropicNote.empty, .array(empty.map { .string($0) }))) }
        request.extensions[.anthropic] = request.extensions[.anthropic] + fields.rest + notes
        return request
    }

    private static func readSystem(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let value = fields.value("system"), value.array?.isEmpty != true else { return }
        var message = Message(role: .system, parts: [])
        try readContent(value, "system", &message)
        // A client's note to the vendor about who pays: no part of the prompt, and no other vendor's business.
        for index in message.parts.indices where message.parts[index].text?.hasPrefix(billingNote) == true {
            guard let block = value[index] else { continue }
            message.parts[index] = Part(.native(.anthropic, type: billingNote, block))
        }
        request.messages.append(message)
    }

    private static let billingNote = "x-anthropic-billing-header"

    private static func readMessages(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let values = try fields.array("messages") else { throw fields.missing("messages") }
        for (index, value) in values.enumerated() {
            var object = try JSONFields(value, path: fields.path("messages", index))
            let role = try object.requiredString("role")
            guard let role = Message.Role(rawValue: role), role != .tool else {
                throw object.invalid("role", "must be user, assistant or system")
            }
            guard let content = object.value("content") else { throw object.missing("content") }
            var message = Message(role: role, parts: [])
            message.extensions[.anthropic] = object.rest
            if role == .system { message.extensions[.anthropic, AnthropicNote.place] = .string("messages") }
            try readContent(content, object.path("content"), &message)
            request.messages += pieces(message)
        }
    }

    private static func readContent(
        _ value: JSONValue, _ path: String, _ message: inout Message
    ) throws(GatehouseError) {
        if let text = value.string {
            message.parts = [.text(text)]
            message.extensions[.anthropic, AnthropicNote.form] = .string("string")
            return
        }
        guard let blocks = value.array else { throw JSONFields.invalid(path, "must be a string or an array of blocks") }
        for (index, block) in blocks.enumerated() {
            message.parts.append(try AnthropicBlockDecoder.part(block, at: "\(path)[\(index)]"))
        }
    }

    /// The canonical model keeps results in messages of their own; this dialect has them beside the user's words.
    private static func pieces(_ message: Message) -> [Message] {
        guard message.role == .user, message.parts.contains(where: { $0.toolResult != nil }) else { return [message] }
        var pieces: [Message] = []
        for part in message.parts {
            let role = part.toolResult == nil ? Message.Role.user : .tool
            if let last = pieces.indices.last, pieces[last].role == role {
                pieces[last].parts.append(part)
                continue
            }
            var piece = Message(role: role, parts: [part])
            if pieces.isEmpty {
                piece.extensions = message.extensions
            } else {
                piece.extensions[.anthropic, AnthropicNote.continues] = .bool(true)
            }
            pieces.append(piece)
        }
        return pieces
    }

    private static func readSampling(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        request.sampling.temperature = try fields.number("temperature")
        request.sampling.topP = try fields.number("top_p")
        request.sampling.topK = try fields.int("top_k")
        if fields.peek("stop_sequences")?.string != nil {
            throw fields.invalid("stop_sequences", "must be an array of strings")
        }
        request.sampling.stop = try fields.strings("stop_sequences") ?? []
    }

    private static func readMetadata(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard var metadata = try fields.object("metadata") else { return }
        request.user = try metadata.string("user_id")
        if request.user == nil || !metadata.rest.isEmpty {
            request.extensions[.anthropic, "metadata"] = .object(metadata.rest)
        }
    }
}
