/// `thinking` and `output_config`, with the form of the answer that stands in it.
enum AnthropicThinking {
    // MARK: Reading

    static func read(_ fields: inout JSONFields, _ request: inout CanonicalRequest) throws(GatehouseError) {
        if var thinking = try fields.object("thinking") {
            var reasoning = Reasoning()
            let type = try thinking.requiredString("type")
            reasoning.budget = try thinking.int("budget_tokens")
            switch type {
            case "enabled": reasoning.enabled = true
            case "adaptive":
                reasoning.enabled = true
                reasoning.isAdaptive = true
            case "disabled", "between_tools": reasoning.enabled = false
            default: break
            }
            if let display = thinking.peek("display")?.string, ["summarized", "omitted"].contains(display) {
                _ = thinking.value("display")
                reasoning.includeThoughts = display == "summarized"
            }
            reasoning.extensions[.anthropic] = thinking.rest + [.init(AnthropicNote.type, .string(type))]
            request.reasoning = reasoning
        }
        if var output = try fields.object("output_config") {
            if let effort = output.peek("effort")?.string.flatMap(Reasoning.Effort.init(rawValue:)) {
                _ = output.value("effort")
                var reasoning = request.reasoning ?? Reasoning()
                reasoning.effort = effort
                request.reasoning = reasoning
            }
            try readFormat("format", &output, &request, place: nil)
            let isBare = request.reasoning?.effort == nil && request.responseFormat == nil
            if isBare || !output.rest.isEmpty { request.extensions[.anthropic, "output_config"] = .object(output.rest) }
        }
        if request.responseFormat == nil {
            try readFormat("output_format", &fields, &request, place: "output_format")
        }
    }

    private static func readFormat(
        _ key: String, _ fields: inout JSONFields, _ request: inout CanonicalRequest, place: String?
    ) throws(GatehouseError) {
        guard fields.peek(key)?["type"]?.string == "json_schema", var object = try fields.object(key) else { return }
        _ = object.value("type")
        guard let schema = object.value("schema") else { throw object.missing("schema") }
        var format = JSONSchemaFormat(schema: schema)
        format.extensions[.anthropic] = object.rest
        format.extensions[.anthropic, AnthropicNote.place] = place.map { .string($0) }
        request.responseFormat = .jsonSchema(format)
    }

    // MARK: Writing what came in this dialect

    static func write(_ request: CanonicalRequest, to members: inout [JSONValue.Member]) {
        if let reasoning = request.reasoning, let type = reasoning.extensions[.anthropic, AnthropicNote.type] {
            let thinking = JSONValue.object([
                "type": type, "budget_tokens": reasoning.budget.map { .int($0) },
                "display": reasoning.includeThoughts.map { .string($0 ? "summarized" : "omitted") },
            ])
            members.append(.init("thinking", thinking.adding(reasoning.extensions.written(.anthropic))))
        }
        var output: [JSONValue.Member] = []
        if let effort = request.reasoning?.effort { output.append(.init("effort", .string(effort.rawValue))) }
        if case .jsonSchema(let format) = request.responseFormat {
            let value = formatObject(format.schema).adding(format.extensions.written(.anthropic))
            if let place = format.extensions[.anthropic, AnthropicNote.place]?.string {
                members.append(.init(place, value))
            } else {
                output.append(.init("format", value))
            }
        }
        let rest = request.extensions[.anthropic, "output_config"]?.object
        guard !output.isEmpty || rest != nil else { return }
        members.append(.init("output_config", JSONValue.object(output).adding(rest ?? [])))
    }

    static func formatObject(_ schema: JSONValue) -> JSONValue {
        .object(["type": .string("json_schema"), "schema": schema])
    }

    // MARK: Writing what came in another dialect

    /// How a foreign request makes a model think.
    struct Plan: Equatable {
        var thinking: JSONValue?
        var effort: Reasoning.Effort?
        /// The model will think: sampling is limited.
        var isOn = false
        /// What was asked for cannot be had.
        var isDropped = false
    }

    /// Tokens to think for models that take no effort. `max_tokens` bounds them further.
    static func budget(_ effort: Reasoning.Effort) -> Int {
        switch effort {
        case .none, .minimal: 1_024
        case .low: 4_096
        case .medium: 16_384
        case .high: 32_768
        case .xhigh: 49_152
        case .max: 65_536
        }
    }

    /// The smallest budget Anthropic takes.
    private static let minimumBudget = 1_024

    /// - Parameters:
    ///   - isForced: A tool must be called. Anthropic takes that only without thoughts asked for: they are dropped, as
    ///     the caller's program cannot go on without the call.
    static func plan(_ request: CanonicalRequest, _ model: AnthropicModel, maxTokens: Int, isForced: Bool) -> Plan {
        var plan = Plan(isOn: model.thinksByDefault)
        guard let reasoning = request.reasoning else { return plan }
        if reasoning.effort == Reasoning.Effort.none || reasoning.enabled == false || reasoning.budget == 0 {
            switch model.off {
            case .silence: break
            case .word(let word):
                plan.thinking = .object(["type": .string(word)])
                plan.isOn = false
            case .impossible:
                plan.effort = model.efforts.first
                plan.isDropped = true
            }
            return plan
        }
        let asksToThink = reasoning.effort != nil || reasoning.budget != nil || reasoning.enabled == true
        guard asksToThink || (model.thinksByDefault && reasoning.includeThoughts == true) else { return plan }
        switch model.thinking {
        case .none: plan.isDropped = true
        case .budget:
            let wanted = reasoning.budget.flatMap { $0 > 0 ? $0 : nil } ?? budget(reasoning.effort ?? .medium)
            let isOpen = request.endsInUnthoughtCalls { $0.dialect == .anthropic }
            guard !isForced, !isOpen, maxTokens > minimumBudget else {
                plan.isDropped = true
                break
            }
            // A fifth is left for the answer itself.
            let tokens = max(minimumBudget, min(wanted, maxTokens - maxTokens / 5))
            plan.thinking = .object(["type": .string("enabled"), "budget_tokens": .int(tokens)])
            plan.isOn = true
        case .adaptive:
            plan.effort = effort(reasoning, model)
            guard !isForced else {
                plan.isDropped = true
                break
            }
            plan.isOn = true
            plan.thinking = .object([
                "type": .string("adaptive"),
                "display": reasoning.includeThoughts.map { .string($0 ? "summarized" : "omitted") },
            ])
        }
        return plan
    }

    /// The level that is meant, or the next higher one the model has: never a lower one while there is a higher.
    private static func effort(_ reasoning: Reasoning, _ model: AnthropicModel) -> Reasoning.Effort? {
        var wanted = reasoning.effort
        if wanted == nil, let tokens = reasoning.budget, tokens > 0 {
            wanted = Reasoning.Effort.allCases.dropFirst().first { budget($0) >= tokens } ?? .max
        }
        guard let wanted else { return nil }
        return model.efforts.first { $0 >= wanted } ?? model.efforts.last
    }

    /// A schema that Anthropic takes: every object with named properties must refuse others. That only narrows what the
    /// caller allowed. What else Anthropic does not support is left for it to refuse.
    static func closed(_ schema: JSONValue) -> JSONValue {
        guard case .object(var members) = schema else { return schema }
        for index in members.indices {
            switch (members[index].key, members[index].value) {
            case ("properties", .object(let named)), ("$defs", .object(let named)), ("definitions", .object(let named)):
                members[index].value = .object(named.map { .init($0.key, closed($0.value)) })
            case ("items", let element): members[index].value = closed(element)
            case ("anyOf", .array(let list)), ("allOf", .array(let list)), ("oneOf", .array(let list)):
                members[index].value = .array(list.map(closed))
            default: break
            }
        }
        let object = JSONValue.object(members)
        guard object["properties"] != nil else { return object }
        return object.adding([.init("additionalProperties", .bool(false))])
    }
}
