/// Reads a request in OpenAI's chat format.
///
/// Providers that speak it have fields of their own; what is not known here stays in the extensions and goes back out
/// within this dialect. A request without a model is one whose path names it (Azure's deployments).
package enum OpenAIChatRequestDecoder {
    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: try fields.string("model") ?? "")
        request.extensions[.openAIChat, OpenAINote.form] = .bool(true)
        request.messages = try messages(&fields)
        try OpenAISampling(dialect: .openAIChat).read(&fields, into: &request)
        try readLimit(&fields, into: &request)
        try readTools(&fields, into: &request)
        try readFormat(&fields, into: &request)
        request.reasoning = try OpenAIReasoningOptions.read(&fields)
        request.sampling.logprobs = try fields.bool("logprobs")
        request.sampling.topLogprobs = try fields.int("top_logprobs")
        if fields.peek("metadata") != .object([]), let metadata = try fields.object("metadata") {
            request.metadata = metadata.rest
        }
        request.serviceTier = try fields.string("service_tier")
        request.store = try fields.bool("store")
        request.extensions.keep(fields.rest, in: .openAIChat)
        return request
    }

    private static func messages(_ fields: inout JSONFields) throws(GatehouseError) -> [Message] {
        guard let values = try fields.array("messages") else { throw fields.missing("messages") }
        guard !values.isEmpty else { throw fields.invalid("messages", "must be an array with at least one message") }
        var decoder = OpenAIChatMessageDecoder()
        var messages: [Message] = []
        messages.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            messages.append(try decoder.message(value, fields.path("messages", index)))
        }
        return messages
    }

    /// Newer models of OpenAI take only `max_completion_tokens`, most other providers only `max_tokens`.
    private static func readLimit(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        let bounds = 1...OpenAISampling.largestTokenCount
        let newer = try fields.int("max_completion_tokens", in: bounds)
        let older = try fields.int("max_tokens", in: bounds)
        request.maxTokens = newer ?? older
        if newer != nil { request.extensions[.openAIChat, "$max_tokens"] = .string("max_completion_tokens") }
        if newer != nil, let older { request.extensions.keepIdle([.init("max_tokens", .int(older))], in: .openAIChat) }
    }

    private static func readTools(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        if fields.peek("tools") != .array([]) {
            for (index, value) in (try fields.array("tools") ?? []).enumerated() {
                request.tools.append(try OpenAITools.tool(value, fields.path("tools", index)))
            }
        }
        for (index, value) in (try fields.array("functions") ?? []).enumerated() {
            request.tools.append(try OpenAITools.legacyFunction(value, fields.path("functions", index)))
        }
        if let choice = fields.value("tool_choice") {
            request.toolChoice = try OpenAITools.choice(choice, fields.path("tool_choice"))
            if choice == .string("any") { request.extensions[.openAIChat, "$tool_choice"] = choice }
        } else if let choice = fields.value("function_call") {
            request.toolChoice = try OpenAITools.legacyChoice(choice, fields.path("function_call"))
            request.extensions[.openAIChat, "$tool_choice"] = .string("function_call")
        }
        request.parallelToolCalls = try fields.bool("parallel_tool_calls")
    }

    /// The member stays as it came, for forms that differ from OpenAI's.
    private static func readFormat(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let value = fields.peek("response_format"), !value.isNull else { return }
        guard let format = try OpenAIResponseFormat.read(value, fields.path("response_format")) else { return }
        _ = fields.value("response_format")
        request.responseFormat = format
        request.extensions[.openAIChat, "$response_format"] = value
    }
}
