package import GatehouseCore
import NIOCore
import Synchronization

/// Where a model's name leads.
package enum Destination: Sendable {
    /// To one target, without a retry: nothing is to be decided.
    case target(Route)
    case plan(RoutePlan)
}

/// Targets among which one is chosen for each call, then those that are tried in order when
/// the chosen ones fail.
package final class RoutePlan: Sendable {
    package struct Settings: Sendable {
        package var strategy = LoadBalancer.Strategy.weighted
        /// Of the targets that are chosen from.
        package var weights: [Int] = []
        package var retries = 0

        package init() {}
    }

    package let targets: [Route]
    /// Targets that are chosen from; the others are fallbacks.
    private let choices: Int
    package let attempts: AttemptMachine.Settings
    private let balancer: Mutex<LoadBalancer>
    private let breakers: [Breaker]

    /// - Parameters:
    ///   - choices: Never empty.
    ///   - breaker: The breaker of a target; the same for every plan that has the target.
    package init(
        _ choices: [Route], fallbacks: [Route] = [], _ settings: Settings = Settings(), breaker: (Route) -> Breaker
    ) {
        targets = choices + fallbacks
        self.choices = choices.count
        var attempts = AttemptMachine.Settings()
        attempts.retries = settings.retries
        self.attempts = attempts
        let weights = settings.weights + Array(repeating: 1, count: max(0, choices.count - settings.weights.count))
        balancer = Mutex(LoadBalancer(settings.strategy, weights.map { .init(weight: $0) }))
        breakers = targets.map(breaker)
    }

    /// A target and the leave to try it.
    struct Pick {
        var index: Int
        var permit: CircuitBreaker.Permit?
    }

    /// The next target, but none of `passed`. A target whose breaker is open is passed over as long as there is another;
    /// when all are, the first of them that was not tried serves: an error from it says more than a refusal from here.
    func pick(passing passed: Positions, now: Instant) -> Pick? {
        guard targets.count > 1 else { return passed.contains(0) ? nil : Pick(index: 0) }
        var open = passed
        while let index = candidate(passing: open, now) {
            if let permit = breakers[index].admit(now: now) { return Pick(index: index, permit: permit) }
            open.insert(index)
        }
        return candidate(passing: passed, now).map { Pick(index: $0) }
    }

    private func candidate(passing passed: Positions, _ now: Instant) -> Int? {
        var generator = SystemRandomNumberGenerator()
        let chosen = balancer.withLock { $0.pick(passing: passed, now: now, using: &generator) }
        return chosen ?? (choices..<targets.count).first { !passed.contains($0) }
    }

    /// The leave to try a target once more, where there are others; a breaker that has opened meanwhile gives none, and
    /// then counts nothing.
    func admit(_ index: Int, now: Instant) -> CircuitBreaker.Permit? {
        targets.count > 1 ? breakers[index].admit(now: now) : nil
    }

    // MARK: Reports

    func began(_ pick: Pick) {
        balancer.withLock { $0.began(pick.index) }
    }

    func answered(_ pick: Pick, after latency: Interval, now: Instant) {
        balancer.withLock { $0.firstToken(pick.index, after: latency, now: now) }
        record(pick, .success, now)
    }

    func ended(_ pick: Pick, _ ending: LoadBalancer.Ending, now: Instant) {
        balancer.withLock { $0.ended(pick.index, ending, now: now) }
    }

    func record(_ pick: Pick, _ sample: CircuitBreaker.Sample, _ now: Instant) {
        guard let permit = pick.permit else { return }
        breakers[pick.index].record(permit, sample, now: now)
    }
}

/// The circuit breaker of one target, for all plans and all event loops.
package final class Breaker: Sendable {
    /// For the metric: the provider's or agent's name, and the model's.
    package let provider: String
    package let model: String
    private let machine = Mutex(CircuitBreaker())

    package init(provider: String, model: String) {
        self.provider = provider
        self.model = model
    }

    func admit(now: Instant) -> CircuitBreaker.Permit? {
        machine.withLock { $0.admit(now: now) }
    }

    func record(_ permit: CircuitBreaker.Permit, _ sample: CircuitBreaker.Sample, now: Instant) {
        var generator = SystemRandomNumberGenerator()
        machine.withLock { $0.record(permit, sample, now: now, using: &generator) }
    }

    package func state(now: Instant) -> CircuitBreaker.State {
        machine.withLock { $0.state(now: now) }
    }
}

extension Instant {
    /// Of the clock that event loops read.
    package static func now() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}
