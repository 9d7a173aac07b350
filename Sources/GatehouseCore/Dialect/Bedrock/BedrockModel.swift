/// What a model's id tells of what it takes. Bedrock serves many vendors' models behind one format, and refuses fields
/// that a model does not know.
struct BedrockModel: Sendable, Equatable {
    enum Family: Sendable, Equatable {
        case claude, nova, mistral, cohere, openAI, qwen, other
        /// The id says nothing: an application inference profile, an imported model.
        case unknown
    }

    let family: Family
    /// Claude's or Nova's version, times ten: 37 for 3.7.
    private let version: Int?
    /// Claude models that cannot be told not to think.
    let alwaysThinks: Bool

    /// - Parameter id: a model's id, an inference profile's, or an ARN of either.
    init(_ id: String) {
        let id = id.lowercased()
        family = Self.family(id)
        alwaysThinks = family == .claude && (id.contains("fable") || id.contains("mythos"))
        version = Self.version(id, family)
    }

    private static func family(_ id: String) -> Family {
        let vendors: [(String, Family)] = [
            ("anthropic.", .claude), ("amazon.nova", .nova), ("mistral.", .mistral), ("cohere.", .cohere),
            ("openai.", .openAI), ("qwen.", .qwen),
        ]
        if let found = vendors.first(where: { id.contains($0.0) }) { return found.1 }
        return id.isEmpty || id.hasPrefix("arn:") ? .unknown : .other
    }

    private static func version(_ id: String, _ family: Family) -> Int? {
        let mark = family == .claude ? "claude-" : "nova-"
        guard family == .claude || family == .nova, let start = id.firstRange(of: mark) else { return nil }
        let words = id[start.upperBound...].split { $0 == "-" || $0 == ":" || $0 == "/" }
        // `sonnet-4-5-20250929-v1`: 45; `opus-5`: 50; `v2`: 20. A date is no version.
        for (index, word) in words.enumerated() {
            if let old = word.first == "v" ? Int(word.dropFirst()) : nil, index == 0 { return min(old, 9) * 10 }
            guard let major = Int(word), (1...99).contains(major) else { continue }
            let minor = words.indices.contains(index + 1) ? Int(words[index + 1]) : nil
            return major * 10 + (minor.flatMap { (0...9).contains($0) ? $0 : nil } ?? 0)
        }
        // New Claude models without a number know what the newest do; Nova without a number is the first.
        return family == .claude ? 990 : 10
    }

    private func isClaude(_ versions: PartialRangeFrom<Int>) -> Bool {
        family == .claude && version.map(versions.contains) == true
    }

    /// Signatures of Claude models are valid wherever Claude is served.
    var takesClaudeSignatures: Bool { family == .claude || family == .unknown }

    var takesCachePoints: Bool { [.claude, .nova, .unknown].contains(family) }
    var takesCachePointsOnTools: Bool { family == .claude || family == .unknown }

    /// Known not to follow schemas strictly.
    var refusesStrict: Bool {
        switch family {
        case .nova, .cohere: true
        case .claude: !isClaude(45...)
        default: false
        }
    }

    /// Temperature or nucleus, not both.
    var takesOneOfTemperatureAndTopP: Bool { isClaude(41...) }
    /// No sampling parameters at all.
    var refusesSampling: Bool { isClaude(47...) }

    /// How thinking is asked for.
    enum Thinking: Sendable, Equatable {
        /// `thinking` with a budget.
        case budget
        /// `thinking: adaptive` and an effort; a budget works still.
        case budgetOrAdaptive
        case adaptive(canBeDisabled: Bool)
        /// Nova 2's `reasoningConfig`.
        case novaEffort
        /// `reasoning_effort`.
        case effort
        /// Qwen's `reasoning_config`, a word.
        case word
        case none
    }

    var thinking: Thinking {
        switch family {
        case .claude where isClaude(47...): .adaptive(canBeDisabled: !alwaysThinks && isClaude(50...))
        case .claude where isClaude(46...): .budgetOrAdaptive
        case .claude: isClaude(37...) ? .budget : .none
        case .unknown: .budget
        case .nova: version == 10 ? .none : .novaEffort
        case .openAI: .effort
        case .qwen: .word
        case .mistral, .cohere, .other: .none
        }
    }

    /// What this model's vendor takes for the id of a call.
    var callIDs: NameRule {
        switch family {
        case .claude: NameRule(1...64)
        case .mistral: NameRule(9...9, marks: "")
        default: NameRule(1...64, marks: "_.:-")
        }
    }
}
