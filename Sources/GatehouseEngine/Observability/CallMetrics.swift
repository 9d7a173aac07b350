import GatehouseCore
import NIOCore
import Synchronization

/// Counts settled calls, under the names of the contract.
///
/// The handles of a combination of labels are looked up once and kept. Labels are names from the configuration and words
/// of closed lists: nothing that a caller wrote.
package final class CallMetrics: CallObserver {
    private struct Key: Hashable {
        let operation: GatehouseCore.Operation?
        let isAgent: Bool
        let provider: String
        let status: Int
        let outcome: String
    }

    /// A class, so that looking it up copies one reference.
    private final class Handles: Sendable {
        let requests: MetricCounter
        let duration: MetricHistogram
        let operation: MetricHistogram
        let firstToken: MetricHistogram
        let inputTokens: MetricHistogram
        let outputTokens: MetricHistogram
        let attempts: MetricCounter
        let runs: MetricCounter?

        init(
            requests: MetricCounter,
            duration: MetricHistogram,
            operation: MetricHistogram,
            firstToken: MetricHistogram,
            inputTokens: MetricHistogram,
            outputTokens: MetricHistogram,
            attempts: MetricCounter,
            runs: MetricCounter?
        ) {
            self.requests = requests
            self.duration = duration
            self.operation = operation
            self.firstToken = firstToken
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.attempts = attempts
            self.runs = runs
        }
    }

    private let registry: MetricsRegistry
    private struct Known {
        var handles: [Key: Handles] = [:]
        /// Of the call before: the next one is mostly alike, and comparing costs less than hashing.
        var lastKey: Key?
        var last: Handles?
    }

    private let known = Mutex(Known())

    package init(_ registry: MetricsRegistry) {
        self.registry = registry
    }

    package func settled(_ record: CallRecord) {
        let outcome = record.failure?.kind.label ?? record.errorCode?.rawValue ?? record.outcomeLabel
        let key = Key(
            operation: record.operation, isAgent: record.isAgent, provider: record.provider, status: record.status,
            outcome: outcome)
        let handles = known.withLock { known in
            if let last = known.last, known.lastKey == key { return last }
            let found = known.handles[key] ?? make(key)
            known.handles[key] = found
            (known.lastKey, known.last) = (key, found)
            return found
        }
        let seconds = Double(record.duration.nanoseconds) / 1e9
        handles.requests.increment()
        handles.duration.observe(seconds)
        if record.attempts > 0 { handles.operation.observe(seconds) }
        if record.isStream, let first = record.timeToFirstByte {
            handles.firstToken.observe(Double(first.nanoseconds) / 1e9)
        }
        if let usage = record.usage {
            handles.inputTokens.observe(Double(usage.input))
            handles.outputTokens.observe(Double(usage.output))
        }
        if record.attempts > 0 {
            handles.attempts.increment(by: max(0, record.attempts - record.tries.count))
            for one in record.tries { attempts(one.provider, one.outcome).increment() }
            handles.runs?.increment()
        }
    }

    private func make(_ key: Key) -> Handles {
        let operation = key.operation?.rawValue ?? "none"
        let http = [("method", "POST"), ("route", operation), ("status", String(key.status))]
        let call = [("gen_ai_operation_name", operation), ("gen_ai_provider_name", key.provider)]
        return Handles(
            requests: registry.counter("http_requests_total", help: "Requests answered.", labels: http),
            duration: registry.histogram(
                "http_request_duration_seconds", help: "From the head of a request to the end of its answer.",
                labels: Array(http.prefix(2))),
            operation: registry.histogram(
                "gen_ai_client_operation_duration_seconds", help: "Duration of calls to models and agents.",
                labels: call),
            firstToken: registry.histogram(
                "gen_ai_server_time_to_first_token_seconds", help: "Until the first bytes of a streamed answer.",
                labels: call),
            inputTokens: tokens("input", call), outputTokens: tokens("output", call),
            attempts: attempts(key.provider, key.outcome),
            runs: key.isAgent
                ? registry.counter(
                    "gatehouse_agent_runs_total", help: "Runs of agents.",
                    labels: [("agent", key.provider), ("outcome", key.outcome)]) : nil)
    }

    private func attempts(_ provider: String, _ outcome: String) -> MetricCounter {
        registry.counter(
            "gatehouse_upstream_attempts_total", help: "Attempts at providers and agents.",
            labels: [("provider", provider), ("outcome", outcome)])
    }

    private func tokens(_ type: String, _ labels: [(String, String)]) -> MetricHistogram {
        registry.histogram(
            "gen_ai_client_token_usage", help: "Tokens of an answer, where the target tells them.",
            bounds: MetricHistogram.tokenBounds, labels: labels + [("gen_ai_token_type", type)])
    }
}

/// Tells several observers.
package final class CallObservers: CallObserver {
    private let all: [any CallObserver]

    package init(_ all: [any CallObserver]) {
        self.all = all
    }

    package func settled(_ record: CallRecord) {
        for observer in all { observer.settled(record) }
    }
}
