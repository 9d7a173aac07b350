/// Writes a request of Ollama's chat API.
struct OllamaRequestEncoder {
    private let request: CanonicalRequest
    private var dropped = DroppedNames()

    static func encode(_ request: CanonicalRequest) throws(GatehouseError) -> EncodedRequest {
        var encoder = OllamaRequestEncoder(request: request)
        return try encoder.encoded()
    }

    private init(request: CanonicalRequest) { self.request = request }

    private func note(_ key: String) -> JSONValue? { request.extensions[.ollama, key] }

    private mutating func encoded() throws(GatehouseError) -> EncodedRequest {
        if (request.sampling.choices ?? 1) > 1 { throw .unsupported("n", "Ollama gives one answer to a request.") }
        if request.previousResponse != nil {
            throw .unsupported("previous_response_id", "Ollama keeps no answers to go on from.")
        }
        let tools = tools(try chosen())
        var messages = OllamaMessageEncoder(dropped: dropped)
        for (index, message) in request.messages.enumerated() {
            try messages.add(message, at: "messages[\(index)]")
        }
        dropped = messages.dropped
        // Ollama streams unless it is told not to.
        let isStreamSilent = request.stream && note("$stream") != nil
        let body = JSONValue.object([
            "model": .string(request.model), "messages": .array(messages.messages),
            "stream": isStreamSilent ? nil : .bool(request.stream),
            "tools": tools.isEmpty ? nil : .array(tools), "format": format() ?? note("$format"),
            "think": think(), "options": options(),
            "logprobs": request.sampling.logprobs.map { .bool($0) },
            "top_logprobs": request.sampling.topLogprobs.map { .int($0) },
        ]).adding(request.extensions.everyMember(.ollama).filter { $0.key != "options" })
        report()
        var encoded = EncodedRequest(body: body)
        encoded.dropped = dropped.names
        return encoded
    }

    private mutating func report() {
        dropped.add("parallel_tool_calls", when: request.parallelToolCalls == false)
        dropped.add("user", when: request.user != nil)
        dropped.add("metadata", when: !request.metadata.isEmpty)
        dropped.add("service_tier", when: request.serviceTier != nil)
        dropped.add("store", when: request.store == true)
        dropped.add("cache_control", when: request.cache != nil || request.tools.contains { $0.cache != nil })
        dropped.add("strict", when: request.tools.contains { $0.strict == true })
        dropped.add(request.extensions, foreignTo: .ollama)
        if let reasoning = request.reasoning { dropped.add(reasoning.extensions, foreignTo: .ollama) }
        if case .jsonSchema(let format) = request.responseFormat {
            dropped.add(format.extensions, foreignTo: .ollama)
        }
    }

    /// The names that are left to choose from; `nil` for all. Ollama has no choice of tools: no call is had by offering
    /// none, and a call cannot be demanded.
    private func chosen() throws(GatehouseError) -> Set<String>? {
        switch request.toolChoice {
        case nil, .auto: return nil
        case .some(.none): return []
        case .allowed(let names, isRequired: false): return Set(names)
        case .required, .tool, .allowed, .native:
            throw .unsupported("tool_choice", "Ollama cannot be made to call a function.")
        }
    }

    private mutating func tools(_ chosen: Set<String>?) -> [JSONValue] {
        var tools: [JSONValue] = []
        for tool in request.tools where chosen?.contains(tool.name) != false {
            guard let value = FunctionTools(dialect: .ollama).encode(tool, named: tool.name) else {
                dropped.add(tool.kindName)
                continue
            }
            dropped.add(tool.extensions, foreignTo: .ollama)
            tools.append(value)
        }
        return tools
    }

    private func format() -> JSONValue? {
        switch request.responseFormat {
        case nil, .text: nil
        case .jsonObject: .string("json")
        case .jsonSchema(let format): format.schema
        }
    }

    private mutating func think() -> JSONValue? {
        guard let reasoning = request.reasoning else { return nil }
        dropped.add("reasoning.summary", when: reasoning.summary != nil)
        dropped.add("include_thoughts", when: reasoning.includeThoughts == false)
        if reasoning.enabled == false || reasoning.effort == Reasoning.Effort.none { return .bool(false) }
        if reasoning.budget == 0, reasoning.enabled == nil, reasoning.effort == nil { return .bool(false) }
        dropped.add("thinking_budget", when: (reasoning.budget ?? 0) > 0)
        switch reasoning.effort {
        case .minimal, .low: return .string("low")
        case .medium: return .string("medium")
        case .high: return .string("high")
        case .xhigh, .max:
            // The highest level there is.
            dropped.add("reasoning_effort")
            return .string("high")
        case nil, .some(.none): return reasoning.enabled == true || reasoning.budget != nil ? .bool(true) : nil
        }
    }

    private func options() -> JSONValue? {
        let sampling = request.sampling
        let own = note("options") ?? note("$options")
        let options = JSONValue.object([
            "num_predict": request.maxTokens.map { .int($0) },
            "temperature": sampling.temperature.map { .number($0) }, "top_p": sampling.topP.map { .number($0) },
            "top_k": sampling.topK.map { .int($0) }, "min_p": sampling.minP.map { .number($0) },
            "frequency_penalty": sampling.frequencyPenalty.map { .number($0) },
            "presence_penalty": sampling.presencePenalty.map { .number($0) },
            "seed": sampling.seed.map { .int($0) },
            "stop": sampling.stop.isEmpty ? nil : .array(sampling.stop.map { .string($0) }),
        ]).adding(own?.object ?? [])
        return options == .object([]) && own == nil ? nil : options
    }
}
