import GatehouseCore

/// No attempt begins behind the first byte of an answer, nor for a client that left or a call that is over.
struct NoRetryAfterCommit: Invariant {
    static let name = "no-retry-after-commit"

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        guard event.kind == .began else { return nil }
        let call = facts.calls[event.call]
        if call.committed != nil { return "an attempt begins behind the first byte" }
        if call.left != nil { return "an attempt begins for a client that left" }
        return call.isOver ? "an attempt begins for a call that is over" : nil
    }
}

/// Without the caller's word that it may be carried out twice, nothing is asked again that may have been billed; but for
/// the second target that the operator wants to be asked when the first takes long.
struct NoMaybeBilledRepeat: Invariant {
    static let name = "no-maybe-billed-repeat"

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        guard event.kind == .began else { return nil }
        let call = facts.calls[event.call]
        guard !call.plan.mayRepeat else { return nil }
        let isHedged = facts.plan.models[call.plan.model].hedge != nil
        for attempt in call.attempts.map({ facts.attempts[$0] }) where attempt.mayBeBilled {
            // One at a time may run beside the first.
            if isHedged, attempt.isRunning, call.attempts.last == attempt.number { continue }
            return "attempt \(attempt.number) may have been billed, and another begins"
        }
        return nil
    }
}
