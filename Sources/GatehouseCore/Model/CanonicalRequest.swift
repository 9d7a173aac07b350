/// A request in no vendor's dialect: what a caller asks of a model or an agent.
///
/// Decimal numbers are kept as the text they were written with, so that no rounding happens on the way.
package struct CanonicalRequest: Sendable, Equatable {
    /// The model's name as the target knows it; empty for the target's default.
    package var model: String
    /// In the caller's order. System messages stand where the caller put them; a dialect that has a place of its own for
    /// them gathers them.
    package var messages: [Message]
    package var stream = false
    /// The caller wants the usage of a stream told (always so in dialects that always tell it).
    package var wantsUsage = true
    /// The most tokens to produce; `nil` for the target's own limit.
    package var maxTokens: Int?
    package var tools: [Tool] = []
    package var toolChoice: ToolChoice?
    /// `false`: at most one call in an answer.
    package var parallelToolCalls: Bool?
    package var responseFormat: ResponseFormat?
    package var sampling = Sampling()
    package var reasoning: Reasoning?
    /// The caller's word for its own end user.
    package var user: String?
    /// Short texts that the vendor keeps with the answer.
    package var metadata: [JSONValue.Member] = []
    package var serviceTier: String?
    /// Whether the vendor shall keep the answer.
    package var store: Bool?
    /// The id of a stored answer that this one goes on from.
    package var previousResponse: String?
    /// A cache marker for the request as a whole.
    package var cache: CacheMarker?
    package var extensions = Extensions()

    package init(model: String, messages: [Message] = []) {
        self.model = model
        self.messages = messages
    }
}

/// How the next token is chosen. Decimals as written.
package struct Sampling: Sendable, Equatable {
    package var temperature: String?
    package var topP: String?
    package var topK: Int?
    package var minP: String?
    package var frequencyPenalty: String?
    package var presencePenalty: String?
    package var seed: Int?
    package var stop: [String] = []
    /// How many answers to give; 1 when `nil`.
    package var choices: Int?
    /// The probabilities of the tokens shall be told.
    package var logprobs: Bool?
    package var topLogprobs: Int?

    package init() {}

    /// Takes away what decides among tokens, for models that decide alone; gives the names of what was there.
    package mutating func takeChoiceOfTokens() -> [String] {
        let given = [
            ("temperature", temperature != nil), ("top_p", topP != nil), ("logprobs", logprobs == true),
            ("top_logprobs", topLogprobs != nil), ("frequency_penalty", frequencyPenalty != nil),
            ("presence_penalty", presencePenalty != nil),
        ]
        (temperature, topP, logprobs, topLogprobs) = (nil, nil, nil, nil)
        (frequencyPenalty, presencePenalty) = (nil, nil)
        return given.compactMap { $0.1 ? $0.0 : nil }
    }
}

/// How much a model shall think, and how much of it the caller sees.
package struct Reasoning: Sendable, Equatable {
    /// From least to most. Never lowered silently on the way to a target.
    package enum Effort: String, Sendable, CaseIterable, Comparable {
        case none, minimal, low, medium, high, xhigh, max

        package static func < (left: Effort, right: Effort) -> Bool { left.rank < right.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    package var effort: Effort?
    /// The most tokens to think; -1 where the caller leaves it to the model (Gemini's dynamic thinking).
    package var budget: Int?
    /// `true`: think as the model sees fit (Anthropic's `adaptive`); `false`: do not think.
    package var enabled: Bool?
    package var isAdaptive = false
    /// Whether the thoughts, or their summary, shall be in the answer.
    package var includeThoughts: Bool?
    /// `auto`, `concise` or `detailed`, where the caller names one.
    package var summary: String?
    package var extensions = Extensions()

    package init(effort: Effort? = nil, budget: Int? = nil) {
        self.effort = effort
        self.budget = budget
    }

    /// The caller wants thinking, however it says so.
    package var thinks: Bool {
        if let effort { return effort != Effort.none }
        return enabled == true || isAdaptive || (budget ?? 0) != 0
    }
}

/// The form of the answer.
package enum ResponseFormat: Sendable, Equatable {
    case text
    /// Any JSON object.
    case jsonObject
    case jsonSchema(JSONSchemaFormat)
}

/// A schema that the answer must follow.
package struct JSONSchemaFormat: Sendable, Equatable {
    package var name: String?
    package var description: String?
    package var schema: JSONValue
    package var strict: Bool?
    package var extensions = Extensions()

    package init(name: String? = nil, description: String? = nil, schema: JSONValue, strict: Bool? = nil) {
        self.name = name
        self.description = description
        self.schema = schema
        self.strict = strict
    }
}

/// Up to here a vendor shall keep what it has read, for later requests.
package struct CacheMarker: Sendable, Equatable {
    /// As the caller wrote it (`5m`, `1h`); `nil` for the vendor's default.
    package var ttl: String?
    package var extensions = Extensions()

    package init(ttl: String? = nil) { self.ttl = ttl }
}
