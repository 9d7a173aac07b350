import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct BackoffTests {
    private let backoff = Backoff()
    private let hour = Interval.seconds(3600)

    @Test func windowsDoubleUpToTheCap() throws {
        for (retry, limit) in [(1, 250), (2, 500), (3, 1000), (6, 8000), (7, 8000), (1000, 8000), (0, 250)] {
            var longest = Interval.zero
            var shortest = hour
            for seed in 0..<500 {
                var generator = SeededGenerator(seed: UInt64(seed))
                let wait = try #require(backoff.wait(before: retry, left: hour, using: &generator))
                longest = max(longest, wait)
                shortest = min(shortest, wait)
            }
            #expect(longest <= .milliseconds(limit) && longest > .milliseconds(limit * 9 / 10))
            #expect(shortest >= .zero && shortest < .milliseconds(limit / 10))
        }
    }

    @Test func neverEarlierThanTold() throws {
        for seed in 0..<2000 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let told = Interval.milliseconds(Int.random(in: 1...20_000, using: &generator))
            let left = Interval.milliseconds(Int.random(in: 1...20_000, using: &generator))
            let wait = backoff.wait(before: 1, told: told, left: left, using: &generator)
            if told > backoff.longestTold || told >= left { #expect(wait == nil) }
            if let wait { #expect(wait >= told && wait < left && wait <= told + backoff.base) }
        }
    }

    @Test func noTimeNoRetry() {
        var generator = SeededGenerator(seed: 1)
        #expect(backoff.wait(before: 1, left: .zero, using: &generator) == nil)
        #expect(backoff.wait(before: 1, left: .seconds(-1), using: &generator) == nil)
        #expect(backoff.wait(before: 1, told: Interval(nanoseconds: .max), left: hour, using: &generator) == nil)
    }
}

@Suite struct IntervalTests {
    @Test func arithmeticSaturates() {
        let most = Interval(nanoseconds: .max)
        #expect(Instant(nanoseconds: .max) + most == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: .max) - Instant(nanoseconds: .min) == most)
        #expect(Instant.distantPast - Instant(nanoseconds: 1) == Interval(nanoseconds: .min))
        #expect(most * 3 == most)
        #expect(most * -3 == Interval(nanoseconds: .min))
        #expect(Interval.seconds(.max) == most)
        #expect(most + most == most)
        #expect(Interval.zero - most - most == Interval(nanoseconds: .min))
        #expect(most.retryAfter > 0 && Interval(nanoseconds: .min).retryAfter == 1)
        #expect(Interval.milliseconds(1001).retryAfter == 2)
    }
}
