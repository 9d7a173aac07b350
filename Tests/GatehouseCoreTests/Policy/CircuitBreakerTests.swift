import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct CircuitBreakerTests {
    private let start = Instant(nanoseconds: 1 << 40)

    /// A breaker with its random numbers.
    private struct World {
        var breaker: CircuitBreaker
        var generator = SeededGenerator(seed: 3)

        init(_ settings: CircuitBreaker.Settings = .init(), seed: UInt64 = 3) {
            breaker = CircuitBreaker(settings)
            generator = SeededGenerator(seed: seed)
        }

        mutating func admit(_ now: Instant) -> CircuitBreaker.Permit? { breaker.admit(now: now) }

        mutating func admitted(_ now: Instant) throws -> CircuitBreaker.Permit {
            let permit = breaker.admit(now: now)
            return try #require(permit)
        }

        /// One attempt, reported at once; whether it was admitted.
        mutating func attempt(_ sample: CircuitBreaker.Sample, _ now: Instant) -> Bool {
            guard let permit = breaker.admit(now: now) else { return false }
            record(permit, sample, now)
            return true
        }

        mutating func record(_ permit: CircuitBreaker.Permit, _ sample: CircuitBreaker.Sample, _ now: Instant) {
            breaker.record(permit, sample, now: now, using: &generator)
        }

        /// Opens it; the moment from which it lets probes through.
        mutating func trip(_ now: Instant) -> Instant {
            while attempt(.failure, now) {}
            guard case .open(let until) = breaker.state(now: now) else { return now }
            return until
        }
    }

    @Test func opensOnTheFifthFailureInARow() {
        var world = World()
        for count in 1...5 {
            #expect(world.breaker.state(now: start) == .closed)
            let isAdmitted = world.attempt(.failure, start + .seconds(count * 100))
            #expect(isAdmitted)
        }
        let now = start + .seconds(500)
        let isAdmitted = world.attempt(.success, now)
        #expect(!isAdmitted)
        guard case .open(let until) = world.breaker.state(now: now) else {
            Issue.record("not open")
            return
        }
        #expect(until >= now + .milliseconds(3750) && until <= now + .seconds(5))
        #expect(world.breaker.refusesUntil(now: now) == until)
    }

    @Test func opensAtHalfOfTenAndForgetsTheOld() {
        var world = World()
        for index in 0..<9 { _ = world.attempt(index % 2 == 0 ? .success : .failure, start) }
        #expect(world.breaker.state(now: start) == .closed)
        // Everything above is too old to count by now.
        let later = start + .seconds(11)
        for index in 0..<9 { _ = world.attempt(index % 2 == 0 ? .success : .failure, later) }
        #expect(world.breaker.state(now: later) == .closed)
        _ = world.attempt(.failure, later)
        #expect(world.breaker.state(now: later) != .closed)
    }

    @Test func answersThatAreNoServiceNeverOpenIt() {
        var world = World()
        for _ in 0..<100 {
            _ = world.attempt(.alive, start)
            _ = world.attempt(.unknown, start)
        }
        for _ in 0..<4 { _ = world.attempt(.failure, start) }
        _ = world.attempt(.alive, start)
        #expect(world.breaker.state(now: start) == .closed)
        _ = world.attempt(.failure, start)
        #expect(world.breaker.state(now: start) != .closed)
    }

    @Test func fewProbesCloseItAgain() throws {
        var world = World()
        let now = world.trip(start)
        let first = try world.admitted(now)
        let second = try world.admitted(now)
        let third = world.admit(now)
        #expect(first.isProbe && second.isProbe && third == nil)
        #expect(world.breaker.refusesUntil(now: now) == now + .seconds(1))
        world.record(first, .success, now)
        #expect(world.breaker.state(now: now) == .halfOpen)
        world.record(second, .alive, now)
        #expect(world.breaker.state(now: now) == .closed)
        let permit = try world.admitted(now)
        #expect(!permit.isProbe)
    }

    @Test func aBadProbeOpensItForLonger() throws {
        var world = World()
        var now = world.trip(start)
        for seconds in [10, 20, 40, 60, 60, 60] {
            let isAdmitted = world.attempt(.failure, now)
            #expect(isAdmitted)
            let until = try #require(world.breaker.refusesUntil(now: now))
            #expect(until - now <= .seconds(seconds) && until - now >= .milliseconds(seconds * 750))
            now = until
        }
        _ = world.attempt(.success, now)
        _ = world.attempt(.success, now)
        #expect(world.breaker.state(now: now) == .closed)
        let pause = world.trip(now) - now
        #expect(pause <= .seconds(5))
    }

    @Test func lostProbesDoNotWedgeIt() throws {
        var world = World()
        var now = world.trip(start)
        for _ in 0..<10 {
            let lost = try world.admitted(now)
            _ = try world.admitted(now)
            let third = world.admit(now)
            #expect(third == nil)
            now = now + .seconds(60)
            #expect(lost.isProbe)
        }
        let slow = try world.admitted(now)
        now = now + .seconds(300)
        world.record(slow, .success, now)
        _ = world.attempt(.success, now)
        #expect(world.breaker.state(now: now) == .closed)
    }

    @Test func whatWasAdmittedBeforeSaysNothing() throws {
        var world = World()
        let old = try world.admitted(start)
        let now = world.trip(start)
        world.record(old, .success, now)
        let probe = try world.admitted(now)
        world.record(old, .failure, now)
        #expect(world.breaker.state(now: now) == .halfOpen)
        world.record(probe, .unknown, now)
        world.record(probe, .unknown, now)
        #expect(world.breaker.state(now: now) == .halfOpen)
        world.breaker.reset()
        #expect(world.breaker.state(now: now) == .closed)
        world.record(probe, .failure, now)
        #expect(world.breaker.state(now: now) == .closed)
    }

    /// Calls come, some are lost, the upstream fails for a while and then serves: it is closed again in bounded time,
    /// and before that it saw few calls.
    @Test func heals() {
        for seed in 0..<2000 as Range<UInt64> {
            var world = World(seed: seed)
            var generator = SeededGenerator(seed: seed &+ 1_000_000)
            var now = start
            let healthy = start + .seconds(Int.random(in: 1...300, using: &generator))
            var running: [(permit: CircuitBreaker.Permit, end: Instant, sample: CircuitBreaker.Sample)] = []
            var admittedSick = 0
            // The longest pause, then probes that may all be lost once or twice, and their answers.
            let bound = healthy + .seconds(60 + 3 * 60 + 20)
            var closed: Instant?
            while now < bound, closed == nil {
                now = now + .milliseconds(Int.random(in: 1...400, using: &generator))
                for entry in running where entry.end <= now { world.record(entry.permit, entry.sample, now) }
                running.removeAll { $0.end <= now }
                if now >= healthy, world.breaker.state(now: now) == .closed { closed = now }
                guard let permit = world.breaker.admit(now: now) else { continue }
                if now < healthy { admittedSick += 1 }
                let isLost = Int.random(in: 0..<10, using: &generator) == 0
                guard !isLost else { continue }
                let end = now + .milliseconds(Int.random(in: 0...3000, using: &generator))
                running.append((permit, end, now < healthy ? .failure : .success))
            }
            #expect(closed != nil, "seed \(seed)")
            // Five and those on their way trip it; after that two probes a pause.
            #expect(admittedSick < 120, "seed \(seed): \(admittedSick)")
        }
    }

    /// No order of calls and reports lets more than the allowed probes be on their way.
    @Test func probesAreBounded() {
        for seed in 0..<3000 as Range<UInt64> {
            var world = World(seed: seed)
            var generator = SeededGenerator(seed: seed &+ 7)
            var now = world.trip(start)
            var probes: [(CircuitBreaker.Permit, Instant)] = []
            for _ in 0..<100 {
                now = now + .milliseconds(Int.random(in: 0...9000, using: &generator))
                guard world.breaker.state(now: now) == .halfOpen else {
                    probes = []
                    continue
                }
                if Bool.random(using: &generator), let permit = world.breaker.admit(now: now) {
                    probes.append((permit, now))
                } else if let index = probes.indices.randomElement(using: &generator) {
                    let sample: CircuitBreaker.Sample =
                        [.unknown, .unknown, .success, .failure][Int.random(in: 0..<4, using: &generator)]
                    world.record(probes.remove(at: index).0, sample, now)
                    if world.breaker.state(now: now) != .halfOpen { probes = [] }
                }
                #expect(probes.count { now - $0.1 < .seconds(60) } <= 2, "seed \(seed)")
            }
        }
    }
}
