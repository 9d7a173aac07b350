import GatehouseCore
import GatehouseEngine

/// An upstream gets no more calls at a time than it is to get, and nobody is refused for want of a place while there is one.
struct Bulkhead: Invariant {
    static let name = "bulkhead"
    /// Attempts on their way to each upstream, and since when there is room.
    private var running: [Int: Int] = [:]
    private var roomy: [Int: Instant] = [:]

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .began: running[event.value, default: 0] += 1
        case .end, .failed, .cancelled, .finished: leave(event, facts)
        case .crashed:
            (running, roomy) = ([:], [:])
        case .settled where facts.plan.isOrderly: return refusal(event, facts)
        default: break
        }
        guard event.kind == .began, let limits = facts.plan.upstreams[event.value].limits else { return nil }
        let count = running[event.value, default: 0]
        return count > limits.concurrency ? "\(count) calls at a time, of \(limits.concurrency)" : nil
    }

    private mutating func leave(_ event: Event, _ facts: Facts) {
        let attempt = facts.attempts[event.attempt]
        guard attempt.isRunning else { return }
        running[attempt.upstream, default: 0] -= 1
        roomy[attempt.upstream] = event.time
    }

    /// A call that never was at its upstream.
    private func refusal(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        guard call.attempts.isEmpty, case .failed(.overloaded, _) = facts.record?.outcome else { return nil }
        let place = facts.plan.models[call.plan.model].targets[0].upstream
        guard let limits = facts.plan.upstreams[place].limits else { return nil }
        let isFull = running[place, default: 0] >= limits.concurrency
        // Whoever was let in at this very moment is not seen at the upstream yet.
        guard !isFull, roomy[place, default: .distantPast] + facts.plan.handover < event.time else { return nil }
        return "it is refused a place, and \(running[place, default: 0]) of \(limits.concurrency) are taken"
    }
}
