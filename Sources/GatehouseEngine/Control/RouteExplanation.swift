package import GatehouseCore

/// Why each target of a model's name would be taken for a request, or passed over: what `CallRoute` would do, without doing
/// any of it. Nothing is sent, no turn is taken, no probe is handed out.
package struct RouteExplanation {
    /// One target, in the order in which they would be tried.
    package struct Target: Sendable {
        package enum Verdict: String, Sendable {
            /// It would get the call.
            case chosen
            /// It would get it when those before fail.
            case next
            /// It is full: the call would wait here when none has room.
            case full
            /// It would get the call only when nothing else is left.
            case lastResort = "last_resort"
            case passedOver = "passed_over"
        }

        package var provider: String
        package var model: String
        package var isFallback: Bool
        package var verdict: Verdict
        /// For a person; `nil` where there is nothing to say.
        package var reason: String?
        /// Fields of the request that it would not see.
        package var dropped: [String]
        package var status: Deployment.Status
    }

    package let plan: RoutePlan
    package private(set) var targets: [Target] = []
    /// Whether the order comes from what keeps calls together.
    package let isSticky: Bool

    /// - Parameter memory: What earlier calls left; nothing is added.
    /// - Throws: `model_not_found`, or what is wrong with the body.
    package init(_ request: CallRequest, memory: CallMemory, now: Instant) throws(GatehouseError) {
        let head = try CallHead(request)
        plan = try request.snapshot.plan(head.model)
        let caller = CallRoute.Caller(request, head, plan)
        isSticky = caller.sticky != nil
        let resilience = request.snapshot.resilience
        for index in Self.order(plan, caller, resilience, now) {
            var target = Self.look(at: index, plan, caller, now)
            do throws(GatehouseError) {
                let prepared = try CallPreparation(
                    request, head, plan.places[index].route, CallPreparation.Past(memory), now: 0)
                target.dropped = prepared.dropped
            } catch {
                (target.verdict, target.reason) = (.passedOver, "it cannot take the request: \(error.message)")
            }
            targets.append(target)
        }
        choose()
    }

    /// As the strategy, or the sticky key, and the order of the fallbacks have it.
    private static func order(
        _ plan: RoutePlan, _ caller: CallRoute.Caller, _ resilience: Resilience, _ now: Instant
    ) -> [Int] {
        var passed = Positions()
        var order = caller.sticky.map(plan.stickyOrder) ?? []
        for index in order { passed.insert(index) }
        var books = plan.books
        let size = caller.traits.map { LoadBalancer.Size(input: $0.input, output: $0.output ?? 250) }
        var generator = resilience.generator()
        while let index = books.pick(passing: passed, size: size ?? .init(), now: now, using: &generator) {
            passed.insert(index)
            order.append(index)
        }
        return order + plan.places.indices.filter { !passed.contains($0) }
    }

    private static func look(at index: Int, _ plan: RoutePlan, _ caller: CallRoute.Caller, _ now: Instant) -> Target {
        let place = plan.places[index]
        let status = place.deployment.status(now: now)
        var target = Target(
            provider: place.route.entry.name, model: place.route.model, isFallback: index >= plan.choices,
            verdict: .next, reason: nil, dropped: [], status: status)
        if let traits = caller.traits, let refusal = place.condition?.refusal(of: traits) {
            (target.verdict, target.reason) = (.passedOver, refusal.text)
            return target
        }
        if case .open(let until) = status.breaker {
            (target.verdict, target.reason) = (
                .lastResort, "it failed lately: its breaker is open for \((until - now).retryAfter) s"
            )
            return target
        }
        if let rest = Self.rest(place, status, now) {
            (target.verdict, target.reason) = rest
        } else if status.inFlight >= status.limit {
            (target.verdict, target.reason) = (.full, "it works on \(status.inFlight) calls, \(status.queued) wait")
        }
        return target
    }

    /// What is to be said of the keys, where none can be used as it is.
    private static func rest(
        _ place: RoutePlan.Place, _ status: Deployment.Status, _ now: Instant
    ) -> (Target.Verdict, String)? {
        if let accounts = place.accounts {
            return rest(of: accounts, place.route.model, now)
        }
        let refused = place.keys.refused(now: now)
        let states = status.keys.enumerated().filter { !refused.contains($0.offset) }.map(\.element)
        guard !states.isEmpty else { return (.lastResort, "the provider refuses its keys") }
        var soonest: Instant?
        var isTold = true
        for state in states {
            guard case .resting(let until, let told) = state else { return nil }
            soonest = min(soonest ?? until, until)
            isTold = isTold && told
        }
        let seconds = soonest.map { ($0 - now).retryAfter } ?? 0
        return (isTold ? .passedOver : .lastResort, "its keys rest for \(seconds) s")
    }

    /// What is to be said of an agent's accounts, where none is free.
    private static func rest(
        of accounts: AccountBook, _ model: String, _ now: Instant
    ) -> (Target.Verdict, String)? {
        switch accounts.forecast(model: model, now: now) {
        case .account: nil
        case .busy: (.full, "each of its accounts has runs enough")
        case .resting(let until, _): (.passedOver, "its accounts rest for \((until - now).retryAfter) s")
        case .signedOut: (.passedOver, "its accounts are not logged in")
        }
    }

    /// The first that would be tried is the one that is chosen.
    private mutating func choose() {
        for verdict in [Target.Verdict.next, .full, .lastResort] {
            if let index = targets.firstIndex(where: { $0.verdict == verdict }) {
                targets[index].verdict = .chosen
                return
            }
        }
    }
}
