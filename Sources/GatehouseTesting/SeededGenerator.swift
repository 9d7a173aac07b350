/// Random numbers that a seed repeats (SplitMix64), for tests by property: a failure names the seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Places at which to cut `count` bytes into pieces: any number, any sizes, also empty pieces at the ends.
    package mutating func cuts(of count: Int) -> [Int] {
        let pieces = Int.random(in: 0...min(count, 12), using: &self)
        return ([0, count] + (0..<pieces).map { _ in Int.random(in: 0...count, using: &self) }).sorted()
    }
}
