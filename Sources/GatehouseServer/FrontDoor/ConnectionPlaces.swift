import Synchronization

/// Counts connections and says what each may be used for. When all places are taken, a few further connections may still
/// ask how the gateway is: an operator must be able to look at what is overloaded.
final class ConnectionPlaces: Sendable {
    enum Place: Sendable {
        case anything
        /// The routes of the control plane only.
        case control
        /// It is told that it is one too many.
        case nothing
    }

    /// Places beyond the limit for the control plane, and those that are told at the same time.
    static let reserve = 64

    private let limit: Int
    private let full = Atomic<Int>(0)
    private let reserved = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// All connections that are open.
    var count: Int {
        full.load(ordering: .relaxed) + reserved.load(ordering: .relaxed) + refused.load(ordering: .relaxed)
    }

    /// So many are being told that they are too many that further ones are not waited for.
    var isCrowded: Bool { refused.load(ordering: .relaxed) > Self.reserve }

    func take() -> Place {
        if Self.take(full, limit) { return .anything }
        if Self.take(reserved, Self.reserve) { return .control }
        refused.wrappingAdd(1, ordering: .relaxed)
        return .nothing
    }

    /// A connection of the reserve wants to make a call.
    ///
    /// - Returns: What it may do from now on.
    func promote() -> Place {
        guard Self.take(full, limit) else { return .control }
        reserved.wrappingSubtract(1, ordering: .relaxed)
        return .anything
    }

    func giveBack(_ place: Place) {
        switch place {
        case .anything: full.wrappingSubtract(1, ordering: .relaxed)
        case .control: reserved.wrappingSubtract(1, ordering: .relaxed)
        case .nothing: refused.wrappingSubtract(1, ordering: .relaxed)
        }
    }

    private static func take(_ count: borrowing Atomic<Int>, _ limit: Int) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        count.wrappingSubtract(1, ordering: .relaxed)
        return false
    }
}
