import GatehouseCore
import GatehouseTesting
import Testing

/// The bucket against a plain reference: a list of everything that flowed in and out, added up anew for each question, in
/// whole parts.
@Suite struct TokenBucketTests {
    private final class Bucket {
        private var bucket: TokenBucket

        init(_ settings: TokenBucket.Settings, now: Instant) {
            bucket = TokenBucket(settings, now: now)
        }

        private init(_ bucket: TokenBucket) {
            self.bucket = bucket
        }

        func copy() -> Bucket { Bucket(bucket) }
        func has(_ tokens: Int, now: Instant) -> Bool { bucket.has(tokens, now: now) }
        func take(_ tokens: Int, now: Instant) { bucket.take(tokens, now: now) }
        func correct(taken: Int, used: Int, now: Instant) { bucket.correct(taken: taken, used: used, now: now) }
        func wait(for tokens: Int, now: Instant) -> Interval { bucket.wait(for: tokens, now: now) }
        func remaining(now: Instant) -> Int { bucket.remaining(now: now) }
        func untilFull(now: Instant) -> Interval { bucket.untilFull(now: now) }
        func change(to settings: TokenBucket.Settings, now: Instant) { bucket.change(to: settings, now: now) }
    }

    /// Keeps no state but the history.
    private struct Reference {
        let settings: TokenBucket.Settings
        let start: Instant
        var events: [(at: Instant, tokens: Int)] = []

        /// Parts that are there at a moment.
        func level(_ now: Instant) -> Int128 {
            let full = Int128(settings.capacity) * Int128(settings.period.nanoseconds)
            var level = full
            var moment = start
            for event in events + [(now, 0)] {
                if event.at > moment {
                    let flown = Int128(event.at.nanoseconds - moment.nanoseconds) * Int128(settings.count)
                    level = min(full, level + flown)
                    moment = event.at
                }
                level = min(full, level - Int128(event.tokens) * Int128(settings.period.nanoseconds))
            }
            return level
        }
    }

    private func settings(_ generator: inout SeededGenerator) -> TokenBucket.Settings {
        let periods: [Interval] = [
            .seconds(1), .seconds(60), .seconds(3600), .seconds(86_400), Interval(nanoseconds: 7),
        ]
        let most = [3, 60, 100_000, 1_000_000_000].randomElement(using: &generator) ?? 1
        let period = periods.randomElement(using: &generator) ?? .seconds(1)
        let count = Int.random(in: 1...most, using: &generator)
        return .init(
            count: count, period: period,
            capacity: Bool.random(using: &generator) ? nil : Int.random(in: 1...most, using: &generator))
    }

    @Test func agreesWithTheReference() {
        for seed in 0..<400 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let settings = settings(&generator)
            var now = Instant(nanoseconds: .random(in: -1_000_000...1 << 40, using: &generator))
            let bucket = Bucket(settings, now: now)
            var reference = Reference(settings: settings, start: now)
            for _ in 0..<60 {
                // Also a clock that stands, or goes back.
                let step = Int64.random(in: -100...settings.period.nanoseconds * 2, using: &generator)
                let moment = now + Interval(nanoseconds: Bool.random(using: &generator) ? 0 : step)
                now = max(now, moment)
                let amount = Int.random(in: 0...settings.capacity.capped(adding: 3), using: &generator)
                let need = Int128(min(amount, settings.capacity)) * Int128(settings.period.nanoseconds)
                let has = bucket.has(amount, now: moment)
                #expect(has == (reference.level(now) >= need), "seed \(seed)")
                if has {
                    bucket.take(amount, now: moment)
                    reference.events.append((now, amount))
                } else {
                    checkWait(bucket, amount, now, seed)
                }
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    let used = Int.random(in: 0...settings.capacity, using: &generator)
                    bucket.correct(taken: amount, used: used, now: moment)
                    reference.events.append((now, used - amount))
                }
                let level = max(0, reference.level(now)) / Int128(settings.period.nanoseconds)
                #expect(bucket.remaining(now: now) == Int(level), "seed \(seed)")
            }
        }
    }

    /// After the wait it is enough, and a nanosecond before it is not.
    private func checkWait(_ bucket: Bucket, _ amount: Int, _ now: Instant, _ seed: UInt64) {
        let wait = bucket.wait(for: amount, now: now)
        #expect(wait > .zero, "seed \(seed)")
        let (early, due) = (bucket.copy(), bucket.copy())
        #expect(due.has(amount, now: now + wait), "seed \(seed)")
        #expect(!early.has(amount, now: now + wait - Interval(nanoseconds: 1)), "seed \(seed)")
    }

    @Test func neverLetsMoreThroughThanItsRate() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let settings = TokenBucket.Settings(
                count: .random(in: 1...500, using: &generator), period: .seconds(1),
                capacity: .random(in: 1...100, using: &generator))
            var now = Instant(nanoseconds: 5)
            let start = now
            let bucket = Bucket(settings, now: now)
            var taken = 0
            for _ in 0..<2000 {
                now = now + Interval(nanoseconds: .random(in: 0...5_000_000, using: &generator))
                if bucket.has(1, now: now) {
                    bucket.take(1, now: now)
                    taken += 1
                }
            }
            let flown = Int128((now - start).nanoseconds) * Int128(settings.count) / 1_000_000_000
            #expect(Int128(taken) <= Int128(settings.capacity) + flown, "seed \(seed)")
            // Whoever asks so often gets all that there is, but for what a full bucket could not take in.
            if settings.count * 5 < 800, settings.capacity > 1 { #expect(Int128(taken) >= flown, "seed \(seed)") }
        }
    }

    @Test func whatIsLargerThanTheBucketWaitsForAFullOneAndOwesTheRest() {
        let start = Instant(nanoseconds: 0)
        let bucket = Bucket(.init(count: 10, period: .seconds(1)), now: start)
        #expect(bucket.has(25, now: start))
        bucket.take(25, now: start)
        #expect(bucket.remaining(now: start) == 0)
        #expect(bucket.wait(for: 1, now: start) == .milliseconds(1600))
        #expect(bucket.untilFull(now: start) == .milliseconds(2500))
    }

    @Test func aChangeOfSettingsGivesNothingAway() {
        let start = Instant(nanoseconds: 0)
        let bucket = Bucket(.init(count: 60, period: .seconds(60)), now: start)
        bucket.take(45, now: start)
        bucket.change(to: .init(count: 100, period: .seconds(1)), now: start)
        #expect(bucket.remaining(now: start) == 55)
        bucket.change(to: .init(count: 3, period: .seconds(86_400), capacity: 40), now: start)
        #expect(bucket.remaining(now: start) == 0 && !bucket.has(1, now: start))
    }

    @Test func extremesDoNotTrap() {
        let most = TokenBucket.Settings(count: .max, period: Interval(nanoseconds: .max), capacity: .max)
        let bucket = Bucket(most, now: .distantPast)
        for now in [Instant.distantPast, Instant(nanoseconds: 0), .distantFuture] {
            for _ in 0..<50 {
                bucket.take(.max, now: now)
                bucket.correct(taken: 0, used: .max, now: now)
                _ = bucket.wait(for: .max, now: now)
                _ = bucket.untilFull(now: now)
            }
            bucket.correct(taken: .max, used: .min, now: now)
        }
        #expect(bucket.remaining(now: .distantFuture) >= 0)
    }
}
