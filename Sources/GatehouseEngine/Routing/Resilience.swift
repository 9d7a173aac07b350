package import GatehouseCore
import Synchronization

/// What all calls of this instance share to get on with bad upstreams: one budget for further attempts, and the breakers
/// of the targets. It outlives reloads: what is known of a target stays known.
package final class Resilience: Sendable {
    private struct Target: Hashable {
        var provider: String
        var model: String
    }

    private let budget: Mutex<RetryBudget>
    private let known = Mutex<[Target: Breaker]>([:])

    package init(now: Instant = .now()) {
        budget = Mutex(RetryBudget(now: now))
    }

    /// The breaker of a target of the configuration.
    package func breaker(_ route: Route) -> Breaker {
        let target = Target(provider: route.entry.name, model: route.model)
        return known.withLock { known in
            if let breaker = known[target] { return breaker }
            let breaker = Breaker(provider: target.provider, model: target.model)
            known[target] = breaker
            return breaker
        }
    }

    /// In a fixed order, for the metric.
    package var breakers: [Breaker] {
        known.withLock { $0.values.sorted { ($0.provider, $0.model) < ($1.provider, $1.model) } }
    }

    /// Tries that could be made now beyond first attempts.
    package func remainingTries(now: Instant) -> Int { budget.withLock { $0.remaining(now: now) } }

    func firstAttempt(now: Instant) { budget.withLock { $0.firstAttempt(now: now) } }
    func takeTry(now: Instant) -> Bool { budget.withLock { $0.take(now: now) } }
    func putBackTry() { budget.withLock { $0.putBack() } }
}
