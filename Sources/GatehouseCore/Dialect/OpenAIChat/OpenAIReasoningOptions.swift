/// How much a model shall think, in the words of the providers that speak OpenAI's chat format.
enum OpenAIReasoningOptions {
    private static let keys = [
        "reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget", "include_reasoning",
    ]

    // MARK: Reading

    /// The members as they came, for this dialect's own encoder.
    private static let came = "$members"

    /// What a request says. What of it the canonical model has no words for is told to other targets by its name.
    static func read(_ fields: inout JSONFields) throws(GatehouseError) -> Reasoning? {
        var members: [JSONValue.Member] = []
        var reasoning = Reasoning()
        if let effort = fields.peek("reasoning_effort"), !effort.isNull, effort.string == nil {
            throw fields.invalid("reasoning_effort", "must be a string")
        }
        for key in keys {
            guard let value = fields.value(key) else { continue }
            members.append(.init(key, value))
            read(key, value, into: &reasoning)
            if !isUnderstood(key, value) { reasoning.extensions[.openAIChat, key] = value }
        }
        guard !members.isEmpty else { return nil }
        reasoning.extensions[.openAIChat, came] = .object(members)
        return reasoning
    }

    private static func isUnderstood(_ key: String, _ value: JSONValue) -> Bool {
        func has(only names: Set<String>) -> Bool { value.object?.allSatisfy { names.contains($0.key) } ?? false }
        if value.isNull { return true }
        switch key {
        case "reasoning_effort": return value.string.flatMap(Reasoning.Effort.init(rawValue:)) != nil
        case "reasoning":
            let isEffort = value["effort"].map { $0.string.flatMap(Reasoning.Effort.init(rawValue:)) != nil } ?? true
            return isEffort && has(only: ["effort", "max_tokens", "enabled", "exclude", "summary"])
        case "thinking":
            let types = ["enabled", "disabled", "adaptive", "auto"]
            return types.contains(value["type"]?.string ?? "") && has(only: ["type", "budget_tokens"])
        case "thinking_budget": return value.int != nil
        default: return value.bool != nil
        }
    }

    private static func read(_ key: String, _ value: JSONValue, into reasoning: inout Reasoning) {
        switch key {
        case "reasoning_effort": reasoning.effort = value.string.flatMap(Reasoning.Effort.init(rawValue:))
        case "reasoning":
            reasoning.effort = value["effort"]?.string.flatMap(Reasoning.Effort.init(rawValue:)) ?? reasoning.effort
            reasoning.budget = value["max_tokens"]?.int
            reasoning.enabled = value["enabled"]?.bool
            reasoning.includeThoughts = value["exclude"]?.bool.map { !$0 }
            reasoning.summary = value["summary"]?.string
        case "thinking":
            reasoning.budget = value["budget_tokens"]?.int ?? reasoning.budget
            switch value["type"]?.string {
            case "enabled": reasoning.enabled = true
            case "disabled": reasoning.enabled = false
            case "adaptive", "auto": (reasoning.enabled, reasoning.isAdaptive) = (true, true)
            default: break
            }
        case "enable_thinking": reasoning.enabled = value.bool ?? reasoning.enabled
        case "thinking_budget": reasoning.budget = value.int ?? reasoning.budget
        default: reasoning.includeThoughts = value.bool ?? reasoning.includeThoughts
        }
    }

    // MARK: Writing

    /// The members for a target.
    ///
    /// - Parameter dropped: Takes the names of what cannot be said.
    static func members(
        _ reasoning: Reasoning, for target: OpenAIChatTarget, dropped: inout [String]
    ) -> [JSONValue.Member] {
        if let own = reasoning.extensions[.openAIChat, came]?.object { return own }
        if reasoning.summary != nil, target.reasoning != .object { dropped.append("reasoning.summary") }
        switch target.reasoning {
        case .effort: return effort(reasoning, for: target, dropped: &dropped)
        case .object: return object(reasoning)
        case .thinkingType:
            guard let enabled = isOn(reasoning) else { return [] }
            return [.init("thinking", .object(["type": .string(enabled ? "enabled" : "disabled")]))]
        case .enableThinking:
            guard let enabled = isOn(reasoning) else { return [] }
            var members = [JSONValue.Member("enable_thinking", .bool(enabled))]
            if let budget = reasoning.budget, budget > 0 { members.append(.init("thinking_budget", .int(budget))) }
            return members
        }
    }

    private static func isOn(_ reasoning: Reasoning) -> Bool? {
        if let effort = reasoning.effort { return effort != .none }
        if let enabled = reasoning.enabled { return enabled }
        return reasoning.budget.map { $0 != 0 }
    }

    private static func effort(
        _ reasoning: Reasoning, for target: OpenAIChatTarget, dropped: inout [String]
    ) -> [JSONValue.Member] {
        if reasoning.effort == nil, reasoning.enabled == false {
            // Models that do not think refuse the field, and there is no word that all others take for "do not".
            dropped.append("reasoning")
            return []
        }
        guard let effort = reasoning.effort ?? reasoning.budget.flatMap(effort(ofBudget:)) else { return [] }
        return [.init("reasoning_effort", .string(word(effort, isOpenAI: target.isOpenAI)))]
    }

    private static func object(_ reasoning: Reasoning) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let effort = reasoning.effort {
            members.append(.init("effort", .string(word(effort, isOpenAI: true))))
        } else if let budget = reasoning.budget, budget > 0 {
            members.append(.init("max_tokens", .int(budget)))
        } else if let enabled = isOn(reasoning) {
            members.append(.init("enabled", .bool(enabled)))
        }
        if reasoning.includeThoughts == false { members.append(.init("exclude", .bool(true))) }
        return members.isEmpty ? [] : [.init("reasoning", .object(members))]
    }

    /// OpenAI's scale ends at `xhigh`.
    private static func word(_ effort: Reasoning.Effort, isOpenAI: Bool) -> String {
        isOpenAI && effort == .max ? Reasoning.Effort.xhigh.rawValue : effort.rawValue
    }

    /// The least level that is not below what the budget allows; `nil` where the model may choose.
    private static func effort(ofBudget budget: Int) -> Reasoning.Effort? {
        switch budget {
        case ..<0: nil
        case 0: Reasoning.Effort.none
        case ...2048: .low
        case ...8192: .medium
        default: .high
        }
    }
}
