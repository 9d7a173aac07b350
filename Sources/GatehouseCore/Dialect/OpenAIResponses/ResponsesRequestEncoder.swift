/// Writes a request for a target that speaks OpenAI's Responses API.
package enum ResponsesRequestEncoder {
    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var body = Body(request, target)
        try body.writeInput()
        try body.writeTools()
        try body.writeText()
        try body.writeSampling()
        body.writeReasoning()
        body.writeRest()
        var encoded = EncodedRequest(body: .object(body.members))
        encoded.dropped = body.dropped
        encoded.names = body.names
        return encoded
    }
}

/// The body while it is written.
private struct Body {
    let request: CanonicalRequest
    let target: TargetTraits
    /// The caller spoke this dialect: nothing is added, nothing is corrected.
    let isOwn: Bool
    let isReasoningModel: Bool
    var members: [JSONValue.Member] = []
    var dropped: [String] = []
    var names = NameMap()

    init(_ request: CanonicalRequest, _ target: TargetTraits) {
        self.request = request
        self.target = target
        isOwn = request.extensions.responsesNote(ResponsesNote.own) != nil
        isReasoningModel = OpenAIModel.thinks(target.model)
        if !target.model.isEmpty { members.append(.init("model", .string(target.model))) }
    }

    mutating func add(_ key: String, _ value: JSONValue?) {
        if let value { members.append(.init(key, value)) }
    }

    mutating func drop(_ field: String, if isGiven: Bool = true) {
        if isGiven, !dropped.contains(field) { dropped.append(field) }
    }

    mutating func writeInput() throws(GatehouseError) {
        var messages = request.messages
        if let place = messages.firstIndex(where: {
            $0.extensions.responsesNote(ResponsesNote.instructions) != nil
        }) {
            add("instructions", .string(messages.remove(at: place).text()))
        } else if !isOwn, target.kind == "chatgpt-codex" {
            // This backend answers nothing without instructions, and takes them nowhere else.
            let leading = messages.prefix { $0.role == .system }
            add("instructions", .string(leading.map { $0.text(separator: "\n\n") }.joined(separator: "\n\n")))
            messages.removeFirst(leading.count)
        }
        let form = request.extensions.responsesNote(ResponsesNote.input)?.string
        if form == "none", messages.isEmpty { return }
        if form == "string", messages.count == 1, messages[0].role == .user, let text = messages[0].onlyText {
            return add("input", .string(text))
        }
        var writer = ResponsesInputWriter(names: names, isOwn: isOwn)
        for (index, message) in messages.enumerated() {
            try writer.write(message, path: "messages[\(index)]")
        }
        names = writer.names
        for field in writer.dropped { drop(field) }
        add("input", .array(writer.items))
    }

    mutating func writeTools() throws(GatehouseError) {
        var tools: [JSONValue] = []
        for (index, tool) in request.tools.enumerated() {
            tools.append(try ResponsesTools.write(tool, &names, path: "tools[\(index)]"))
            drop("cache_control", if: tool.cache != nil)
            for field in tool.extensions.foreign(to: .openAIResponses) { drop(field) }
        }
        let isEmptyList = request.extensions.responsesNote(ResponsesNote.tools) != nil
        if !tools.isEmpty || isEmptyList { add("tools", .array(tools)) }
        if let choice = request.toolChoice {
            add("tool_choice", try ResponsesTools.writeChoice(choice, request.tools, &names, isOwn: isOwn))
        }
        add("parallel_tool_calls", request.parallelToolCalls.map { .bool($0) })
    }

    mutating func writeText() throws(GatehouseError) {
        var text: [JSONValue.Member] = []
        switch request.responseFormat {
        case .none: break
        case .text: text = [.init("format", .object(["type": .string("text")]))]
        case .jsonObject: text = [.init("format", .object(["type": .string("json_object")]))]
        case .jsonSchema(let format):
            let name = format.name ?? (isOwn ? nil : "response")
            var standIns = NameMap()
            let schema = JSONValue.object([
                "type": .string("json_schema"),
                "name": name.map { .string(isOwn ? $0 : standIns.legal($0, ResponsesRules.schemaName)) },
                "description": format.description.map { .string($0) }, "schema": format.schema,
                "strict": format.strict.map { .bool($0) },
            ])
            text = [.init("format", schema.adding(format.extensions.written(.openAIResponses)))]
        }
        if let rest = request.extensions[.openAIResponses, "text"]?.object {
            text += rest
        } else if let verbosity = request.extensions[.openAIChat, "verbosity"] {
            text.append(.init("verbosity", verbosity))
        } else if text.isEmpty {
            return
        }
        add("text", .object(text))
    }

    mutating func writeSampling() throws(GatehouseError) {
        let sampling = request.sampling
        if let choices = sampling.choices, choices > 1 {
            throw GatehouseError(.unsupportedParameter, "The target gives one answer to a request.", param: "n")
        }
        // The vendor refuses both for models that think, however harmless the value is.
        let isFixed = !isOwn && OpenAIModel.fixesSampling(target.model, for: request.reasoning)
        if isFixed {
            drop("temperature", if: sampling.temperature != nil)
            drop("top_p", if: sampling.topP != nil)
            drop("logprobs", if: sampling.logprobs == true)
        } else {
            add("temperature", sampling.temperature.map { .number($0) })
            add("top_p", sampling.topP.map { .number($0) })
            add("top_logprobs", sampling.topLogprobs.map { .int($0) })
        }
        if let limit = request.maxTokens {
            add("max_output_tokens", .int(isOwn ? limit : max(limit, ResponsesRules.minimumTokens)))
        }
        drop("stop", if: !sampling.stop.isEmpty)
        drop("top_k", if: sampling.topK != nil)
        drop("min_p", if: sampling.minP != nil)
        drop("frequency_penalty", if: sampling.frequencyPenalty != nil)
        drop("presence_penalty", if: sampling.presencePenalty != nil)
        drop("seed", if: sampling.seed != nil)
        writeInclude(logprobs: sampling.logprobs == true && !isFixed)
    }

    private mutating func writeInclude(logprobs: Bool) {
        guard !isOwn else { return add("include", request.extensions.responsesNote(ResponsesNote.include)) }
        var include: [JSONValue] = []
        // Nothing is kept at the vendor, so its thoughts must travel; other models refuse to be asked for them.
        let thinks = isReasoningModel || request.reasoning?.thinks == true
        if thinks, request.store != true { include.append(.string(ResponsesInclude.encryptedReasoning)) }
        if logprobs { include.append(.string(ResponsesInclude.logprobs)) }
        if !include.isEmpty { add("include", .array(include)) }
    }

    mutating func writeReasoning() {
        guard let reasoning = request.reasoning else { return }
        let isOlder = reasoning.extensions.responsesNote(ResponsesNote.generateSummary) != nil
        let summary = reasoning.summary ?? (!isOwn && reasoning.includeThoughts == true ? "auto" : nil)
        let object = JSONValue.object([
            "effort": effort(reasoning).map { .string($0.rawValue) },
            isOlder ? "generate_summary" : "summary": summary.map { .string($0) },
        ]).adding(reasoning.extensions.written(.openAIResponses))
        if isOwn || object.object?.isEmpty == false { add("reasoning", object) }
        for field in reasoning.extensions.foreign(to: .openAIResponses) { drop(field) }
    }

    /// The effort, made from a budget where the caller gave one: the next step that is not below it.
    private mutating func effort(_ reasoning: Reasoning) -> Reasoning.Effort? {
        if let effort = reasoning.effort { return effort }
        if reasoning.enabled == false || reasoning.budget == 0 {
            guard isReasoningModel else { return nil }
            let name = target.model.split(separator: "/").last ?? ""
            if name.hasPrefix("gpt-5.") { return Reasoning.Effort.none }
            if name.hasPrefix("gpt-5") { return .minimal }
            drop("thinking")
            return nil
        }
        guard let budget = reasoning.budget, budget > 0 else { return nil }
        return budget <= 2048 ? .low : budget <= 8192 ? .medium : .high
    }

    mutating func writeRest() {
        if request.stream || request.extensions.responsesNote(ResponsesNote.stream) != nil {
            add("stream", .bool(request.stream))
        }
        add("user", request.user.map { .string($0) })
        if !request.metadata.isEmpty { add("metadata", .object(request.metadata)) }
        if let tier = request.serviceTier {
            let isKnown = isOwn || ResponsesRules.serviceTiers.contains(tier)
            if isKnown { add("service_tier", .string(tier)) } else { drop("service_tier") }
        }
        // What the caller did not ask to have kept must not be kept; the vendor's default is to keep it.
        add("store", (request.store ?? (isOwn ? nil : false)).map { .bool($0) })
        add("previous_response_id", request.previousResponse.map { .string($0) })
        drop("cache_control", if: request.cache != nil)
        for member in request.extensions.written(.openAIResponses) where member.key != "text" {
            add(member.key, member.value)
        }
        for key in Self.shared where !members.contains(where: { $0.key == key }) {
            add(key, request.extensions[.openAIChat, key])
        }
        let known = Self.shared + ["verbosity"]
        for field in request.extensions.foreign(to: .openAIResponses) where !known.contains(field) { drop(field) }
    }

    /// Members that OpenAI's chat dialect has in the same words.
    private static let shared = ["prompt_cache_key", "prompt_cache_retention", "safety_identifier"]
}

extension Message {
    /// The text, when there is one text part and nothing else.
    fileprivate var onlyText: String? { parts.count == 1 ? parts[0].text : nil }
}
