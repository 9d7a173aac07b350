package import GatehouseCore

extension SeededGenerator {
    /// Places at which to cut `count` bytes into pieces: any number, any sizes, also empty pieces at the ends.
    package mutating func cuts(of count: Int) -> [Int] {
        let pieces = Int.random(in: 0...min(count, 12), using: &self)
        return ([0, count] + (0..<pieces).map { _ in Int.random(in: 0...count, using: &self) }).sorted()
    }
}
