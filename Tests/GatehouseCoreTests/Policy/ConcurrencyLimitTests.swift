import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct ConcurrencyLimitTests {
    private let start = Instant(nanoseconds: 1 << 40)

    /// A deployment that serves `capacity` calls at full speed, and more of them the slower; and endless callers.
    private struct World {
        var limit: ConcurrencyLimit
        var capacity: Double
        var base: Double
        var now: Instant
        var generator: SeededGenerator
        /// Remaining work of each call, and when it began.
        var calls: [(work: Double, begin: Instant)] = []
        var served = 0
        /// The sum of the limits over time.
        var area = 0.0

        init(capacity: Int, base: Double, settings: ConcurrencyLimit.Settings, start: Instant, seed: UInt64) {
            limit = ConcurrencyLimit(settings, now: start)
            self.capacity = Double(capacity)
            self.base = base
            now = start
            generator = SeededGenerator(seed: seed)
        }

        mutating func run(seconds: Int, callers: Int = .max) {
            served = 0
            area = 0
            for _ in 0..<(seconds * 25) {
                while calls.count < min(limit.limit, callers) {
                    // Prompts differ: from half of the usual work to one and a half.
                    calls.append((base * Double.random(in: 0.5...1.5, using: &generator), now))
                }
                area += Double(limit.limit) * 0.04
                let speed = min(1, capacity / Double(max(1, calls.count)))
                now = now + .milliseconds(40)
                for index in calls.indices { calls[index].work -= 0.04 * speed }
                let inFlight = calls.count
                for call in calls where call.work <= 0 {
                    limit.served(after: now - call.begin, inFlight: inFlight, now: now)
                    served += 1
                }
                calls.removeAll { $0.work <= 0 }
            }
        }
    }

    @Test func findsTheCapacity() {
        for seed in 0..<40 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let capacity = Int.random(in: 6...60, using: &generator)
            var settings = ConcurrencyLimit.Settings()
            settings.initial = Int.random(in: 4...32, using: &generator)
            var world = World(capacity: capacity, base: 0.5, settings: settings, start: start, seed: seed)
            world.run(seconds: 300)
            world.run(seconds: 200)
            let mean = world.area / 200
            #expect(mean > Double(capacity) && mean < Double(capacity) * 2.8, "seed \(seed): \(mean) of \(capacity)")
            // The capacity is used: nearly as much is served as can be.
            let most = Double(capacity) / 0.5 * 200
            #expect(Double(world.served) > most * 0.9, "seed \(seed): \(world.served) of \(most)")
        }
    }

    @Test func aSlowerModelIsNotTakenForAnOverloadedOne() {
        for seed in 0..<10 as Range<UInt64> {
            var world = World(capacity: 30, base: 0.3, settings: .init(), start: start, seed: seed)
            world.run(seconds: 300)
            world.base = 1.2
            world.run(seconds: 900)
            world.run(seconds: 200)
            let mean = world.area / 200
            #expect(mean > 25 && mean < 84, "seed \(seed): \(mean)")
        }
    }

    /// A deployment that serves some at a time and lets all others wait, without a word; and callers who do not wait for
    /// each other. Gives the limit and the calls on their way, each on average of the last seconds.
    private func storm(slots: Int, service: Interval, times: Int) -> (limit: Double, inFlight: Double) {
        var settings = ConcurrencyLimit.Settings()
        settings.minimum = 16
        settings.initial = 1024
        settings.maximum = 4096
        var limit = ConcurrencyLimit(settings, now: start)
        var waiting: [Instant] = []
        var served: [(begin: Instant, end: Instant)] = []
        var sum = (limit: 0.0, inFlight: 0.0)
        // A step is a hundredth of the service; four fifths of what is served come for a while, then many times more.
        let step = Interval(nanoseconds: service.nanoseconds / 100)
        var debt = 0
        for number in 0..<40_000 {
            let now = start + step * number
            for call in served where call.end <= now {
                limit.served(after: now - call.begin, inFlight: served.count + waiting.count, now: now)
            }
            served.removeAll { $0.end <= now }
            debt += number < 8000 ? slots * 8 : slots * 10 * times
            while debt >= 1000 {
                debt -= 1000
                if served.count + waiting.count < limit.limit { waiting.append(now) }
            }
            while served.count < slots, !waiting.isEmpty {
                served.append((waiting.removeFirst(), now + service))
            }
            if number >= 30_000 {
                sum.limit += Double(limit.limit) / 10_000
                sum.inFlight += Double(served.count + waiting.count) / 10_000
            }
        }
        return sum
    }

    /// It begins far too high, and what has piled up until that shows must not be taken for what idle means.
    @Test func anAvalancheIsNotTakenForSlowness() {
        for (slots, times) in [(20, 10), (20, 3), (40, 10)] {
            let found = storm(slots: slots, service: .milliseconds(100), times: times)
            #expect(found.limit < Double(slots) * 5, "\(slots) slots, \(times) times: \(found)")
            #expect(found.inFlight >= Double(slots) * 0.9, "\(slots) slots, \(times) times: \(found)")
        }
    }

    /// A limit that fell while many streams began must not keep others out for as long as those run.
    @Test func streamsThatRunOnDoNotKeepOthersOut() {
        var settings = ConcurrencyLimit.Settings()
        (settings.minimum, settings.initial, settings.maximum) = (16, 100, 150)
        var limit = ConcurrencyLimit(settings, now: start)
        limit.overloaded(after: .milliseconds(10), now: start + .seconds(1))
        #expect(limit.limit == 90)
        let early = limit.pressed(now: start + .seconds(5))
        #expect(!early, "something was heard 4 s ago")
        let late = limit.pressed(now: start + .seconds(6))
        #expect(late && limit.limit == 99)
        let again = limit.pressed(now: start + .seconds(7))
        #expect(!again && limit.limit == 99, "a few more each time")
        for second in 2..<20 { _ = limit.pressed(now: start + .seconds(second * 6)) }
        let last = limit.pressed(now: start + .seconds(1000))
        #expect(limit.limit == 150 && !last, "never more than the setting")
    }

    /// A burst is late for a moment, which is no overload; what is far too late is brought back to what is well.
    @Test func aBurstIsNoOverload() {
        var settings = ConcurrencyLimit.Settings()
        (settings.minimum, settings.initial, settings.maximum, settings.burst) = (16, 100, 1000, .seconds(1))
        var limit = ConcurrencyLimit(settings, now: start)
        func serve(_ count: Int, after latency: Interval, from begin: Interval) {
            for number in 0..<count {
                let now = start + begin + latency + .milliseconds(number)
                limit.served(after: latency, inFlight: 90, now: now)
            }
        }
        serve(20, after: .milliseconds(10), from: .seconds(1))
        serve(20, after: .milliseconds(600), from: .seconds(10))
        #expect(limit.limit >= 100)
        serve(20, after: .seconds(4), from: .seconds(20))
        #expect(limit.limit <= 60)
        let fallen = limit.limit
        serve(20, after: .milliseconds(600), from: .seconds(30))
        #expect(limit.limit < fallen, "once it falls it goes on until all is well")
    }

    @Test func whatIsNotUsedDoesNotGrow() {
        var world = World(capacity: 50, base: 0.2, settings: .init(), start: start, seed: 1)
        world.run(seconds: 300, callers: 5)
        #expect(world.limit.limit == 16)
    }

    /// A limit that is far too high finds down within seconds when the avalanche comes, and what is served stays near what can
    /// be.
    @Test func anAvalancheIsBroken() {
        for seed in 0..<10 as Range<UInt64> {
            var settings = ConcurrencyLimit.Settings()
            (settings.minimum, settings.initial, settings.maximum) = (16, 1024, 4096)
            var world = World(capacity: 20, base: 0.1, settings: settings, start: start, seed: seed)
            world.run(seconds: 20, callers: 12)
            world.run(seconds: 18)
            #expect(world.limit.limit < 120, "seed \(seed): \(world.limit.limit)")
            world.run(seconds: 100)
            #expect(world.area / 100 < 80, "seed \(seed): \(world.area / 100)")
            #expect(Double(world.served) > 0.9 * 200 * 100, "seed \(seed): \(world.served)")
        }
    }

    /// Streams that run on for long leave no room for a measurement: it must not keep everybody out.
    @Test func aMeasurementDoesNotWaitForLongStreams() {
        var settings = ConcurrencyLimit.Settings()
        (settings.minimum, settings.initial, settings.maximum) = (16, 64, 4096)
        var limit = ConcurrencyLimit(settings, now: start)
        var now = start
        var lowSince: Instant?
        for round in 0..<20_000 {
            now = now + .milliseconds(10)
            // First events come fast, but for a bad moment; the streams behind them stay.
            let latency = Interval.milliseconds(round / 25 % 40 == 20 ? 400 : 50)
            limit.served(after: latency, inFlight: 60, now: now)
            guard limit.limit < 16 else {
                lowSince = nil
                continue
            }
            lowSince = lowSince ?? now
            #expect(lowSince.map { now - $0 < .seconds(3) } == true)
        }
    }

    /// A deployment that serves everybody well is never slowed down for a measurement.
    @Test func healthIsNotDisturbed() {
        var world = World(capacity: 500, base: 0.5, settings: .init(), start: start, seed: 1)
        var lowest = Int.max
        for _ in 0..<300 {
            world.run(seconds: 1, callers: 100)
            lowest = min(lowest, world.limit.limit)
        }
        #expect(lowest == 16 && world.limit.limit >= 100)
    }

    @Test func overloadLowersItOnceForTheCallsOfItsTime() {
        var limit = ConcurrencyLimit(now: start)
        let now = start + .seconds(10)
        for _ in 0..<50 { limit.overloaded(after: .seconds(5), now: now) }
        #expect(limit.limit == 14)
        for second in 1...200 { limit.overloaded(after: .milliseconds(10), now: now + .seconds(second)) }
        #expect(limit.limit == 4)
        limit.overloaded(after: .seconds(-1), now: now)
        limit.served(after: Interval(nanoseconds: .max), inFlight: .max, now: .distantPast)
        #expect(limit.limit == 4)
    }

    /// Whatever is reported, the limit stays within its bounds.
    @Test func staysWithinItsBounds() {
        for seed in 0..<2000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var settings = ConcurrencyLimit.Settings()
            settings.minimum = Int.random(in: 1...10, using: &generator)
            settings.maximum = settings.minimum + Int.random(in: 0...50, using: &generator)
            settings.initial = Int.random(in: 0...100, using: &generator)
            settings.samples = Int.random(in: 0...6, using: &generator)
            settings.windows = Int.random(in: 0...6, using: &generator)
            var limit = ConcurrencyLimit(settings, now: start)
            var now = start
            for _ in 0..<300 {
                now = now + .milliseconds(Int.random(in: -50...1000, using: &generator))
                let latency = Interval.milliseconds(Int.random(in: -5...2000, using: &generator))
                if Int.random(in: 0..<10, using: &generator) == 0 {
                    limit.overloaded(after: latency, now: now)
                } else {
                    limit.served(after: latency, inFlight: Int.random(in: 0...60, using: &generator), now: now)
                }
                #expect((settings.minimum...settings.maximum).contains(limit.limit), "seed \(seed)")
            }
        }
    }
}
