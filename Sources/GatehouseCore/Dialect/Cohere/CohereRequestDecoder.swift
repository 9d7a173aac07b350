/// Reads a request of Cohere's chat API, version 2 (https://docs.cohere.com/reference/chat).
enum CohereRequestDecoder {
    static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: try fields.requiredString("model"))
        request.messages = try messages(&fields)
        let stream = try fields.bool("stream")
        request.stream = stream ?? false
        request.maxTokens = try fields.int("max_tokens", in: 1...1 << 40)
        request.sampling = try sampling(&fields)
        if let tools = try fields.filledArray("tools") {
            request.tools = try FunctionTools(dialect: .cohere).decode(tools) { fields.path("tools", $0) }
        }
        let strict = try fields.bool("strict_tools")
        if strict == true {
            for index in request.tools.indices { request.tools[index].strict = true }
        }
        let choice = try fields.string("tool_choice")
        request.toolChoice = try choice.map { (word) throws(GatehouseError) in try toolChoice(word, fields) }
        let format = try responseFormat(&fields)
        request.responseFormat = format?.value
        request.reasoning = try reasoning(&fields)
        request.extensions = Extensions(rest: fields.rest, of: .cohere)
        if stream == false { request.extensions[.cohere, "$stream"] = .bool(false) }
        if let strict { request.extensions[.cohere, "$strict_tools"] = .bool(strict) }
        if let choice { request.extensions[.cohere, "$tool_choice"] = .string(choice) }
        if let form = format?.form { request.extensions[.cohere, "$response_format"] = form }
        return request
    }

    private static func messages(_ fields: inout JSONFields) throws(GatehouseError) -> [Message] {
        guard let elements = try fields.array("messages") else { throw fields.missing("messages") }
        guard !elements.isEmpty else {
            throw fields.invalid("messages", "must be an array with at least one message")
        }
        var messages: [Message] = []
        for (index, element) in elements.enumerated() {
            messages.append(try CohereMessageDecoder.message(element, at: fields.path("messages", index)))
        }
        return messages
    }

    private static func sampling(_ fields: inout JSONFields) throws(GatehouseError) -> Sampling {
        var sampling = Sampling()
        sampling.temperature = try fields.number("temperature")
        sampling.topP = try fields.number("p")
        sampling.topK = try fields.int("k")
        sampling.frequencyPenalty = try fields.number("frequency_penalty")
        sampling.presencePenalty = try fields.number("presence_penalty")
        sampling.seed = try fields.int("seed")
        sampling.stop = try fields.filledStrings("stop_sequences") ?? []
        sampling.logprobs = try fields.bool("logprobs")
        return sampling
    }

    private static func toolChoice(_ word: String, _ fields: JSONFields) throws(GatehouseError) -> ToolChoice {
        switch word.uppercased() {
        case "REQUIRED": .required
        case "NONE": ToolChoice.none
        default: throw fields.invalid("tool_choice", "must be REQUIRED or NONE")
        }
    }

    /// The format, and how it was written where there is more than one way.
    private static func responseFormat(
        _ fields: inout JSONFields
    ) throws(GatehouseError) -> (value: ResponseFormat, form: JSONValue?)? {
        guard var format = try fields.object("response_format") else { return nil }
        let type = try format.requiredString("type")
        switch type {
        case "text": return (.text, .object(format.rest))
        case "json_object", "json_schema":
            let key = format.peek("json_schema") == nil ? "schema" : "json_schema"
            guard let schema = format.value(key) else { return (.jsonObject, .object(format.rest)) }
            var described = JSONSchemaFormat(schema: schema)
            described.extensions = Extensions(rest: format.rest, of: .cohere)
            return (.jsonSchema(described), .array([.string(type), .string(key)]))
        default: throw format.invalid("type", "must be text or json_object")
        }
    }

    private static func reasoning(_ fields: inout JSONFields) throws(GatehouseError) -> Reasoning? {
        guard var thinking = try fields.object("thinking") else { return nil }
        var reasoning = Reasoning()
        switch try thinking.string("type") {
        case "enabled": reasoning.enabled = true
        case "disabled": reasoning.enabled = false
        case nil: break
        default: throw thinking.invalid("type", "must be enabled or disabled")
        }
        reasoning.budget = try thinking.int("token_budget", in: 0...1 << 40)
        reasoning.extensions = Extensions(rest: thinking.rest, of: .cohere)
        if reasoning.enabled == nil { reasoning.extensions[.cohere, "$untyped"] = .bool(true) }
        return reasoning
    }
}
