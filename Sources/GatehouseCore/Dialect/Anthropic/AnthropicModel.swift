/// What a model of Anthropic takes, by its family and version as its name tells them.
///
/// Only requests of other dialects are fitted to it: those in Anthropic's own go out as they came. Sources: the
/// overview and the migration guide of each model, and the pages on effort, thinking and structured outputs, all at
/// https://platform.claude.com/docs; a model newer than this table is taken for the newest of its family.
package struct AnthropicModel: Sendable, Equatable {
    package enum Family: String, Sendable, CaseIterable { case opus, sonnet, haiku, fable, mythos, instant }

    /// How a model is made to think.
    package enum Thinking: Sendable, Equatable {
        /// It cannot.
        case none
        /// `thinking.budget_tokens`.
        case budget
        /// `thinking.type` `adaptive`, and `output_config.effort`.
        case adaptive
    }

    /// How a model is kept from thinking.
    package enum Off: Sendable, Equatable {
        /// It thinks only when asked to.
        case silence
        case word(String)
        case impossible
    }

    /// `nil` for a model that is not Anthropic's, behind the same API.
    package var family: Family?
    /// Version 4.6 is 406.
    package var version: Int

    private static let newest = 505

    /// Reads names of every platform: `claude-opus-4-6`, `claude-3-5-sonnet-20241022`, `anthropic/claude-opus-4.6`,
    /// `us.anthropic.claude-opus-4-6-v1:0`, `claude-sonnet-4@20250514`.
    package init(name: String) {
        let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }
        family = words.lazy.compactMap { Family(rawValue: String($0)) }.first
        version = Self.newest
        guard family != nil || words.contains("claude") else { return }
        if family == nil { family = .instant }
        // A date is longer than two digits, and `v1` is no number.
        func number(_ index: Int) -> Int? {
            words.indices.contains(index) && words[index].utf8.count <= 2 ? Int(words[index]) : nil
        }
        if let index = words.indices.first(where: { number($0) != nil }), let major = number(index) {
            version = major * 100 + (number(index + 1) ?? 0)
        }
    }

    /// The most tokens an answer may have, thoughts included. `max_tokens` is mandatory, so this is the default.
    package var maxOutput: Int {
        switch (family, version) {
        case (nil, _): 32_000  // what compatible servers take in common
        case (_, 406...): 128_000
        case (_, 405): 64_000
        case (.opus, 400...): 32_000
        case (_, 307...): 64_000
        case (_, 305...): 8_192
        default: 4_096
        }
    }

    package var thinking: Thinking {
        switch (family, version) {
        case (nil, _): .budget
        case (_, 406...), (.mythos, _): .adaptive
        case (_, 307...): .budget
        default: .none
        }
    }

    /// Thinks without being told to.
    package var thinksByDefault: Bool { family != nil && version >= 500 }

    package var off: Off {
        switch (family, version) {
        case (.fable, _), (.mythos, _), (.opus, 505...): .impossible
        case (.sonnet, 505...): .word("between_tools")
        case (.some, 500...): .word("disabled")
        default: .silence
        }
    }

    /// What `output_config.effort` takes, from least to most.
    package var efforts: [Reasoning.Effort] {
        switch (family, version) {
        case (.some, 407...): [.low, .medium, .high, .xhigh, .max]
        case (.some, 406): [.low, .medium, .high, .max]
        default: []
        }
    }

    /// `temperature`, `top_p` and `top_k` other than the default are taken.
    package var takesSampling: Bool { family == nil || version < 407 }

    /// `temperature` and `top_p` are taken together.
    package var takesTwoSamplings: Bool { family == nil || version < 401 }

    /// `tool_choice` `any` and `tool` are taken (never together with thoughts that were asked for).
    package var takesForcedTools: Bool {
        switch (family, version) {
        case (.fable, 501...), (.mythos, 501...), (.opus, 505...), (.sonnet, 505...): false
        default: true
        }
    }

    /// `output_config.format` and `strict` tools.
    package var takesStructuredOutput: Bool { family != nil && (version >= 405 || (family, version) == (.opus, 401)) }

    /// The answer may begin with words of the request's last message.
    package var takesPrefill: Bool { family == nil || version < 406 }
}
