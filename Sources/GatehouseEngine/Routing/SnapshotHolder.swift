import Synchronization

/// Holds the current snapshot; a reload swaps it.
package final class SnapshotHolder: Sendable {
    private let current: Mutex<RoutingSnapshot>

    package init(_ snapshot: RoutingSnapshot) {
        current = Mutex(snapshot)
    }

    package var snapshot: RoutingSnapshot { current.withLock { $0 } }

    /// Puts `snapshot` in place and gives the one before; calls that hold that one keep it to their end.
    @discardableResult
    package func swap(_ snapshot: RoutingSnapshot) -> RoutingSnapshot {
        current.withLock { held in
            let old = held
            held = snapshot
            return old
        }
    }

    /// As `swap`, with what is made of the one that is in place; nobody else changes it meanwhile.
    @discardableResult
    package func update(_ make: (RoutingSnapshot) -> RoutingSnapshot) -> RoutingSnapshot {
        current.withLock { held in
            let old = held
            held = make(old)
            return old
        }
    }
}
