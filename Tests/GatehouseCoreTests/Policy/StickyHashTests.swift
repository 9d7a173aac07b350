import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct StickyHashTests {
    private func names(_ count: Int, weight: (Int) -> Int = { _ in 1 }) -> [(name: String, weight: Int)] {
        (0..<count).map { ("target-\($0)", weight($0)) }
    }

    @Test func theHashNeverChanges() {
        #expect(StickyHash.hash("".utf8) == StickyHash.hash([UInt8]()))
        #expect(StickyHash.hash("session-1".utf8) == 16069246975747962578)
        #expect(StickyHash([]).pick(1) == nil)
        #expect(StickyHash(names(3, weight: { _ in 0 })).pick(1) == nil)
    }

    /// When a target is passed only its own keys move, and they go to all others.
    @Test func fewKeysMove() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let count = Int.random(in: 2...12, using: &generator)
            let hash = StickyHash(names(count))
            let gone = Int.random(in: 0..<count, using: &generator)
            var passing = Positions()
            passing.insert(gone)
            var heirs = Set<Int>()
            for _ in 0..<500 {
                let key = generator.next()
                let before = hash.pick(key)
                let after = hash.pick(key, passing: passing)
                if before == gone, let after { heirs.insert(after) } else { #expect(before == after, "seed \(seed)") }
                #expect(after != gone, "seed \(seed)")
            }
            #expect(heirs.count >= (count - 1) / 2, "seed \(seed)")
        }
    }

    /// The order of the targets in a configuration means nothing, and a new one takes only its share.
    @Test func aNewTargetTakesItsShareOnly() {
        let old = names(9)
        let new = Array((old + [("target-9", 1)]).reversed())
        let (before, after) = (StickyHash(old), StickyHash(new))
        var generator = SeededGenerator(seed: 2)
        var moved = 0
        for _ in 0..<20_000 {
            let key = generator.next()
            guard let from = before.pick(key), let to = after.pick(key), new[to].name != old[from].name else {
                continue
            }
            moved += 1
            #expect(new[to].name == "target-9")
        }
        #expect((1800...2200).contains(moved))
    }

    @Test func keysFollowTheWeights() {
        let hash = StickyHash(names(4, weight: { $0 }))
        var counts = [0, 0, 0, 0]
        for index in 0..<60_000 {
            if let pick = hash.pick(StickyHash.hash("user-\(index)".utf8)) { counts[pick] += 1 }
        }
        #expect(counts[0] == 0)
        for index in 1...3 { #expect(abs(counts[index] - 10_000 * index) < 500, "\(counts)") }
    }
}
