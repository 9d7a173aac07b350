/// How much to think: each vendor on Bedrock has words of its own for it in `additionalModelRequestFields`.
enum BedrockReasoning {
    /// The fields that speak of thinking.
    private static let fields: Set<String> = [
        "thinking", "reasoning_config", "reasoningConfig", "reasoning_effort", "output_config",
    ]

    // MARK: Reading

    /// Takes `additionalModelRequestFields` apart. What speaks of thinking is kept as it came, for the way back.
    static func read(_ fields: inout JSONFields, _ request: inout CanonicalRequest) throws(GatehouseError) {
        guard let members = try fields.members("additionalModelRequestFields") else { return }
        var rest: [JSONValue.Member] = []
        var own: [JSONValue.Member] = []
        for member in members {
            if self.fields.contains(member.key) {
                own.append(member)
            } else if member.key == "top_k", let count = member.value.int {
                request.sampling.topK = count
            } else {
                rest.append(member)
            }
        }
        if !rest.isEmpty || members.isEmpty {
            request.extensions[.bedrock, "additionalModelRequestFields"] = .object(rest)
        }
        guard !own.isEmpty else { return }
        var reasoning = Reasoning()
        for member in own { interpret(member, &reasoning) }
        reasoning.extensions = Extensions(.bedrock, own)
        request.reasoning = reasoning
    }

    private static func interpret(_ member: JSONValue.Member, _ reasoning: inout Reasoning) {
        let value = member.value
        let word = value.string ?? value["effort"]?.string ?? value["maxReasoningEffort"]?.string
        if let effort = word.flatMap(Reasoning.Effort.init(rawValue:)) { reasoning.effort = effort }
        switch value["type"]?.string {
        case "enabled": reasoning.enabled = true
        case "disabled": reasoning.enabled = false
        case "adaptive": (reasoning.enabled, reasoning.isAdaptive) = (true, true)
        default: break
        }
        if let budget = value["budget_tokens"]?.int { reasoning.budget = budget }
    }

    // MARK: Writing

    /// What goes into `additionalModelRequestFields`. May take sampling parameters out of `request` that cannot stand
    /// beside thinking.
    static func write(_ request: inout CanonicalRequest, _ context: inout BedrockContext) -> [JSONValue.Member] {
        guard let reasoning = request.reasoning else { return [] }
        let own = reasoning.extensions.written(.bedrock)
        if !own.isEmpty { return own }
        context.drop(foreign: reasoning.extensions)
        if reasoning.isOff {
            switch context.model.thinking {
            case .adaptive(canBeDisabled: true): return [.init("thinking", .object(["type": .string("disabled")]))]
            default:
                if context.model.alwaysThinks { context.drop("reasoning") }
                return []
            }
        }
        switch context.model.thinking {
        case .none:
            context.drop("reasoning")
            return []
        case .effort:
            let effort = max(.low, min(.high, reasoning.level))
            return [.init("reasoning_effort", .string(effort.rawValue))]
        case .word: return [.init("reasoning_config", .string(reasoning.level <= .low ? "low" : "high"))]
        case .novaEffort: return nova(reasoning, &request, &context)
        case .budget, .budgetOrAdaptive, .adaptive: return claude(reasoning, &request, &context)
        }
    }

    /// Nova 2 refuses limits and sampling beside its highest effort.
    private static func nova(
        _ reasoning: Reasoning, _ request: inout CanonicalRequest, _ context: inout BedrockContext
    ) -> [JSONValue.Member] {
        var effort = max(.low, min(.high, reasoning.level))
        if effort == .high {
            if request.maxTokens != nil {
                effort = .medium
                context.drop("reasoning_effort")
            } else {
                dropSampling(&request, &context, isAll: true)
            }
        }
        let config = JSONValue.object([
            "type": .string("enabled"), "maxReasoningEffort": .string(effort.rawValue),
        ])
        return [.init("reasoningConfig", config)]
    }

    private static func claude(
        _ reasoning: Reasoning, _ request: inout CanonicalRequest, _ context: inout BedrockContext
    ) -> [JSONValue.Member] {
        // A choice that is forced leaves no room for thinking: Claude refuses both together.
        if request.forcesTool {
            context.drop("reasoning")
            return []
        }
        let isAdaptive =
            switch context.model.thinking {
            case .adaptive: true
            case .budgetOrAdaptive: reasoning.budget == nil
            default: context.model.family == .unknown && reasoning.isAdaptive
            }
        if isAdaptive { return adaptive(reasoning, &request, &context) }
        guard let budget = budget(reasoning, request, &context), !request.endsInUnthoughtCalls(BedrockSignature.isOurs)
        else {
            context.drop("reasoning")
            return []
        }
        dropSampling(&request, &context, isAll: false)
        let thinking = JSONValue.object(["type": .string("enabled"), "budget_tokens": .int(budget)])
        return [.init("thinking", thinking)]
    }

    private static func adaptive(
        _ reasoning: Reasoning, _ request: inout CanonicalRequest, _ context: inout BedrockContext
    ) -> [JSONValue.Member] {
        if reasoning.budget != nil { context.drop("budget_tokens") }
        dropSampling(&request, &context, isAll: false)
        let display: String? = reasoning.includeThoughts.map { $0 ? "summarized" : "omitted" }
        let thinking = JSONValue.object([
            "type": .string("adaptive"), "display": display.map { .string($0) },
        ])
        var members: [JSONValue.Member] = [.init("thinking", thinking)]
        if let effort = reasoning.effort {
            members.append(.init("output_config", .object(["effort": .string(word(effort, context.model))])))
        }
        return members
    }

    /// Claude's word; where a model lacks it, the next one above.
    private static func word(_ effort: Reasoning.Effort, _ model: BedrockModel) -> String {
        switch effort {
        case .none, .minimal, .low: "low"
        case .medium: "medium"
        case .high: "high"
        case .xhigh: model.thinking == .budgetOrAdaptive ? "max" : "xhigh"
        case .max: "max"
        }
    }

    /// Tokens to think: at least 1024, with a fifth of the answer's limit left for the answer itself.
    private static func budget(
        _ reasoning: Reasoning, _ request: CanonicalRequest, _ context: inout BedrockContext
    ) -> Int? {
        let told = reasoning.budget.flatMap { $0 > 0 ? $0 : nil }
        let wanted = max(1024, told ?? reasoning.level.budget)
        guard let limit = request.maxTokens else { return wanted }
        guard limit > 1024 else { return nil }
        let most = max(1024, limit - limit / 5)
        if let told, told > most { context.drop("budget_tokens") }
        return min(wanted, most)
    }

    /// Takes away what Claude refuses beside thinking: a temperature other than 1, `top_k`, and a small nucleus.
    private static func dropSampling(
        _ request: inout CanonicalRequest, _ context: inout BedrockContext, isAll: Bool
    ) {
        if let text = request.sampling.temperature, isAll || Double(text) != 1 {
            request.sampling.temperature = nil
            context.drop("temperature")
        }
        if let text = request.sampling.topP, isAll || (Double(text) ?? 0) < 0.95 {
            request.sampling.topP = nil
            context.drop("top_p")
        }
        if request.sampling.topK != nil {
            request.sampling.topK = nil
            context.drop("top_k")
        }
    }
}

extension Reasoning {
    fileprivate var isOff: Bool { enabled == false || effort == Effort.none || (effort == nil && budget == 0) }

    /// The effort, also where the caller told a number of tokens, or nothing but that it wants thinking.
    fileprivate var level: Effort {
        if let effort { return effort }
        guard let budget, budget > 0 else { return .medium }
        return Effort.allCases.first { $0.budget >= budget } ?? .max
    }
}

extension Reasoning.Effort {
    /// Tokens for models that take a number. The largest leaves room in every Claude model's longest answer.
    fileprivate var budget: Int {
        switch self {
        case .none: 0
        case .minimal: 1024
        case .low: 4096
        case .medium: 16_384
        case .high, .xhigh, .max: 30_000
        }
    }
}

extension JSONFields {
    /// The members of an object, all of them.
    fileprivate mutating func members(_ key: String) throws(GatehouseError) -> [JSONValue.Member]? {
        guard let value = value(key) else { return nil }
        guard let members = value.object else { throw invalid(key, "must be an object") }
        return members
    }
}
