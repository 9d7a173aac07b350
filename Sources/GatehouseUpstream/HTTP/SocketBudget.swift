import Synchronization

/// How many sockets to upstreams may be open, for all of them together: what files the system lets a process open must
/// do for callers, logs and agents as well.
package final class SocketBudget: Sendable {
    private let limit: Int
    /// What one pool may always have on their way, and the most it ever may: while some of a burst wait for a provider whose
    /// queue is full, the others must not wait for them.
    static let fewest = 128
    private static let most = 1024
    private let open = Atomic<Int>(0)

    package init(limit: Int) {
        self.limit = limit
    }

    /// So few are left that none should rest.
    var isTight: Bool { open.load(ordering: .relaxed) > limit / 4 * 3 }

    /// Connections that one pool may have on their way.
    var share: Int { max(Self.fewest, min(Self.most, limit / 8)) }

    func take() -> Bool {
        if open.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        giveBack()
        return false
    }

    func giveBack() {
        open.wrappingSubtract(1, ordering: .relaxed)
    }
}
