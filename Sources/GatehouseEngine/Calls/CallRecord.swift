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
    package var isStream = false
    package var attempts = 0
    /// 499 when the client left before anything was sent.
    package var status = 0
    package var outcome = CallMachine.Outcome.completed
    package var usage: Usage?
    package var cost: Cost?
    package var upstreamRequestID: String?
    /// Fields of the caller that the target did not see.
    package var dropped: [String] = []
    package var bytesIn = 0
    package var bytesOut = 0
    package var timeToFirstByte: TimeAmount?
    package var duration = TimeAmount.zero

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
