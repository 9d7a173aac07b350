import GatehouseCore
import GatehouseEngine

/// Something that must hold in every world, judged by what can be seen from outside alone.
protocol Invariant {
    /// For reports, and for `--plant`.
    static var name: String { get }

    /// Looks at an event.
    ///
    /// - Parameter facts: What was known before it.
    /// - Returns: What is wrong.
    mutating func see(_ event: Event, _ facts: Facts) -> String?
}

/// An invariant that did not hold.
package struct Violation: Sendable, Equatable {
    package var invariant: String
    package var problem: String
    /// Nanoseconds since the world began.
    package var time: Int64
}
