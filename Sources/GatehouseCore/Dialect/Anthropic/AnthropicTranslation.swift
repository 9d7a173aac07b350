/// Writes a request of another dialect for Anthropic.
struct AnthropicTranslation {
    private let request: CanonicalRequest
    private let target: TargetTraits
    private let model: AnthropicModel
    private var writer: AnthropicBlockWriter
    private var members: [JSONValue.Member] = []

    static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var translation = AnthropicTranslation(request, target)
        try translation.refuse()
        try translation.writeHead()
        try translation.writeConversation()
        translation.report()
        var encoded = EncodedRequest(body: .object(translation.members))
        encoded.names = translation.writer.names
        encoded.dropped = translation.writer.dropped.names
        return encoded
    }

    private init(_ request: CanonicalRequest, _ target: TargetTraits) {
        self.request = request
        self.target = target
        model = AnthropicModel(name: target.model.isEmpty ? request.model : target.model)
        writer = AnthropicBlockWriter(isOwn: false, kind: target.kind)
    }

    private mutating func add(_ key: String, _ value: JSONValue?) {
        if let value { members.append(.init(key, value)) }
    }

    /// What cannot be left out without another meaning.
    private func refuse() throws(GatehouseError) {
        func refuse(_ field: String, _ text: String) -> GatehouseError {
            GatehouseError(.unsupportedParameter, text, param: field)
        }
        if let choices = request.sampling.choices, choices > 1 {
            throw refuse("n", "The target gives one answer at a time, so n must be 1.")
        }
        if request.previousResponse != nil {
            throw refuse("previous_response_id", "The target keeps no answers to go on from.")
        }
        if case .jsonSchema = request.responseFormat, !model.takesStructuredOutput {
            throw refuse("response_format", "The target's model cannot be held to a JSON schema.")
        }
        if request.forcesTool, !model.takesForcedTools {
            throw refuse("tool_choice", "The target's model cannot be made to call a tool.")
        }
    }

    private mutating func writeHead() throws(GatehouseError) {
        add("model", .string(target.model.isEmpty ? request.model : target.model))
        var maxTokens = request.maxTokens ?? model.maxOutput
        if model.family != nil, maxTokens > model.maxOutput {
            maxTokens = model.maxOutput
            writer.dropped.add("max_tokens")
        }
        add("max_tokens", .int(maxTokens))
        if request.stream { add("stream", .bool(true)) }
        let plan = AnthropicThinking.plan(request, model, maxTokens: maxTokens, isForced: request.forcesTool)
        if plan.isDropped { writer.dropped.add("reasoning") }
        add("thinking", plan.thinking)
        var output: [JSONValue.Member] = []
        if let effort = plan.effort { output.append(.init("effort", .string(effort.rawValue))) }
        switch request.responseFormat {
        case .jsonSchema(let format):
            let schema = AnthropicThinking.closed(format.schema)
            output.append(.init("format", AnthropicThinking.formatObject(schema)))
        case .jsonObject: writer.dropped.add("response_format")
        case .text, nil: break
        }
        if !output.isEmpty { add("output_config", .object(output)) }
        writeSampling(isThinking: plan.isOn)
        if let user = request.user { add("metadata", .object(["user_id": .string(user)])) }
        switch request.serviceTier {
        case nil: break
        case "auto": add("service_tier", .string("auto"))
        case "default", "standard_only": add("service_tier", .string("standard_only"))
        default: writer.dropped.add("service_tier")
        }
    }

    /// Models that think, and all of version 4.7 and later, take the defaults alone: anything else is left out and
    /// told.
    private mutating func writeSampling(isThinking: Bool) {
        let sampling = request.sampling
        let isFree = model.takesSampling && !isThinking
        if let text = sampling.temperature, let value = Double(text) {
            if isFree {
                // Anthropic's scale ends at 1, others' at 2.
                add("temperature", .number(value > 1 ? "1" : text))
                if value > 1 { writer.dropped.add("temperature") }
            } else if value != 1 {
                writer.dropped.add("temperature")
            }
        }
        if let text = sampling.topP, let value = Double(text) {
            let isAlone = sampling.temperature == nil || model.takesTwoSamplings
            let isTaken = model.takesSampling && (isThinking ? value >= 0.95 : isAlone)
            if isTaken { add("top_p", .number(text)) } else if value != 1 { writer.dropped.add("top_p") }
        }
        if let topK = sampling.topK {
            if isFree { add("top_k", .int(topK)) } else { writer.dropped.add("top_k") }
        }
        // Anthropic refuses a stop sequence of blanks.
        let stop = sampling.stop.filter { !$0.allSatisfy(\.isWhitespace) }
        if stop.count < sampling.stop.count { writer.dropped.add("stop") }
        if !stop.isEmpty { add("stop_sequences", .array(stop.map { .string($0) })) }
    }

    private mutating func writeConversation() throws(GatehouseError) {
        var tools = try AnthropicTools.translated(request, model, &writer.names, &writer.dropped)
        let choice = try AnthropicTools.translatedChoice(request, hasTools: !tools.isEmpty, &writer.names)
        let turns = try AnthropicTurns(request.messages, &writer)
        if turns.isPrefilled, !model.takesPrefill {
            throw GatehouseError(
                .unsupportedParameter, "The target's model cannot go on from an assistant's message at the end.",
                param: "messages")
        }
        var system = turns.system
        var messages = turns.messages
        let isWithin = AnthropicCacheMarkers.limit(
            tools: &tools, system: &system, messages: &messages, others: request.cache == nil ? 0 : 1)
        if !isWithin { writer.dropped.add("cache_control") }
        if let cache = request.cache { add("cache_control", AnthropicCache.written(cache)) }
        if !tools.isEmpty { add("tools", .array(tools)) }
        add("tool_choice", choice)
        if !system.isEmpty { add("system", .array(system)) }
        add("messages", .array(messages))
    }

    /// Names what has no place in this dialect.
    private mutating func report() {
        let sampling = request.sampling
        let lost: [(String, Bool)] = [
            ("frequency_penalty", sampling.frequencyPenalty != nil),
            ("presence_penalty", sampling.presencePenalty != nil), ("seed", sampling.seed != nil),
            ("min_p", sampling.minP != nil), ("logprobs", sampling.logprobs == true),
            ("top_logprobs", sampling.topLogprobs != nil), ("metadata", !request.metadata.isEmpty),
            ("store", request.store == true),
        ]
        for (name, isLost) in lost where isLost { writer.dropped.add(name) }
        writer.dropped.add(request.extensions, foreignTo: .anthropic)
        if let reasoning = request.reasoning { writer.dropped.add(reasoning.extensions, foreignTo: .anthropic) }
        if case .jsonSchema(let format) = request.responseFormat {
            writer.dropped.add(format.extensions, foreignTo: .anthropic)
        }
    }
}
