import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct AdmissionQueueTests {
    private typealias Queue = AdmissionQueue<String>
    private let start = Instant(nanoseconds: 1 << 40)

    private func queue(limit: Int, queue: Int = 8, wait: Int = 1000) -> Queue {
        var settings = Queue.Settings()
        settings.queue = queue
        settings.longestWait = .milliseconds(wait)
        return Queue(limit: limit, settings)
    }

    /// Ends one call and gives its place to the next.
    private func turn(_ queue: inout Queue, _ now: Instant) -> UInt64? {
        queue.leave(now: now)
        return queue.next(now: now)
    }

    @Test func admitsQueuesAndRefuses() {
        var queue = queue(limit: 2, queue: 2)
        let entries = (1...5).map { queue.enter($0, key: "a", now: start) }
        let waits = Queue.Entry.queued(deadline: start + .seconds(1), displaced: nil)
        #expect(entries == [.admitted, .admitted, waits, waits, .refused(retryAfter: 1)])
        #expect(queue.inFlight == 2 && queue.queued == 2)
        let calls = (0..<4).map { _ in turn(&queue, start) }
        #expect(calls == [3, 4, nil, nil])
        #expect(queue.inFlight == 0 && queue.queued == 0)
        queue.leave(now: start)
        #expect(queue.inFlight == 0)
    }

    @Test func keysTakeTurns() {
        var queue = queue(limit: 1)
        _ = queue.enter(0, key: "a", now: start)
        for call in 1...4 { _ = queue.enter(UInt64(call), key: "a", now: start) }
        _ = queue.enter(10, key: "b", now: start)
        _ = queue.enter(20, key: "c", now: start)
        _ = queue.enter(11, key: "b", now: start)
        let calls = (0..<7).map { _ in turn(&queue, start) }
        #expect(calls == [1, 10, 20, 2, 11, 3, 4])
    }

    @Test func aFloodMakesRoomForOthers() {
        var queue = queue(limit: 1, queue: 4)
        for call in 0...4 { _ = queue.enter(UInt64(call), key: "flood", now: start) }
        let deadline = start + .seconds(1)
        #expect(queue.enter(5, key: "flood", now: start) == .refused(retryAfter: 1))
        #expect(queue.enter(10, key: "b", now: start) == .queued(deadline: deadline, displaced: 4))
        #expect(queue.enter(20, key: "c", now: start) == .queued(deadline: deadline, displaced: 3))
        // Two, one and one are fair as far as it goes.
        #expect(queue.enter(11, key: "b", now: start) == .refused(retryAfter: 1))
        #expect(queue.enter(30, key: "d", now: start) == .queued(deadline: deadline, displaced: 2))
        #expect(queue.enter(40, key: "e", now: start) == .refused(retryAfter: 1))
        let calls = (0..<5).map { _ in turn(&queue, start) }
        #expect(calls == [1, 10, 20, 30, nil])
    }

    @Test func nobodyWaitsLongerThanTheLimit() {
        var queue = queue(limit: 1)
        _ = queue.enter(0, key: "a", now: start)
        _ = queue.enter(1, key: "a", now: start)
        _ = queue.enter(2, key: "b", now: start + .milliseconds(500))
        let now = start + .seconds(1)
        // Its time is over, though nobody has asked.
        #expect(turn(&queue, now) == 2)
        #expect(queue.queued == 1)
        let expired = [queue.expired(now: now), queue.expired(now: now)]
        #expect(expired == [1, nil])
        #expect(queue.queued == 0 && queue.inFlight == 1)
    }

    /// Where more comes than is served, what is served is young; and what was only a burst had its time.
    @Test func aQueueThatStandsIsShort() {
        var queue = queue(limit: 1, queue: 100)
        let waits = (0...4).map { number in
            queue.enter(UInt64(number), key: "a", now: start + .milliseconds(number * 200))
        }
        let deadlines = waits.map { if case .queued(let deadline, _) = $0 { deadline - start } else { Interval.zero } }
        // The first comes in, the second begins the queue; the last comes when it has stood for more than half a second.
        #expect(
            deadlines == [.zero, .milliseconds(1200), .milliseconds(1400), .milliseconds(1600), .milliseconds(900)])
        // Another key has no part in it.
        let now = start + .milliseconds(900)
        let other = queue.enter(10, key: "b", now: now)
        #expect(other == .queued(deadline: now + .seconds(1), displaced: nil))
        // The last has waited long enough, although older ones have not.
        let late = [queue.expired(now: now), queue.expired(now: now)]
        #expect(late == [4, nil])
        let turns = (0..<4).map { _ in turn(&queue, now) }
        #expect(turns == [1, 10, 2, 3])
        // It was empty since: a burst again.
        let again = queue.enter(20, key: "a", now: now)
        #expect(again == .queued(deadline: now + .seconds(1), displaced: nil))
    }

    /// At the pace of the last calls its turn would not come in time: it hears so now, and not after the wait.
    @Test func whoHasNoChanceDoesNotWait() {
        var queue = queue(limit: 1, queue: 1000)
        var now = start
        var call: UInt64 = 0
        // One in 50 ms is served, so twenty in the second that they may wait.
        for _ in 0..<400 {
            call += 1
            _ = queue.enter(call, key: "a", now: now)
            now = now + .milliseconds(50)
            if queue.queued > 0 { _ = turn(&queue, now) }
        }
        _ = turn(&queue, now)
        var entries: [Queue.Entry] = []
        for _ in 0..<100 {
            call += 1
            entries.append(queue.enter(call, key: "a", now: now))
        }
        let waiting = entries.count { if case .queued = $0 { true } else { false } }
        // And as many again, whose chance is small.
        #expect((38...46).contains(waiting))
        if case .refused = entries[99] {} else { Issue.record("it waits for nothing") }
        // Whoever has no calls yet has its turn soon.
        if case .queued = queue.enter(1000, key: "b", now: now) {} else { Issue.record("refused for others") }
    }

    @Test func aCallerThatLeavesTheQueueIsForgotten() {
        var queue = queue(limit: 1)
        for call in 0...4 { _ = queue.enter(UInt64(call), key: call == 2 ? "b" : "a", now: start) }
        let gone = [queue.abandon(2), queue.abandon(3), queue.abandon(3), queue.abandon(0)]
        #expect(gone == [true, true, false, false])
        let calls = (0..<3).map { _ in turn(&queue, start) }
        #expect(calls == [1, 4, nil])
        let expired = queue.expired(now: start + .seconds(9))
        #expect(expired == nil)
    }

    @Test func aChangedLimitCountsAtOnce() {
        var queue = queue(limit: 3)
        for call in 0...5 { _ = queue.enter(UInt64(call), key: "a", now: start) }
        queue.limit = 1
        let calls = (0..<3).map { _ in turn(&queue, start) }
        #expect(calls == [nil, nil, 3])
        queue.limit = 2
        let more = [queue.next(now: start), queue.next(now: start)]
        #expect(more == [4, nil])
    }

    @Test func patienceFollowsThePace() {
        var queue = queue(limit: 1, queue: 100, wait: 1_000_000_000)
        for call in 0..<100 { _ = queue.enter(UInt64(call), key: "a", now: start) }
        #expect(queue.patience == 1)
        for second in 1...50 { _ = turn(&queue, start + .milliseconds(second * 200)) }
        // 49 wait, and every fifth of a second one is served.
        #expect((8...10).contains(queue.patience))
        for second in 1...49 { _ = turn(&queue, start + .seconds(10 + second * 100)) }
        #expect(queue.patience == 1)
    }

    /// What a caller of the queue knows of it: where each call is.
    private struct Model {
        var running: Set<UInt64> = []
        var waiting: [UInt64: (key: String, deadline: Instant)] = [:]
        var limit: Int
    }

    /// Any order of inputs: nobody is lost or answered twice, the bounds hold, and no place stays empty while somebody
    /// waits.
    @Test func everyCallHasOneAnswer() {
        for seed in 0..<3000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let bound = Int.random(in: 0...6, using: &generator)
            var model = Model(limit: Int.random(in: 1...4, using: &generator))
            var queue = queue(limit: model.limit, queue: bound)
            var now = start
            for call in 0..<120 as Range<UInt64> {
                now = now + .milliseconds(Int.random(in: 0...300, using: &generator))
                step(&queue, &model, call, now, &generator)
                while let next = queue.next(now: now) {
                    let waiter = model.waiting.removeValue(forKey: next)
                    #expect(waiter.map { now < $0.deadline } == true, "seed \(seed)")
                    model.running.insert(next)
                    #expect(model.running.count <= model.limit, "seed \(seed)")
                }
                #expect(queue.inFlight == model.running.count, "seed \(seed)")
                #expect(queue.queued == model.waiting.count && queue.queued <= bound, "seed \(seed)")
                let hopeful = model.waiting.values.contains { now < $0.deadline }
                #expect(!hopeful || model.running.count >= model.limit, "seed \(seed)")
            }
            now = now + .seconds(5)
            while let late = queue.expired(now: now) { model.waiting[late] = nil }
            #expect(model.waiting.isEmpty && queue.queued == 0, "seed \(seed)")
        }
    }

    private func step(
        _ queue: inout Queue, _ model: inout Model, _ call: UInt64, _ now: Instant, _ generator: inout SeededGenerator
    ) {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0...3:
            let key = ["a", "b", "c", "d"][min(3, Int.random(in: 0..<6, using: &generator))]
            let before = model.running.count
            switch queue.enter(call, key: key, now: now) {
            case .admitted:
                #expect(before < model.limit)
                model.running.insert(call)
            case .queued(let deadline, let displaced):
                #expect(deadline == now + .seconds(1) || deadline == now + .milliseconds(100))
                model.waiting[call] = (key, deadline)
                guard let displaced else { return }
                let victim = model.waiting.removeValue(forKey: displaced)
                #expect(victim != nil && victim?.key != key)
            case .refused(let seconds): #expect((1...30).contains(seconds))
            }
        case 4, 5:
            guard let ended = model.running.sorted().randomElement(using: &generator) else { return }
            model.running.remove(ended)
            queue.leave(now: now)
        case 6:
            guard let gone = model.waiting.keys.sorted().randomElement(using: &generator) else { return }
            let isWaiting = queue.abandon(gone)
            #expect(isWaiting)
            model.waiting[gone] = nil
        default:
            if Bool.random(using: &generator) {
                model.limit = Int.random(in: 0...4, using: &generator)
                queue.limit = model.limit
            }
            while let late = queue.expired(now: now) {
                let waiter = model.waiting.removeValue(forKey: late)
                #expect(waiter.map { now >= $0.deadline } == true)
            }
        }
    }

    /// One key floods, the others ask for little: they are served as if it were not there.
    @Test func aFloodStarvesNobody() {
        for seed in 0..<300 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var queue = queue(limit: 2, queue: 16, wait: 2000)
            var now = start
            var call: UInt64 = 0
            var keys: [UInt64: Bool] = [:]
            var modest = (asked: 0, served: 0)
            for _ in 0..<2000 {
                now = now + .milliseconds(10)
                for isModest in [false, false, false, Int.random(in: 0..<20, using: &generator) == 0] {
                    call += 1
                    keys[call] = isModest
                    modest.asked += isModest ? 1 : 0
                    let key = isModest ? "modest-\(Int.random(in: 0..<3, using: &generator))" : "flood"
                    if case .admitted = queue.enter(call, key: key, now: now), isModest { modest.served += 1 }
                }
                // A tenth of what is asked is served.
                if Int.random(in: 0..<3, using: &generator) == 0 { queue.leave(now: now) }
                while let next = queue.next(now: now) { modest.served += keys[next] == true ? 1 : 0 }
                while queue.expired(now: now) != nil {}
            }
            #expect(modest.served * 100 >= modest.asked * 95, "seed \(seed): \(modest)")
        }
    }
}
