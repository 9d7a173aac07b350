/// Reads a request of OpenAI's Responses API (platform.openai.com/docs/api-reference/responses/create).
package enum ResponsesRequestDecoder {
    /// - Throws: `missing_field` or `invalid_value`, with the field's path.
    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        let model = try fields.string("model")
        // A stored prompt may name the model.
        guard model != nil || fields.peek("prompt")?.object != nil else { throw fields.missing("model") }
        var request = CanonicalRequest(model: model ?? "")
        var notes = [JSONValue.Member(ResponsesNote.own, .bool(true))]
        if let instructions = fields.peek("instructions")?.string, try fields.string("instructions") != nil {
            var message = Message(role: .system, parts: [.text(instructions)])
            message.extensions.noteResponses(ResponsesNote.instructions)
            request.messages.append(message)
        }
        request.messages += try readInput(&fields, &notes)
        if let stream = try fields.bool("stream") {
            request.stream = stream
            if !stream { notes.append(.init(ResponsesNote.stream, .bool(false))) }
        }
        try readLimits(&fields, into: &request)
        for (index, tool) in (try fields.array("tools") ?? []).enumerated() {
            request.tools.append(try ResponsesTools.read(tool, path: fields.path("tools", index)))
        }
        if request.tools.isEmpty, let tools = fields.peek("tools")?.array {
            notes.append(.init(ResponsesNote.tools, .array(tools)))
        }
        if let choice = fields.value("tool_choice") {
            request.toolChoice = try ResponsesTools.readChoice(choice, path: fields.path("tool_choice"))
        }
        request.reasoning = try readReasoning(&fields)
        readInclude(&fields, into: &request, &notes)
        let text = try readText(&fields, into: &request)
        request.extensions = Extensions(.openAIResponses, fields.rest + text + notes)
        return request
    }

    private static func readLimits(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        request.maxTokens = try fields.int("max_output_tokens", in: 1...Int.max)
        request.sampling.temperature = try fields.number("temperature")
        request.sampling.topP = try fields.number("top_p")
        request.sampling.topLogprobs = try fields.int("top_logprobs", in: 0...Int.max)
        request.parallelToolCalls = try fields.bool("parallel_tool_calls")
        request.user = try fields.string("user")
        request.serviceTier = try fields.string("service_tier")
        request.store = try fields.bool("store")
        request.previousResponse = try fields.string("previous_response_id")
        if let metadata = fields.peek("metadata")?.object, !metadata.isEmpty {
            _ = fields.value("metadata")
            request.metadata = metadata
        }
    }

    /// What is asked for besides; where this gateway knows all of it, nothing is lost with the words.
    private static func readInclude(
        _ fields: inout JSONFields, into request: inout CanonicalRequest, _ notes: inout [JSONValue.Member]
    ) {
        guard let include = fields.peek("include")?.array, !include.isEmpty else { return }
        let words = include.map { $0.string }
        if words.contains(ResponsesInclude.logprobs) { request.sampling.logprobs = true }
        let known = [ResponsesInclude.logprobs, ResponsesInclude.encryptedReasoning]
        guard words.allSatisfy({ word in word.map { known.contains($0) } ?? false }) else { return }
        _ = fields.value("include")
        notes.append(.init(ResponsesNote.include, .array(include)))
    }

    private static func readInput(
        _ fields: inout JSONFields, _ notes: inout [JSONValue.Member]
    ) throws(GatehouseError) -> [Message] {
        guard let input = fields.value("input") else {
            // A stored prompt or conversation can hold all there is to say.
            let isElsewhere = ["prompt", "conversation", "previous_response_id"].contains {
                fields.peek($0).map { !$0.isNull } ?? false
            }
            guard isElsewhere else { throw fields.missing("input") }
            notes.append(.init(ResponsesNote.input, .string("none")))
            return []
        }
        if let text = input.string {
            notes.append(.init(ResponsesNote.input, .string("string")))
            return [Message(role: .user, parts: [.text(text)])]
        }
        guard let items = input.array else { throw fields.invalid("input", "must be a string or an array") }
        var reader = ResponsesItemReader()
        for (index, item) in items.enumerated() { try reader.read(item, path: fields.path("input", index)) }
        return reader.messages
    }

    private static func readReasoning(_ fields: inout JSONFields) throws(GatehouseError) -> Reasoning? {
        guard var object = try fields.object("reasoning") else { return nil }
        var reasoning = Reasoning()
        if let word = object.peek("effort")?.string, let effort = Reasoning.Effort(rawValue: word) {
            _ = object.value("effort")
            reasoning.effort = effort
        }
        var isOlder = false
        if let summary = try object.string("summary") {
            reasoning.summary = summary
        } else if let summary = try object.string("generate_summary") {
            reasoning.summary = summary
            isOlder = true
        }
        if reasoning.summary != nil { reasoning.includeThoughts = true }
        reasoning.extensions = Extensions(.openAIResponses, object.rest)
        if isOlder { reasoning.extensions.noteResponses(ResponsesNote.generateSummary) }
        return reasoning
    }

    /// Reads `text`; gives what is left of it.
    private static func readText(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) -> [JSONValue.Member] {
        guard var text = try fields.object("text") else { return [] }
        if let known = ["text", "json_object", "json_schema"].first(where: {
            $0 == text.peek("format")?["type"]?.string
        }),
            var format = try text.object("format")
        {
            _ = format.value("type")
            switch known {
            case "text": request.responseFormat = .text
            case "json_object": request.responseFormat = .jsonObject
            default: request.responseFormat = .jsonSchema(try readSchema(&format))
            }
        }
        let isWhole = request.responseFormat != nil && text.rest.isEmpty
        return isWhole ? [] : [.init("text", .object(text.rest))]
    }

    private static func readSchema(_ format: inout JSONFields) throws(GatehouseError) -> JSONSchemaFormat {
        guard let schema = format.value("schema") else { throw format.missing("schema") }
        var read = JSONSchemaFormat(
            name: try format.string("name"), description: try format.string("description"), schema: schema,
            strict: try format.bool("strict"))
        read.extensions = Extensions(.openAIResponses, format.rest)
        return read
    }
}

/// Values of `include` that mean something to this gateway.
enum ResponsesInclude {
    static let logprobs = "message.output_text.logprobs"
    static let encryptedReasoning = "reasoning.encrypted_content"
}
