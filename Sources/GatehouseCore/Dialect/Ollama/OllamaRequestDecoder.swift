/// Reads a request of Ollama's chat API (https://docs.ollama.com/api/chat).
enum OllamaRequestDecoder {
    static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: try fields.requiredString("model"))
        guard let messages = try fields.array("messages") else { throw fields.missing("messages") }
        guard !messages.isEmpty else {
            throw fields.invalid("messages", "must be an array with at least one message")
        }
        var decoder = OllamaMessageDecoder()
        for (index, message) in messages.enumerated() {
            request.messages.append(try decoder.message(message, at: fields.path("messages", index), index))
        }
        let stream = try fields.bool("stream")
        request.stream = stream ?? true
        if let tools = try fields.filledArray("tools") {
            request.tools = try FunctionTools(dialect: .ollama).decode(tools) { fields.path("tools", $0) }
        }
        request.responseFormat = try format(&fields)
        request.reasoning = try reasoning(&fields)
        let options = try self.options(&fields, of: &request)
        request.sampling.logprobs = try fields.bool("logprobs")
        request.sampling.topLogprobs = try fields.int("top_logprobs", in: 0...1 << 20)
        let isFormatEmpty = fields.value("format") == .string("")
        request.extensions = Extensions(rest: fields.rest, of: .ollama)
        if isFormatEmpty { request.extensions[.ollama, "$format"] = .string("") }
        if stream == nil { request.extensions[.ollama, "$stream"] = .bool(false) }
        if let options {
            request.extensions[.ollama, options.isEmpty ? "$options" : "options"] = .object(options)
        }
        return request
    }

    private static func format(_ fields: inout JSONFields) throws(GatehouseError) -> ResponseFormat? {
        switch fields.value("format") {
        case nil, .string(""): return nil
        case .string("json"): return .jsonObject
        case .some(let schema) where schema.object != nil: return .jsonSchema(JSONSchemaFormat(schema: schema))
        default: throw fields.invalid("format", "must be json or a JSON schema")
        }
    }

    private static func reasoning(_ fields: inout JSONFields) throws(GatehouseError) -> Reasoning? {
        guard let think = fields.value("think") else { return nil }
        var reasoning = Reasoning()
        if let flag = think.bool {
            reasoning.enabled = flag
        } else if let effort = think.string.flatMap({ Reasoning.Effort(rawValue: $0) }), effort != .none {
            reasoning.effort = effort
        } else {
            throw fields.invalid("think", "must be true, false, low, medium or high")
        }
        return reasoning
    }

    /// Reads what the model knows of `options`.
    ///
    /// - Returns: The options it does not know; `nil` when there are no options at all.
    private static func options(
        _ fields: inout JSONFields, of request: inout CanonicalRequest
    ) throws(GatehouseError) -> [JSONValue.Member]? {
        guard var options = try fields.object("options") else { return nil }
        // Numbers below 1 mean "no limit" in several ways.
        if let limit = options.peek("num_predict")?.int, limit >= 1 {
            request.maxTokens = try options.int("num_predict", in: 1...1 << 40)
        }
        request.sampling.temperature = try options.number("temperature")
        request.sampling.topP = try options.number("top_p")
        request.sampling.topK = try options.int("top_k")
        request.sampling.minP = try options.number("min_p")
        request.sampling.frequencyPenalty = try options.number("frequency_penalty")
        request.sampling.presencePenalty = try options.number("presence_penalty")
        request.sampling.seed = try options.int("seed")
        request.sampling.stop = try options.filledStrings("stop") ?? []
        return options.rest
    }
}
