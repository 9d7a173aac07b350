import GatehouseCore

/// The way of one call through its plan: which target serves it now, and where it goes when that one fails. Confined to
/// the call's event loop.
struct CallRoute {
    /// Where a call goes next.
    enum Choice {
        case target(TargetLease)
        /// All that could take it are full: it waits at this one, in this room.
        case queue(at: Int, any WaitingRoom)
        case none
    }

    /// What follows a failure.
    enum Step {
        case retry(after: Interval, at: Int)
        case otherKey(at: Int)
        case fallback
        case stop
    }

    /// Who calls, as far as the way depends on it.
    struct Caller {
        let owner: String
        /// The request may be carried out twice.
        let mayRepeat: Bool
        /// What keeps it at one target.
        var sticky: UInt64?
        /// What keeps it at one of an agent's accounts: what an agent knows of a session lies in its home.
        var account: UInt64?
        /// `nil` where no target asks.
        var traits: CallTraits?
    }

    let plan: RoutePlan
    let resilience: Resilience
    private let caller: Caller
    private var machine: AttemptMachine
    /// Targets that were tried or cannot take the call.
    private var passed = Positions()
    /// Keys that were tried at the target of the attempt before.
    private var triedKeys = Positions()
    /// A try of the shared budget was taken and not used yet.
    private var holdsTry = false
    private var refusal: TargetCondition.Refusal?
    /// The target that may be asked soonest of those that must rest.
    private var rests: (rest: Deployment.Rest, upstream: GatehouseError.UpstreamKind)?
    /// A queue was full: seconds after which there may be room.
    private var fullFor: Int?
    /// It has waited in a queue, and will not in another.
    private var hasWaited = false
    /// An attempt of it may have been billed.
    private var isMaybeBilled = false
    /// The longest that a call goes on trying, waits included.
    private static let patience = Interval.seconds(600)
    private let end: Instant
    /// The place at an agent's account that was entered last.
    private var lent: AccountBook.Lease?
    /// Targets all of whose accounts had runs enough when they were looked at last.
    private var crowded = Positions()

    /// - Parameter deadline: The caller's own, where it has one.
    init(_ plan: RoutePlan, _ resilience: Resilience, _ caller: Caller, deadline: Instant?, now: Instant) {
        self.plan = plan
        self.resilience = resilience
        self.caller = caller
        machine = AttemptMachine(plan.attempts)
        end = min(deadline ?? now + Self.patience, now + Self.patience)
    }

    func route(_ lease: TargetLease) -> Route { plan.places[lease.index].route }
    func features(_ lease: TargetLease) -> Features? { plan.places[lease.index].condition?.features }
    func route(at index: Int) -> Route { plan.places[index].route }
    func keyName(_ lease: TargetLease) -> String { plan.places[lease.index].keys.name(of: lease.key) }

    // MARK: Choosing

    /// The next target: the best that has room now, else a place in the queue of the best, else the first of those that
    /// were passed over because they failed, for an error from there says more than a refusal from here.
    ///
    /// - Parameter except: One that is not looked at, nor asked as a last resort.
    mutating func next(now: Instant, except: Int? = nil) -> Choice {
        triedKeys = Positions()
        var skipped = passed
        if let except { skipped.insert(except) }
        var full: Int?
        var failing: Int?
        let chance = RoutePlan.Chance(now: now, resilience: resilience)
        while let index = plan.candidate(passing: skipped, sticky: caller.sticky, caller.traits, chance) {
            skipped.insert(index)
            if isRefused(index) { continue }
            switch enter(index, .atOnce, now) {
            case .entered(let permit, let key):
                return .target(lease(index, key, permit))
            case .full: full = full ?? index
            case .open, .noKey(nil): failing = failing ?? index
            case .noKey(.some(let rest)): note(rest, at: index)
            }
        }
        if let full {
            if !hasWaited { return queue(at: full) }
            fullFor = fullFor ?? 1
        }
        return failing.map { resort(to: $0, now) } ?? .none
    }

    private mutating func resort(to index: Int, _ now: Instant) -> Choice {
        switch enter(index, .lastResort, now) {
        case .entered(let permit, let key): return .target(lease(index, key, permit))
        case .full:
            if !hasWaited { return queue(at: index) }
            fullFor = fullFor ?? 1
            return .none
        case .open, .noKey(nil): return .none
        case .noKey(.some(let rest)):
            note(rest, at: index)
            return .none
        }
    }

    /// The same target once more.
    mutating func again(at index: Int, now: Instant) -> Choice {
        switch enter(index, .atOnce, now) {
        case .entered(let permit, let key): return .target(lease(index, key, permit))
        case .full where !hasWaited: return queue(at: index)
        case .full, .open, .noKey(.some): return next(now: now)
        case .noKey(nil): break
        }
        let other = next(now: now)
        if case .none = other { return resort(to: index, now) }
        return other
    }

    /// Where a call waits for a target that is full: for one of its accounts, or for its turn there.
    private func queue(at index: Int) -> Choice {
        let place = plan.places[index]
        guard crowded.contains(index), let accounts = place.accounts else { return .queue(at: index, place.deployment) }
        return .queue(at: index, AccountWait(accounts, wish(at: index)))
    }

    private func wish(at index: Int) -> AccountQueue.Wish {
        AccountQueue.Wish(
            owner: caller.owner, model: plan.places[index].route.model, sticky: caller.account, passing: triedKeys)
    }

    private mutating func note(_ rest: Deployment.Rest, at index: Int) {
        guard rests.map({ rest.until < $0.rest.until }) ?? true else { return }
        rests = (rest, plan.places[index].route.entry.kind)
    }

    /// The call's turn in the queue has come. When the target fails by then and no other has room, it is asked all the same
    /// in the place that the call has: whoever gave it up would have to wait anew.
    mutating func admitted(at index: Int, in room: any WaitingRoom, now: Instant) -> Choice {
        hasWaited = true
        if let wait = room as? AccountWait { return admitted(at: index, with: wait.take(), now) }
        switch enter(index, .fromQueue, now) {
        case .entered(let permit, let key): return .target(lease(index, key, permit))
        case .full, .noKey(.some): return next(now: now)
        case .open, .noKey(nil): break
        }
        if case .target(let lease) = next(now: now, except: index) {
            leavePlace(at: index, now)
            return .target(lease)
        }
        guard case .entered(let permit, let key) = enter(index, .fromQueueLastResort, now) else {
            return next(now: now)
        }
        return .target(lease(index, key, permit))
    }

    /// It has the account that it waited for; or there is none to wait for, and it is found out why.
    private mutating func admitted(at index: Int, with account: AccountBook.Lent?, _ now: Instant) -> Choice {
        guard let account else { return next(now: now) }
        switch enter(index, with: account, .atOnce, now) {
        case .entered(let permit, let key): return .target(lease(index, key, permit))
        case .full, .noKey, .open: return next(now: now)
        }
    }

    private func leavePlace(at index: Int, _ now: Instant) {
        var unused = SeededGenerator(seed: 0)
        plan.places[index].deployment.leave(nil, .init(), now: now, using: &unused)
    }

    /// The queue of a target has no room, or took too long.
    mutating func refusedByQueue(at index: Int, retryAfter seconds: Int, hasWaited: Bool) {
        passed.insert(index)
        fullFor = min(fullFor ?? seconds, seconds)
        self.hasWaited = self.hasWaited || hasWaited
    }

    private mutating func enter(_ index: Int, _ way: Deployment.Way, _ now: Instant) -> Deployment.Admission {
        let place = plan.places[index]
        lent = nil
        if let accounts = place.accounts { return enter(index, with: accounts, way, now) }
        var barred = triedKeys
        if way != .lastResort, way != .fromQueueLastResort { barred.formUnion(place.keys.refused(now: now)) }
        let admission = place.deployment.enter(way, passing: barred, now: now)
        guard case .entered(_, let key) = admission else { return admission }
        _ = place.keys.lend(key, now: now)
        passed.insert(index)
        triedKeys.insert(key)
        return admission
    }

    /// A place at an account comes first: without one there is no way in, be it the last resort.
    private mutating func enter(
        _ index: Int, with accounts: AccountBook, _ way: Deployment.Way, _ now: Instant
    ) -> Deployment.Admission {
        let isWaiting = way == .fromQueue || way == .fromQueueLastResort
        crowded.remove(index)
        switch accounts.lend(wish(at: index), now: now) {
        case .lent(let account): return enter(index, with: account, way, now)
        case .busy:
            if isWaiting { leavePlace(at: index, now) }
            crowded.insert(index)
            return .full
        case .resting(let until, let kind):
            if isWaiting { leavePlace(at: index, now) }
            return .noKey(Deployment.Rest(until: until, kind: kind))
        case .signedOut:
            if isWaiting { leavePlace(at: index, now) }
            return .noKey(Deployment.Rest(until: .distantFuture, kind: .auth))
        }
    }

    private mutating func enter(
        _ index: Int, with account: AccountBook.Lent, _ way: Deployment.Way, _ now: Instant
    ) -> Deployment.Admission {
        let admission = plan.places[index].deployment.enter(way, passing: Positions(), now: now)
        guard case .entered(let permit, _) = admission else {
            account.lease.end()
            return admission
        }
        passed.insert(index)
        triedKeys.insert(account.index)
        lent = account.lease
        return .entered(permit, key: account.index)
    }

    private mutating func lease(_ index: Int, _ key: Int, _ permit: CircuitBreaker.Permit?) -> TargetLease {
        defer { lent = nil }
        return TargetLease(index: index, key: key, account: lent, permit: permit)
    }

    private mutating func isRefused(_ index: Int) -> Bool {
        guard let condition = plan.places[index].condition, let traits = caller.traits,
            let refusal = condition.refusal(of: traits)
        else { return false }
        self.refusal = refusal
        passed.insert(index)
        return true
    }

    // MARK: Attempts

    /// An attempt begins.
    mutating func begin(_ lease: inout TargetLease, _ beginning: AttemptMachine.Beginning, now: Instant) {
        if machine.attempts == 0 { resilience.firstAttempt(now: now) }
        machine.began(beginning)
        holdsTry = false
        plan.began(lease.index)
        lease.began = now
        lease.hasBegun = true
    }

    /// A target to ask beside the one that has not answered, within the budget; `nil` when there is none.
    mutating func hedge(now: Instant) -> TargetLease? {
        guard machine.mayHedge, now < end, resilience.takeTry(now: now) else { return nil }
        var skipped = passed
        let chance = RoutePlan.Chance(now: now, resilience: resilience)
        while let index = plan.candidate(passing: skipped, sticky: nil, caller.traits, chance) {
            skipped.insert(index)
            if isRefused(index) { continue }
            triedKeys = Positions()
            if case .entered(let permit, let key) = enter(index, .atOnce, now) {
                holdsTry = true
                return lease(index, key, permit)
            }
        }
        resilience.putBackTry()
        return nil
    }

    /// The first event of an answer is there: the target serves. `mutating`, as `ended`, although nothing changes: what is
    /// asked in place need not be copied.
    mutating func answered(_ lease: inout TargetLease, now: Instant) {
        guard lease.hasBegun, !lease.hasAnswered else { return }
        let place = plan.places[lease.index]
        lease.hasAnswered = true
        lease.firstEvent = now
        plan.answered(lease.index, after: now - lease.began, now: now)
        place.deployment.served(after: now - lease.began, lease.permit, key: lease.key, now: now)
        if let account = lease.account { account.worked(now: now) } else { place.keys.worked(lease.key) }
        lease.permit = nil
    }

    /// The attempt is over, and the call with it or without it.
    ///
    /// - Parameter tokens: Of an answer that is whole.
    mutating func ended(_ lease: TargetLease, isWell: Bool, tokens: Int?, now: Instant) {
        leave(lease, isWell ? .served(perToken: lease.perToken(tokens, now: now)) : .unknown, .init(), now)
    }

    /// The attempt failed before the caller got a byte.
    mutating func failed(_ lease: TargetLease, _ failure: Failure, now: Instant) {
        if failure.maybeBilled(sent: !failure.isUnsent) { isMaybeBilled = true }
        let place = plan.places[lease.index]
        var ending = Deployment.Ending(sample: failure.kind.policy.breaker)
        if failure.meansOverload { ending.overloaded = now - lease.began }
        if !failure.kind.allowsSubstitute { passSubstitutes() }
        lease.account?.failed(failure, now: now)
        switch lease.account == nil ? failure.keyEffect : .none {
        case .none: break
        case .rest: ending.rest = (lease.key, failure.retryAfter.map { .seconds($0) }, failure.kind)
        case .retire: place.keys.retire(lease.key, failure, now: now)
        }
        leave(lease, .failed, ending, now)
    }

    /// An answer broke off behind its first byte: nothing follows, but the target has failed.
    func brokeOff(_ lease: TargetLease, _ failure: Failure, now: Instant) {
        lease.account?.failed(failure, now: now)
        guard failure.kind.policy.breaker == .failure else { return }
        var generator = resilience.generator()
        plan.places[lease.index].deployment.brokeOff(now: now, using: &generator)
    }

    /// What follows a failure. A try is taken from the budget for it.
    mutating func step(behind failure: Failure, at index: Int, now: Instant) -> Step {
        guard caller.mayRepeat || !isMaybeBilled else { return .stop }
        let place = plan.places[index]
        var barred = triedKeys
        barred.formUnion(place.keys.refused(now: now))
        var ways = AttemptMachine.Ways()
        if case .open = place.deployment.breakerState(now: now) { ways.sameTarget = false }
        ways.otherKey =
            place.accounts?.hasFree(model: place.route.model, passing: triedKeys, now: now)
            ?? (place.keys.names.count > 1 && place.deployment.hasKey(passing: barred, now: now))
        ways.otherTarget = plan.places.indices.contains { !passed.contains($0) }
        var generator = resilience.generator()
        // A key that rests is not tried before its time, whatever the back-off says.
        var failure = failure
        let soonest =
            place.accounts.map { $0.soonest(model: place.route.model, now: now) }
            ?? place.deployment.soonestKey(passing: place.keys.refused(now: now), now: now)
        if let soonest {
            failure.retryAfter = max(failure.retryAfter ?? 0, (soonest - now).retryAfter)
        }
        let step = machine.failed(
            failure, mayRepeat: caller.mayRepeat, ways: ways, left: end - now, using: &generator)
        guard step != .stop, resilience.takeTry(now: now) else { return .stop }
        holdsTry = true
        switch step {
        case .retry(let wait):
            // After a wait any key may serve.
            triedKeys = Positions()
            return .retry(after: wait, at: index)
        case .otherKey: return .otherKey(at: index)
        case .fallback: return .fallback
        case .stop: return .stop
        }
    }

    /// The seconds after which the soonest of the accounts may be asked again, when that is what a call failed for.
    func soonestAccount(behind failure: Failure, at index: Int, now: Instant) -> Int? {
        guard failure.kind == .quota || failure.kind == .rate, let accounts = plan.places[index].accounts else {
            return nil
        }
        return accounts.soonest(model: plan.places[index].route.model, now: now).map { ($0 - now).retryAfter }
    }

    private mutating func passSubstitutes() {
        for index in plan.places.indices where plan.places[index].isSubstitute { passed.insert(index) }
    }

    /// Nothing more is tried: what was taken for it is put back.
    mutating func giveUp() {
        if holdsTry { resilience.putBackTry() }
        holdsTry = false
    }

    /// A lease that led to no attempt.
    func putBack(_ lease: TargetLease, now: Instant) {
        lease.account?.end()
        leave(lease, .unknown, .init(), now)
    }

    private func leave(
        _ lease: TargetLease, _ ending: LoadBalancer.Ending, _ report: Deployment.Ending, _ now: Instant
    ) {
        if lease.hasBegun { plan.ended(lease.index, ending, now: now) }
        var generator = report.sample == .failure ? resilience.generator() : SeededGenerator(seed: 0)
        plan.places[lease.index].deployment.leave(lease.permit, report, now: now, using: &generator)
    }

    // MARK: Refusals

    /// Why no target takes the call.
    func refusalError(now: Instant) -> GatehouseError {
        if let fullFor {
            return GatehouseError(
                .overloaded, "Too many calls wait for this model. Try again later.", retryAfter: fullFor)
        }
        if let (rest, upstream) = rests {
            let wait = rest.until == .distantFuture ? nil : (rest.until - now).retryAfter
            return GatehouseError(Failure(rest.kind, retryAfter: wait), of: upstream)
        }
        if let refusal {
            return GatehouseError(
                .unsupportedParameter, "No target of this model takes the request: \(refusal.text).", param: "model")
        }
        return GatehouseError(.internalError, "There is no target for this call.")
    }
}

extension Failure.Kind {
    /// Whether another model of the same agent could do better.
    fileprivate var allowsSubstitute: Bool {
        switch self {
        // Vendors count some models apart.
        case .capacity, .modelUnknown, .quota, .rate: true
        default: false
        }
    }
}

extension Failure {
    /// Whether the upstream had too much to do.
    fileprivate var meansOverload: Bool {
        switch kind {
        case .capacity, .timeout(.firstByte), .timeout(.own): true
        default: false
        }
    }
}
