/// Sends the same key to the same target (rendezvous hashing), so that a provider's prompt cache is met again.
///
/// Each target draws a number for the key, and the highest serves. When a target goes only its own keys move, and they
/// spread over the others by weight; when it is back they return. All instances of a gateway choose alike.
package struct StickyHash: Sendable {
    private struct Target {
        var name: UInt64
        var weight: Double
    }

    private let targets: [Target]

    /// - Parameter targets: Names, which must stay when a configuration changes, and weights; a weight of 0 takes no keys.
    package init(_ targets: [(name: String, weight: Int)]) {
        self.targets = targets.prefix(Positions.capacity).map {
            Target(name: Self.hash($0.name.utf8), weight: Double(max(0, $0.weight)))
        }
    }

    /// The target of a key, but none of `passed`.
    package func pick(_ key: UInt64, passing passed: Positions = Positions()) -> Int? {
        var best: Int?
        var highest = 0.0
        for (index, target) in targets.enumerated() where target.weight > 0 && !passed.contains(index) {
            // 53 bits and a half: never 0, never 1.
            let drawn = (Double(Self.mix(key ^ target.name) >> 11) + 0.5) / 0x1p53
            let score = target.weight / -Self.logarithm(drawn)
            if score > highest {
                highest = score
                best = index
            }
        }
        return best
    }

    /// The key of some bytes: the same in every process and on every machine.
    package static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return mix(hash)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The natural logarithm of a positive number. By arithmetic alone, so that each C library gives the same.
    static func logarithm(_ value: Double) -> Double {
        // value = significand · 2^exponent, and ln(significand) = 2 · artanh((s - 1) / (s + 1)).
        let ratio = (value.significand - 1) / (value.significand + 1)
        let square = ratio * ratio
        var power = ratio
        var sum = ratio
        for odd in stride(from: 3.0, through: 21, by: 2) {
            power *= square
            sum += power / odd
        }
        return 2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3
    }
}
