import GatehouseCore

/// Bad upstreams get few attempts more than there are calls: at most three for a call, and for all calls of a process no
/// more than the budget gives.
struct Amplification: Invariant {
    static let name = "amplification"
    private let budget = RetryBudget.Settings()
    private let perCall = 3

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        guard event.kind == .began else { return nil }
        let call = facts.calls[event.call]
        guard !call.attempts.isEmpty else { return nil }
        if call.attempts.count >= perCall { return "a call has more than \(perCall) attempts" }
        let instance = facts.instances[call.instance]
        let lifetime = event.time - instance.started
        // In thousandths, as the budget counts, rounded up.
        let given =
            budget.share * instance.first + budget.capacity * 1000
            + Int(lifetime.nanoseconds / max(1, budget.refill.nanoseconds / 1000)) + 1
        guard (instance.further + 1) * 1000 <= given else {
            return "\(instance.further + 1) further attempts for \(instance.first) calls in \(lifetime.inSeconds) s"
        }
        return nil
    }
}
