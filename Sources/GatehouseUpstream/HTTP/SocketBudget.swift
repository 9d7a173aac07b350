import Synchronization

/// How many sockets to upstreams may be open, for all of them together: what files the system lets a process open must
/// do for callers, logs and agents as well.
package final class SocketBudget: Sendable {
    private let limit: Int
    private let open = Atomic<Int>(0)

    package init(limit: Int) {
        self.limit = limit
    }

    /// So few are left that none should rest.
    var isTight: Bool { open.load(ordering: .relaxed) > limit / 4 * 3 }

    func take() -> Bool {
        if open.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        giveBack()
        return false
    }

    func giveBack() {
        open.wrappingSubtract(1, ordering: .relaxed)
    }
}
