import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct RetryBudgetTests {
    /// How the calls of an outage arrive.
    private enum Pattern: CaseIterable {
        case steady, bursts, collapse, late, trickle
    }

    /// Everything fails for ten minutes, each call wants two more attempts, and calm hours may have gone before.
    private func outage(seed: UInt64, calls: Int, _ pattern: Pattern) -> Int {
        var generator = SeededGenerator(seed: seed)
        var now = Instant(nanoseconds: Int64.random(in: 0...1 << 50, using: &generator))
        var budget = RetryBudget(now: now)
        for _ in 0..<Int.random(in: 0...5000, using: &generator) {
            now = now + .milliseconds(1)
            budget.firstAttempt(now: now)
        }
        let start = now
        let moments = (0..<calls).map { index -> Int in
            switch pattern {
            case .steady: index * 600_000 / calls
            case .bursts: Int.random(in: 0..<6, using: &generator) * 100_000
            case .collapse: min(599_999, index < calls * 9 / 10 ? 0 : index * 600_000 / calls)
            case .late: 599_000 + index * 1000 / calls
            case .trickle: Int.random(in: 0..<600_000, using: &generator)
            }
        }
        var waiting = 0
        var upstream = 0
        for moment in moments.sorted() {
            now = max(now, start + .milliseconds(moment))
            // Calls that wait for a try ask at the worst of times: whenever anything happens.
            while waiting > 0, budget.take(now: now) {
                waiting -= 1
                upstream += 1
            }
            budget.firstAttempt(now: now)
            upstream += 1
            waiting += 2
        }
        now = start + .seconds(600)
        while waiting > 0, budget.take(now: now) {
            waiting -= 1
            upstream += 1
        }
        return upstream
    }

    @Test func anOutageIsNeverAmplifiedBeyondATenth() {
        for seed in 0..<2000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let calls = Int.random(in: 1000...4000, using: &generator)
            let pattern = Pattern.allCases[Int(seed) % Pattern.allCases.count]
            let upstream = outage(seed: seed, calls: calls, pattern)
            #expect(upstream * 100 <= calls * 110, "seed \(seed), \(pattern), \(calls) calls, \(upstream) attempts")
        }
    }

    /// It is a budget for retries, not a ban: most of the tenth can be used.
    @Test func mostOfTheTenthIsThere() {
        for calls in [1000, 10_000, 50_000] {
            #expect(outage(seed: 7, calls: calls, .steady) >= calls + calls * 8 / 100)
        }
    }

    @Test func rareErrorsAreAllRetried() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var now = Instant(nanoseconds: 0)
            var budget = RetryBudget(now: now)
            var attempts = 0
            for _ in 0..<20_000 {
                now = now + .milliseconds(10)
                budget.firstAttempt(now: now)
                attempts += 1
                guard Int.random(in: 0..<100, using: &generator) == 0 else { continue }
                let hasTry = budget.take(now: now)
                #expect(hasTry, "seed \(seed)")
                attempts += 1
            }
            #expect(attempts <= 20_400)
        }
    }

    @Test func anIdleGatewayCanRetry() {
        var now = Instant(nanoseconds: 5)
        var budget = RetryBudget(now: now)
        for _ in 0..<8 {
            let hasTry = budget.take(now: now)
            #expect(hasTry)
        }
        #expect(budget.remaining(now: now) == 0)
        let early = budget.take(now: now + .seconds(99))
        #expect(!early)
        now = now + .seconds(101)
        let late = budget.take(now: now)
        #expect(late)
        budget.putBack()
        #expect(budget.remaining(now: now) == 1)
        #expect(budget.remaining(now: now + .seconds(1_000_000)) == 8)
    }

    @Test func aClockThatStepsBackGivesNothing() {
        let now = Instant(nanoseconds: 1 << 40)
        var budget = RetryBudget(now: now)
        while budget.take(now: now) {}
        #expect(budget.remaining(now: .distantPast) == 0)
        #expect(budget.remaining(now: now) == 0)
        #expect(budget.remaining(now: Instant(nanoseconds: .max)) == 8)
    }
}
