package import GatehouseCore
package import NIOCore

/// What is known of a call when it is settled: for the access record and the metrics.
package struct CallRecord: Sendable {
    package var id: String
    /// `nil` for a request that was refused before it was known what it asks.
    package var operation: Operation?
    /// The name of the caller's key; empty when there was none.
    package var key: String
    /// As the caller named it; empty when that could not be read.
    package var model = ""
    package var provider = ""
    package var upstreamModel = ""
    /// Whether the target is an agent.
    package var isAgent = false
    /// How the agent was confined.
    package var sandbox: String?
    /// The name of the provider's key that was used, where it has several.
    package var upstreamKey: String?
    /// The name of the agent's account that was used, where it has some.
    package var account: String?
    package var isStream = false
    package var attempts = 0
    /// Attempts before or beside the one that the rest of the record tells of.
    package var tries: [Try] = []
    /// Another target was asked as well because the first one took long.
    package var isHedged = false
    /// The answer was read on after the caller had left.
    package var isDrained = false
    /// What the cache had to do with the answer; `nil` where there is none.
    package var cache: CacheOutcome?
    /// How long it waited for its turn.
    package var queued: TimeAmount?
    /// 499 when the client left before anything was sent.
    package var status = 0
    package var outcome = CallMachine.Outcome.completed
    package var usage: Usage?
    package var cost: Cost?
    /// What all its attempts cost, as far as their prices are known.
    package var price: (amount: Money, currency: String)?
    /// Budgets that are nearly spent.
    package var budgetWarnings: [String] = []
    package var upstreamRequestID: String?
    /// Fields of the caller that the target did not see.
    package var dropped: [String] = []
    package var bytesIn = 0
    package var bytesOut = 0
    package var timeToFirstByte: TimeAmount?
    package var duration = TimeAmount.zero

    /// An attempt that the caller got nothing of.
    package struct Try: Sendable, Equatable {
        package var provider: String
        package var model: String
        /// A failure's class, or `hedge_lost`.
        package var outcome: String

        init(_ target: Route, _ outcome: String) {
            provider = target.entry.name
            model = target.model
            self.outcome = outcome
        }
    }

    package init(id: String, operation: Operation?, key: String) {
        self.id = id
        self.operation = operation
        self.key = key
    }

    /// `completed`, `failed` or `client_gone`.
    package var outcomeLabel: String {
        switch outcome {
        case .completed: "completed"
        case .failed: "failed"
        case .clientGone: "client_gone"
        }
    }

    package var errorCode: GatehouseError.Code? {
        if case .failed(let code, _) = outcome { code } else { nil }
    }

    package var failure: Failure? {
        if case .failed(_, let failure) = outcome { failure } else { nil }
    }
}

/// Who is told of settled calls. Called on event loops: it must not block.
package protocol CallObserver: AnyObject, Sendable {
    func settled(_ record: CallRecord)
}
