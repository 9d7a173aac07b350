/// `thinkingConfig`: levels for Gemini 3 and later, a budget of tokens for 2.5 (ai.google.dev/gemini-api/docs/thinking;
/// both in one request are refused). Models before 2.5 do not think.
///
/// Efforts follow the table of Google's own OpenAI-compatible endpoint:
///
/// | effort | 3 and later | 3 Pro (before 3.1) | 2.5: tokens |
/// |---|---|---|---|
/// | none | minimal (Pro: low) | low | 0 (Pro: 128, the least it takes) |
/// | minimal | minimal (Pro: low) | low | 1024 |
/// | low | low | low | 1024 |
/// | medium | medium | high | 8192 |
/// | high | high | high | 24576 |
/// | xhigh, max | high | high | the most it takes (Pro: 32768, others: 24576) |
///
/// Where a model has nothing as high (or as low as none), the nearest is sent and the field is reported as dropped.
enum GeminiThinking {
    private typealias Note = GeminiRequestDecoder.Note

    static func decode(_ fields: JSONFields) throws(GatehouseError) -> Reasoning {
        var fields = fields
        var reasoning = Reasoning()
        reasoning.budget = try fields.int("thinkingBudget", in: -1...Int.max)
        if reasoning.budget == 0 { reasoning.enabled = false }
        reasoning.includeThoughts = try fields.bool("includeThoughts")
        if let level = try fields.string("thinkingLevel") {
            reasoning.extensions[.gemini, Note.level] = .string(level)
            reasoning.effort = Reasoning.Effort(rawValue: level.lowercased())
        }
        reasoning.extensions[.gemini] += fields.rest
        reasoning.extensions[.gemini, Note.thinkingConfig] = .bool(true)
        return reasoning
    }

    static func encode(_ reasoning: Reasoning?, _ context: inout GeminiEncoding) -> JSONValue? {
        guard let reasoning else { return nil }
        context.drop(reasoning.extensions.foreign(to: .gemini))
        if reasoning.extensions[.gemini, Note.thinkingConfig] != nil { return own(reasoning) }
        guard context.model.isAtLeast(2, 5) else {
            context.drop("reasoning_effort")
            return nil
        }
        var members = context.model.isAtLeast(3) ? level(reasoning, &context) : budget(reasoning, &context)
        let wantsThoughts =
            reasoning.includeThoughts
            ?? (reasoning.summary != nil || reasoning.enabled == true || reasoning.isAdaptive
                || reasoning.budget.map { $0 != 0 } == true)
        if wantsThoughts { members.append(JSONValue.Member("includeThoughts", .bool(true))) }
        return members.isEmpty ? nil : .object(members)
    }

    /// As it was written in this dialect.
    private static func own(_ reasoning: Reasoning) -> JSONValue {
        let members = JSONValue.object([
            "thinkingBudget": reasoning.budget.map { .int($0) },
            "thinkingLevel": reasoning.extensions[.gemini, Note.level],
            "includeThoughts": reasoning.includeThoughts.map { .bool($0) },
        ])
        return members.adding(reasoning.extensions.written(.gemini))
    }

    // MARK: Gemini 3 and later

    private static func level(_ reasoning: Reasoning, _ context: inout GeminiEncoding) -> [JSONValue.Member] {
        // A budget is still taken by these models, and says more than a level.
        if let budget = reasoning.budget, budget > 0, reasoning.effort == nil {
            return [JSONValue.Member("thinkingBudget", .int(budget))]
        }
        let isOff = reasoning.enabled == false || reasoning.budget == 0
        guard let effort = isOff ? Reasoning.Effort.none : reasoning.effort else { return [] }
        let isPro = context.model.tier == .pro
        if effort > .high || effort == .none { context.drop("reasoning_effort") }
        let level: Reasoning.Effort =
            switch effort {
            case .none, .minimal: isPro ? .low : .minimal
            case .low: .low
            case .medium: isPro && !context.model.isAtLeast(3, 1) ? .high : .medium
            case .high, .xhigh, .max: .high
            }
        return [JSONValue.Member("thinkingLevel", .string(level.rawValue))]
    }

    // MARK: Gemini 2.5

    private static func budget(_ reasoning: Reasoning, _ context: inout GeminiEncoding) -> [JSONValue.Member] {
        let isPro = context.model.tier == .pro
        let least = isPro ? 128 : context.model.tier == .lite ? 512 : 1
        let most = isPro ? 32768 : 24576
        func tokens(_ count: Int) -> [JSONValue.Member] { [JSONValue.Member("thinkingBudget", .int(count))] }
        if reasoning.enabled == false || reasoning.budget == 0 || reasoning.effort == Reasoning.Effort.none {
            if isPro { context.drop("reasoning_effort") }
            return tokens(isPro ? least : 0)
        }
        if let budget = reasoning.budget {
            if budget > most { context.drop("reasoning_budget") }
            return tokens(budget < 0 ? -1 : min(max(budget, least), most))
        }
        guard let effort = reasoning.effort else {
            return reasoning.enabled == true || reasoning.isAdaptive ? tokens(-1) : []
        }
        switch effort {
        case .none, .minimal, .low: return tokens(1024)
        case .medium: return tokens(8192)
        case .high: return tokens(24576)
        case .xhigh, .max:
            if !isPro { context.drop("reasoning_effort") }
            return tokens(most)
        }
    }
}
