import GatehouseCore

/// Whoever waits for its turn gets it, or a refusal, in time; and a key with few calls is not overtaken again and again by
/// one with many.
struct NoStarvation: Invariant {
    static let name = "no-starvation"
    /// Calls of one other key that may go before: one by the turns, and one that was called in at the same moment.
    private let allowed = 2
    private let usualWait = Interval.seconds(1)

    /// What is seen of a queue.
    private struct Queue {
        /// Of each key, the calls that wait, the oldest first.
        var lanes: [[Int]]
        /// Of each key, how many calls of each other one went before its oldest.
        var overtaken: [[Int]]

        init(keys: Int) {
            lanes = Array(repeating: [], count: keys)
            overtaken = Array(repeating: Array(repeating: 0, count: keys), count: keys)
        }

        mutating func add(_ call: Int, _ key: Int) {
            lanes[key].append(call)
            if lanes[key].count == 1 { reset(key) }
        }

        mutating func remove(_ call: Int, _ key: Int) {
            guard let place = lanes[key].firstIndex(of: call) else { return }
            lanes[key].remove(at: place)
            if place == 0 { reset(key) }
        }

        mutating func reset(_ key: Int) {
            for other in overtaken[key].indices { overtaken[key][other] = 0 }
        }
    }

    private var queues: [Int: Queue] = [:]

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .arrived where facts.plan.isOrderly:
            let plan = facts.calls[event.call].plan
            queues[place(plan, facts), default: Queue(keys: facts.plan.keys.count)].add(event.call, plan.key)
            return nil
        case .began:
            guard facts.calls[event.call].attempts.isEmpty else { return nil }
            return inTime(event, facts) ?? overtaking(event, facts)
        case .settled:
            let plan = facts.calls[event.call].plan
            queues[place(plan, facts)]?.remove(event.call, plan.key)
            return facts.calls[event.call].attempts.isEmpty ? inTime(event, facts) : nil
        case .circling: return "the gateway goes round in circles, and everybody waits"
        case .crashed:
            queues = [:]
            return nil
        default: return nil
        }
    }

    private func place(_ plan: ClientPlan, _ facts: Facts) -> Int {
        facts.plan.models[plan.model].targets[0].upstream
    }

    private func longestWait(_ call: CallFacts, _ facts: Facts) -> Interval {
        let model = facts.plan.models[call.plan.model]
        let waits = (model.targets + model.fallbacks).map {
            facts.plan.upstreams[$0.upstream].limits?.wait ?? usualWait
        }
        return waits.max() ?? usualWait
    }

    /// Its first attempt, or its end without one.
    private func inTime(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        let waited = event.time - call.arrived
        let most = longestWait(call, facts) + facts.plan.handover
        return waited > most ? "it waited \(waited.inSeconds) s of \(most.inSeconds)" : nil
    }

    private mutating func overtaking(_ event: Event, _ facts: Facts) -> String? {
        guard facts.plan.isOrderly else { return nil }
        let call = facts.calls[event.call]
        let place = place(call.plan, facts)
        guard var queue = queues[place] else { return nil }
        defer { queues[place] = queue }
        let key = call.plan.key
        // Two that were called in at once may be handed over in either order.
        let isOrdered = facts.plan.handover == .zero
        if isOrdered, let oldest = queue.lanes[key].first, oldest != event.call, canGo(oldest, event.time, facts) {
            return "it goes before call \(oldest) of the same key"
        }
        queue.remove(event.call, key)
        for other in queue.lanes.indices where other != key {
            guard let oldest = queue.lanes[other].first, canGo(oldest, event.time, facts) else { continue }
            queue.overtaken[other][key] += 1
            if queue.overtaken[other][key] > (isOrdered ? allowed : allowed + 1) {
                return "it is one of \(queue.overtaken[other][key]) of its key that go before call \(oldest) of another"
            }
        }
        return nil
    }

    /// It can still have its turn.
    private func canGo(_ call: Int, _ now: Instant, _ facts: Facts) -> Bool {
        now < facts.calls[call].arrived + longestWait(facts.calls[call], facts)
    }
}
