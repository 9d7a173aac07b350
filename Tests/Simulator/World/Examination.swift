import GatehouseCore
import GatehouseEngine

/// When the storm is over: are all targets used again, and does no call that is over count as one on its way?
struct Examination {
    private let world: World
    private let gateway: Gateway

    init(_ world: World, _ gateway: Gateway) {
        self.world = world
        self.gateway = gateway
    }

    func run() {
        let states = self.states
        world.oracle.facts.openUntil = states.compactMap(\.opens).max()
        for upstream in world.upstreams { upstream.heal() }
        world.note(.healed)
        let isScarred = states.contains { $0.breaker != .closed } || hasRetired
        for (number, model) in world.plan.models.enumerated() {
            if isScarred, isPredictable(model) { examine(number, model) }
            if model.strategy == .leastInflight, model.targets.count > 1, isPredictable(model) { count(number, model) }
        }
    }

    private var states: [Deployment.Status] {
        gateway.resilience.deployments.map { $0.status(now: world.timeline.now) }
    }

    private var hasRetired: Bool {
        let now = world.timeline.now
        return gateway.resilience.providerKeys.contains { keys in
            keys.names.indices.contains { keys.isRetired($0, now: now) }
        }
    }

    /// Whether each of the targets must get some of the calls, all of which come from one key.
    private func isPredictable(_ model: ModelPlan) -> Bool {
        guard !model.isSticky, !model.targets.contains(where: \.isExclusive), model.hedge == nil else { return false }
        return model.targets.count == 1 && !model.fallbacks.isEmpty
            || model.targets.count > 1 && (model.strategy == .weighted || model.strategy == .leastInflight)
    }

    /// Waits until every target can be tried again, and sends enough calls for each to have its turns.
    private func examine(_ number: Int, _ model: ModelPlan) {
        let plan = world.plan
        let retired = hasRetired
        if let end = states.compactMap(\.opens).max() { world.timeline.advance(to: end) }
        // A key that was refused is tried by one call at a time, in the place of all others.
        if retired { wait(KeyRing.Settings().retrial) }
        let isNarrow = plan.upstreams.contains { $0.limits != nil }
        let probes = isNarrow || retired ? 1 : CircuitBreaker.Settings().probes
        world.oracle.facts.expected = plan.upstreams.map { _ in probes }
        let weights = model.targets.reduce(0) { $0 + $1.weight }
        if isNarrow {
            // One after the other, all go to the target of the greatest weight.
            guard model.strategy == .weighted || model.targets.count == 1 else { return }
            send(2 * weights + 6, every: .milliseconds(2100), number)
        } else {
            send(4 * weights + 8, every: .milliseconds(1), number)
        }
        world.note(.examined, value: number)
    }

    private func wait(_ time: Interval) {
        world.timeline.advance(to: world.timeline.now + time)
    }

    /// Sends so many calls at once that each target gets twice its weight.
    private func count(_ number: Int, _ model: ModelPlan) {
        // What failed in the storm is forgotten by then.
        wait(.seconds(36_000))
        guard states.allSatisfy({ $0.breaker == .closed }), !hasRetired,
            !world.plan.upstreams.contains(where: { $0.limits != nil })
        else { return }
        send(2 * model.targets.reduce(0) { $0 + $1.weight }, every: .milliseconds(1), number)
        world.note(.counted, value: number)
    }

    private func send(_ calls: Int, every pause: Interval, _ model: Int) {
        for call in 0..<calls {
            world.timeline.after(pause * call) { [unowned world] in
                var client = ClientPlan()
                client.model = model
                client.isExam = true
                client.mayRepeat = true
                world.arrive(client)
            }
        }
        world.runDry()
    }
}

extension Deployment.Status {
    /// When the breaker stops being open, and all keys may be used.
    fileprivate var opens: Instant? {
        var until = keys.compactMap { key in
            if case .resting(let until, _) = key { until } else { nil }
        }.max()
        if case .open(let end) = breaker { until = max(until ?? end, end) }
        return until
    }
}
