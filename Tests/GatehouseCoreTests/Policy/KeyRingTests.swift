import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct KeyRingTests {
    private let start = Instant(nanoseconds: 1 << 40)

    @Test func takesTurns() {
        var ring = KeyRing(count: 3)
        let picks = (0..<6).map { _ in ring.pick(now: start) }
        #expect(picks == [.key(0), .key(1), .key(2), .key(0), .key(1), .key(2)])
        var tried = Positions()
        tried.insert(0)
        tried.insert(2)
        #expect(ring.pick(now: start, tried: tried) == .key(1))
        tried.insert(1)
        #expect(ring.pick(now: start, tried: tried) == .none(until: nil))
        var none = KeyRing(count: 0)
        #expect(none.pick(now: start) == .none(until: nil))
    }

    @Test func aKeyRestsAsLongAsTold() {
        var ring = KeyRing(count: 2)
        ring.rest(0, told: .seconds(30), now: start)
        ring.rest(0, told: .seconds(3), now: start)
        #expect(ring.state(of: 0, now: start) == .resting(until: start + .seconds(30), isTold: true))
        for _ in 0..<5 { #expect(ring.pick(now: start + .seconds(29)) == .key(1)) }
        ring.rest(1, told: .seconds(1_000_000_000), now: start)
        #expect(ring.pick(now: start) == .none(until: start + .seconds(30)))
        #expect(
            ring.state(of: 1, now: start) == .resting(until: start + .seconds(60), isTold: true),
            "no word is good for ever")
        #expect(ring.pick(now: start + .seconds(30)) == .key(0))
        #expect(ring.state(of: 0, now: start + .seconds(30)) == .usable)
    }

    @Test func untoldRestsGrowUntilItWorks() {
        var ring = KeyRing(count: 1)
        var now = start
        for length in [1, 2, 4, 8, 15, 15] {
            ring.rest(0, now: now)
            #expect(ring.pick(now: now) == .soft(until: now + .seconds(length)))
            now = now + .seconds(length)
        }
        #expect(ring.pick(now: now) == .key(0))
        let isBack = ring.worked(0)
        #expect(!isBack)
        ring.rest(0, now: now)
        #expect(ring.pick(now: now) == .soft(until: now + .seconds(1)))
        #expect(ring.pick(now: now, forced: true) == .key(0), "nobody said that it must rest")
        ring.rest(0, told: .seconds(1), now: now)
        #expect(ring.pick(now: now, forced: true) == .none(until: now + .seconds(1)))
    }

    /// Calls that ran together hear the same: their keys must not rest for ages because there were many.
    @Test func manyAnswersAtOnceAreOneLesson() {
        var ring = KeyRing(count: 1)
        for _ in 0..<50 { ring.rest(0, now: start + .milliseconds(10)) }
        #expect(ring.pick(now: start) == .soft(until: start + .milliseconds(1010)))
        #expect(ring.soonest(now: start, tried: Positions()) == nil)
        ring.rest(0, told: .seconds(4), now: start + .milliseconds(20))
        #expect(ring.pick(now: start) == .none(until: start + .milliseconds(4020)), "what is told counts")
        #expect(ring.soonest(now: start, tried: Positions()) == start + .milliseconds(4020))
    }

    @Test func aKeyThatAnotherChoseIsLentForATrialOnly() {
        var ring = KeyRing(count: 2)
        _ = ring.retire(1, now: start)
        let soon = (ring.lend(0, now: start), ring.lend(1, now: start + .seconds(299)))
        #expect(soon == (true, false))
        let due = (ring.lend(1, now: start + .seconds(300)), ring.lend(1, now: start + .seconds(300)))
        #expect(due == (true, false))
    }

    @Test func aRetiredKeyIsTriedOnceInAWhile() {
        var ring = KeyRing(count: 2)
        let news = (ring.retire(1, now: start), ring.retire(1, now: start))
        #expect(news == (true, false))
        #expect(ring.retiredCount == 1)
        for _ in 0..<4 { #expect(ring.pick(now: start + .seconds(299)) == .key(0)) }
        let later = start + .seconds(300)
        #expect((0..<4).map { _ in ring.pick(now: later) } == [.key(1), .key(0), .key(0), .key(0)])
        // The trial was never reported: the next is as far away.
        #expect(ring.state(of: 1, now: later) == .retired(nextTrial: later + .seconds(300)))
        let isBack = ring.worked(1)
        #expect(isBack && ring.retiredCount == 0)
        #expect((0..<2).map { _ in ring.pick(now: later) } == [.key(1), .key(0)])
    }

    @Test func aLateAnswerDoesNotBringBackARetiredKey() {
        var ring = KeyRing(count: 1)
        _ = ring.retire(0, now: start)
        ring.rest(0, told: .seconds(1), now: start)
        #expect(ring.pick(now: start + .seconds(2)) == .none(until: start + .seconds(300)))
        ring.reset()
        #expect(ring.pick(now: start) == .key(0))
    }

    @Test func keysThatAreNotThereAreHarmless() {
        var ring = KeyRing(count: 1)
        ring.rest(5, now: start)
        let answers = (ring.retire(-1, now: start), ring.worked(9))
        #expect(answers == (false, false) && ring.state(of: 4, now: start) == nil)
    }

    /// Whatever happens to the keys: no resting or freshly retired key is handed out, and an idle ring heals.
    @Test func neverHandsOutAKeyThatRests() {
        for seed in 0..<1000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var ring = KeyRing(count: Int.random(in: 1...5, using: &generator))
            var now = start
            var free = Array(repeating: start, count: ring.count)
            for _ in 0..<200 {
                now = now + .milliseconds(Int.random(in: 0...5000, using: &generator))
                guard case .key(let key) = ring.pick(now: now) else { continue }
                #expect(free[key] <= now, "seed \(seed)")
                switch Int.random(in: 0..<4, using: &generator) {
                case 0:
                    let told = Interval.seconds(Int.random(in: 0...60, using: &generator))
                    if case .retired = ring.state(of: key, now: now) { continue }
                    ring.rest(key, told: told, now: now)
                    free[key] = max(free[key], now + told)
                case 1:
                    _ = ring.retire(key, now: now)
                    free[key] = now + .seconds(300)
                default: _ = ring.worked(key)
                }
            }
            #expect(ring.pick(now: now + .seconds(3600)) != .none(until: nil), "seed \(seed)")
            if case .none = ring.pick(now: now + .seconds(7200)) {
                Issue.record("no key after two hours, seed \(seed)")
            }
        }
    }
}
