import GatehouseCore

/// What a call took it gives back: no attempt is left running, no timer waits, and a try that was not made is there again.
struct SettledReservations: Invariant {
    static let name = "settled-reservations"
    /// Of each process.
    private var shadows: [ShadowBudget] = []
    private var shares = SharedByWeight()

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        if let problem = shares.see(event, facts) { return problem }
        switch event.kind {
        case .started: shadows.append(ShadowBudget(now: event.time))
        case .began:
            let call = facts.calls[event.call]
            if call.attempts.isEmpty {
                shadows[call.instance].firstAttempt(now: event.time)
            } else {
                shadows[call.instance].furtherAttempt(now: event.time)
            }
        case .settledKnown:
            let call = facts.calls[event.call]
            if let attempt = call.attempts.first(where: { facts.attempts[$0].isRunning }) {
                return "attempt \(attempt) runs on behind its call"
            }
        case .idle:
            if facts.timers > 0 { return "\(facts.timers) timers wait, and no call does" }
            if facts.inside > 0 { return "\(facts.inside) calls are inside or wait, and no call is on its way" }
            if facts.drains > 0 { return "\(facts.drains) answers are read on, and no call is on its way" }
            guard let tries = facts.tries, let instance = shadows.indices.last else { return nil }
            let least = shadows[instance].remaining(now: event.time)
            return tries < least ? "\(tries) tries are left of at least \(least)" : nil
        default: break
        }
        return nil
    }
}
