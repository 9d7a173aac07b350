/// A small set of positions: keys or targets that a call has tried, or that may serve it. Never allocates.
///
/// Positions beyond `capacity` are not kept; configurations stay far below.
package struct Positions: Sendable, Equatable {
    package static let capacity = 128
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    package init() {}

    package mutating func insert(_ position: Int) {
        switch position {
        case 0..<64: low |= 1 << UInt64(position)
        case 64..<128: high |= 1 << UInt64(position - 64)
        default: break
        }
    }

    package mutating func remove(_ position: Int) {
        switch position {
        case 0..<64: low &= ~(1 << UInt64(position))
        case 64..<128: high &= ~(1 << UInt64(position - 64))
        default: break
        }
    }

    package func contains(_ position: Int) -> Bool {
        switch position {
        case 0..<64: low & 1 << UInt64(position) != 0
        case 64..<128: high & 1 << UInt64(position - 64) != 0
        default: false
        }
    }

    package mutating func formUnion(_ other: Positions) {
        low |= other.low
        high |= other.high
    }

    package var isEmpty: Bool { low == 0 && high == 0 }
}
