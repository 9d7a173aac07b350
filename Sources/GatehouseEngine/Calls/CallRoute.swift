import GatehouseCore

/// The way of one call through its plan: which target serves it now, and where it goes when that one fails. Confined to
/// the call's event loop.
struct CallRoute {
    /// What follows a failure.
    enum Step {
        case retry(after: Interval)
        case fallback(Route)
        case stop
    }

    /// `nil` where there is one target and nothing to decide.
    private let plan: RoutePlan?
    private let only: Route?
    private let resilience: Resilience
    private let mayRepeat: Bool
    private var machine: AttemptMachine
    private var passed = Positions()
    private var pick: RoutePlan.Pick?
    private var began = Instant.distantPast
    private var isRunning = false
    /// The longest that a call may take, waits included.
    private static let patience = Interval.seconds(600)
    private let end: Instant

    init(_ destination: Destination, _ resilience: Resilience, mayRepeat: Bool, now: @autoclosure () -> Instant) {
        switch destination {
        case .target(let route): (plan, only) = (nil, route)
        case .plan(let plan): (self.plan, only) = (plan, nil)
        }
        self.resilience = resilience
        self.mayRepeat = mayRepeat
        machine = AttemptMachine(plan?.attempts ?? AttemptMachine.Settings())
        end = plan == nil ? .distantPast : now() + Self.patience
    }

    /// The target that serves the call now; the first one to begin with.
    mutating func target(now: @autoclosure () -> Instant) -> Route? {
        if let only { return only }
        if let pick { return plan?.targets[pick.index] }
        return next(now())
    }

    /// The present target cannot serve this call: the next one, if there is any.
    mutating func skip(now: Instant) -> Route? {
        leave(.unknown, .unknown, now)
        return next(now)
    }

    private mutating func next(_ now: Instant) -> Route? {
        guard let plan else { return nil }
        pick = plan.pick(passing: passed, now: now)
        guard let pick else { return nil }
        passed.insert(pick.index)
        return plan.targets[pick.index]
    }

    /// An attempt at the present target begins.
    mutating func begin(isRetry: Bool, now: @autoclosure () -> Instant) {
        machine.began(isRetry: isRetry)
        guard let plan else { return }
        let now = now()
        guard var pick else { return }
        if isRetry { pick.permit = plan.admit(pick.index, now: now) }
        self.pick = pick
        if machine.attempts == 1 { resilience.firstAttempt(now: now) }
        plan.began(pick)
        began = now
        isRunning = true
    }

    /// The first byte for the caller is there: the target serves.
    mutating func answered(now: @autoclosure () -> Instant) {
        guard isRunning, let plan, let pick else { return }
        let now = now()
        plan.answered(pick, after: now - began, now: now)
        self.pick?.permit = nil
    }

    /// The call is over.
    mutating func ended(isWell: Bool, now: @autoclosure () -> Instant) {
        guard plan != nil else { return }
        leave(isWell ? .served(perToken: nil) : .unknown, .unknown, now())
    }

    /// The attempt failed before the caller got a byte. A try is taken from the budget for what follows.
    mutating func failed(_ failure: Failure, now: @autoclosure () -> Instant) -> Step {
        guard let plan else { return .stop }
        let now = now()
        leave(.failed, failure.kind.policy.breaker, now)
        let other = plan.pick(passing: passed, now: now)
        var generator = SystemRandomNumberGenerator()
        let step = machine.failed(
            failure, mayRepeat: mayRepeat, hasOther: other != nil, left: end - now, using: &generator)
        var result = Step.stop
        switch step {
        case .stop: break
        case .retry(let wait) where resilience.takeTry(now: now): result = .retry(after: wait)
        case .fallback where resilience.takeTry(now: now):
            if let other {
                pick = other
                passed.insert(other.index)
                return .fallback(plan.targets[other.index])
            }
        case .retry, .fallback: break
        }
        // The leave for the other target is not used.
        if let other { plan.record(other, .unknown, now) }
        return result
    }

    /// A wait ended otherwise: the try was not made.
    func putBack() { resilience.putBackTry() }

    private mutating func leave(_ ending: LoadBalancer.Ending, _ sample: CircuitBreaker.Sample, _ now: Instant) {
        guard let plan, let pick else { return }
        if isRunning { plan.ended(pick, ending, now: now) }
        plan.record(pick, sample, now)
        self.pick?.permit = nil
        isRunning = false
    }
}
