/// Writes a request of Cohere's chat API, version 2.
struct CohereRequestEncoder {
    /// What Cohere documents for the names of tools (https://docs.cohere.com/v1/reference/chat).
    static let nameRule = NameRule(1...64, marks: "_", startsWithLetter: true)

    private let request: CanonicalRequest
    private var dropped = DroppedNames()
    private var names = NameMap()

    static func encode(_ request: CanonicalRequest) throws(GatehouseError) -> EncodedRequest {
        var encoder = CohereRequestEncoder(request: request)
        return try encoder.encoded()
    }

    private init(request: CanonicalRequest) { self.request = request }

    private func note(_ key: String) -> JSONValue? { request.extensions[.cohere, key] }

    private mutating func encoded() throws(GatehouseError) -> EncodedRequest {
        try refuse()
        let choice = try choice()
        let tools = tools(choice.names)
        var messages = CohereMessageEncoder(names: names, dropped: dropped)
        for (index, message) in request.messages.enumerated() {
            try messages.add(message, at: "messages[\(index)]")
        }
        messages.finish()
        (names, dropped) = (messages.names, messages.dropped)
        let sampling = request.sampling
        let stream: JSONValue? = request.stream ? .bool(true) : note("$stream")
        let body = JSONValue.object([
            "model": .string(request.model), "messages": .array(messages.messages), "stream": stream,
            "max_tokens": request.maxTokens.map { .int($0) },
            "temperature": sampling.temperature.map { .number($0) }, "p": sampling.topP.map { .number($0) },
            "k": sampling.topK.map { .int($0) },
            "frequency_penalty": sampling.frequencyPenalty.map { .number($0) },
            "presence_penalty": sampling.presencePenalty.map { .number($0) },
            "seed": sampling.seed.map { .int($0) },
            "stop_sequences": sampling.stop.isEmpty ? nil : .array(sampling.stop.map { .string($0) }),
            "logprobs": sampling.logprobs.map { .bool($0) },
            "tools": tools.isEmpty ? nil : .array(tools), "tool_choice": choice.word,
            "strict_tools": strictTools(), "response_format": responseFormat(), "thinking": thinking(),
        ]).adding(request.extensions.everyMember(.cohere))
        report()
        var encoded = EncodedRequest(body: body)
        encoded.dropped = dropped.names
        encoded.names = names
        return encoded
    }

    /// What changes the meaning when it is left out.
    private func refuse() throws(GatehouseError) {
        if (request.sampling.choices ?? 1) > 1 {
            throw .unsupported("n", "Cohere gives one answer to a request.")
        }
        if request.previousResponse != nil {
            throw .unsupported("previous_response_id", "Cohere keeps no answers to go on from.")
        }
    }

    /// What can be left out.
    private mutating func report() {
        dropped.add("min_p", when: request.sampling.minP != nil)
        dropped.add("top_logprobs", when: request.sampling.topLogprobs != nil)
        dropped.add("parallel_tool_calls", when: request.parallelToolCalls == false)
        dropped.add("user", when: request.user != nil)
        dropped.add("metadata", when: !request.metadata.isEmpty)
        dropped.add("service_tier", when: request.serviceTier != nil)
        dropped.add("store", when: request.store == true)
        dropped.add("cache_control", when: request.cache != nil || request.tools.contains { $0.cache != nil })
        dropped.add(request.extensions, foreignTo: .cohere)
        if let reasoning = request.reasoning { dropped.add(reasoning.extensions, foreignTo: .cohere) }
        if case .jsonSchema(let format) = request.responseFormat {
            dropped.add(format.extensions, foreignTo: .cohere)
        }
    }

    // MARK: Tools

    /// The choice as Cohere says it, and the tools that are left to choose from (`nil` for all): one tool among others
    /// is demanded by sending no other.
    private func choice() throws(GatehouseError) -> (word: JSONValue?, names: Set<String>?) {
        switch request.toolChoice {
        case nil, .auto: return (nil, nil)
        case .some(.none): return (request.tools.isEmpty ? note("$tool_choice") : word("NONE"), nil)
        case .required: return (word("REQUIRED"), nil)
        case .tool(let name): return (word("REQUIRED"), try existing([name]))
        case .allowed(let names, let isRequired):
            return (isRequired ? word("REQUIRED") : nil, try existing(Set(names)))
        case .native: throw .unsupported("tool_choice", "Cohere can only demand functions.")
        }
    }

    private func word(_ word: String) -> JSONValue { note("$tool_choice") ?? .string(word) }

    private func existing(_ names: Set<String>) throws(GatehouseError) -> Set<String> {
        let functions = request.tools.filter { if case .function = $0.kind { true } else { false } }
        guard functions.contains(where: { names.contains($0.name) }) else {
            throw .unsupported("tool_choice", "It names no function among the tools.")
        }
        return names
    }

    private mutating func tools(_ chosen: Set<String>?) -> [JSONValue] {
        var tools: [JSONValue] = []
        for tool in request.tools where chosen?.contains(tool.name) != false {
            guard let value = FunctionTools(dialect: .cohere).encode(tool, named: names.legal(tool.name, Self.nameRule))
            else {
                dropped.add(tool.kindName)
                continue
            }
            dropped.add(tool.extensions, foreignTo: .cohere)
            tools.append(value)
        }
        return tools
    }

    /// Cohere's switch is for all tools at once.
    private mutating func strictTools() -> JSONValue? {
        if let own = note("$strict_tools") { return own }
        let strict = request.tools.filter { $0.strict == true }
        guard !strict.isEmpty else { return nil }
        if strict.count == request.tools.count { return .bool(true) }
        dropped.add("strict")
        return nil
    }

    // MARK: Format and thinking

    private func responseFormat() -> JSONValue? {
        let form = note("$response_format")
        switch request.responseFormat {
        case nil: return nil
        case .text: return JSONValue.object(["type": .string("text")]).adding(form?.object ?? [])
        case .jsonObject: return JSONValue.object(["type": .string("json_object")]).adding(form?.object ?? [])
        case .jsonSchema(let format):
            return JSONValue.object([
                .init("type", form?[0] ?? .string("json_object")),
                .init(form?[1]?.string ?? "json_schema", format.schema),
            ]).adding(format.extensions.everyMember(.cohere))
        }
    }

    private mutating func thinking() -> JSONValue? {
        guard let reasoning = request.reasoning else { return nil }
        dropped.add("reasoning.summary", when: reasoning.summary != nil)
        dropped.add("include_thoughts", when: reasoning.includeThoughts == false)
        let isOff = reasoning.enabled == false || reasoning.effort == Reasoning.Effort.none
        let budget = reasoning.budget.flatMap { $0 >= 0 ? $0 : nil }
        var type: String?
        if isOff || (budget == 0 && reasoning.enabled == nil) {
            type = "disabled"
        } else if reasoning.enabled == true || reasoning.effort != nil || reasoning.budget != nil {
            type = "enabled"
        }
        if reasoning.extensions[.cohere, "$untyped"] != nil { type = nil }
        // Thinking is on or off here; a level is more than that.
        dropped.add("reasoning_effort", when: !isOff && reasoning.effort != nil && budget == nil)
        let thinking = JSONValue.object([
            "type": type.map { .string($0) }, "token_budget": (isOff ? nil : budget).map { .int($0) },
        ]).adding(reasoning.extensions.everyMember(.cohere))
        return thinking == .object([]) ? nil : thinking
    }
}
