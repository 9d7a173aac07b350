import GatehouseCore

/// All chance of a world. What is drawn for one thing does not change what is drawn for another: each takes a branch of
/// its own.
struct Dice: RandomNumberGenerator {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func next() -> UInt64 { generator.next() }

    /// Dice of their own for one thing.
    mutating func branch() -> Dice {
        Dice(seed: next())
    }

    /// From 0 up to, but without, 1.
    mutating func fraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    mutating func chance(_ probability: Double) -> Bool { fraction() < probability }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next(upperBound: UInt64(range.upperBound - range.lowerBound + 1)))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(0...elements.count - 1)]
    }

    /// Between two numbers, each order of magnitude as likely.
    mutating func scale(_ low: Double, _ high: Double) -> Double {
        low * Self.power(high / low, fraction())
    }

    /// Between two lengths of time, in seconds, each order of magnitude as likely.
    mutating func interval(_ low: Double, _ high: Double) -> Interval {
        Interval(nanoseconds: Int64(scale(low, high) * 1e9))
    }

    /// A wait of the given mean, as between things that come by chance.
    mutating func wait(_ mean: Interval) -> Interval {
        Interval(nanoseconds: Int64(Double(mean.nanoseconds) * -Self.logarithm(1 - fraction())))
    }

    // Made of arithmetic alone, so that a seed means the same with every C library.

    private static func power(_ base: Double, _ exponent: Double) -> Double {
        exponential(logarithm(base) * exponent)
    }

    static func logarithm(_ value: Double) -> Double {
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

    static func exponential(_ value: Double) -> Double {
        let halvings = 10
        let part = value / Double(1 << halvings)
        var result = 1 + part * (1 + part / 2 * (1 + part / 3 * (1 + part / 4)))
        for _ in 0..<halvings { result *= result }
        return result
    }
}
