/// One thing that happened while a model or an agent answered.
package enum CanonicalEvent: Sendable, Equatable {
    case started(model: String?, session: String?)
    case textDelta(String)
    case reasoningDelta(String)
    /// A piece of a function call that the caller must carry out. `index` numbers the calls of one answer from 0.
    case toolCallDelta(index: Int, id: String?, name: String?, arguments: String)
    /// An agent began to use one of its own tools. `input` is JSON text.
    case toolStarted(id: String, name: String, input: String?)
    case toolFinished(id: String, succeeded: Bool, denied: Bool)
    case notice(Notice)
    case limit(UsageLimit)
    case finished(Finish)
}

/// Something an agent wanted a person to know.
package struct Notice: Sendable, Equatable {
    package enum Severity: String, Sendable { case info, warning, error }
    package var severity: Severity
    package var text: String

    package init(_ severity: Severity, _ text: String) {
        self.severity = severity
        self.text = text
    }
}

/// A window of an account that is being used up.
package struct UsageLimit: Sendable, Equatable {
    package var kind: String
    /// Fraction used, 0...1, where told.
    package var used: Double?
    /// Seconds since 1970, where told.
    package var resetsAt: Int?

    package init(kind: String, used: Double? = nil, resetsAt: Int? = nil) {
        self.kind = kind
        self.used = used
        self.resetsAt = resetsAt
    }
}

/// How an answer ended, well.
package struct Finish: Sendable, Equatable {
    package var reason: FinishReason
    package var usage: Usage?
    package var cost: Cost?
    /// The agent's own id of this conversation.
    package var session: String?

    package init(_ reason: FinishReason, usage: Usage? = nil, cost: Cost? = nil, session: String? = nil) {
        self.reason = reason
        self.usage = usage
        self.cost = cost
        self.session = session
    }
}

/// Why an answer ended.
package enum FinishReason: String, Sendable, CaseIterable {
    case stop, length, toolCalls = "tool_calls", contentFilter = "content_filter"
}

/// Tokens of one answer. `input` includes `cachedInput`; `output` includes `reasoning`.
package struct Usage: Sendable, Equatable {
    package var input: Int
    package var output: Int
    package var cachedInput: Int
    package var reasoning: Int

    package init(input: Int, output: Int, cachedInput: Int = 0, reasoning: Int = 0) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.reasoning = reasoning
    }

    /// Input and output together, capped at `Int.max`.
    package var total: Int {
        let (sum, overflow) = input.addingReportingOverflow(output)
        return overflow ? .max : sum
    }
}

/// What an agent says an answer cost, in its own unit (`usd`, `premium_requests`, `credits`).
package struct Cost: Sendable, Equatable {
    package var unit: String
    /// Decimal text exactly as the agent wrote it.
    package var amount: String

    package init(unit: String, amount: String) {
        self.unit = unit
        self.amount = amount
    }
}
