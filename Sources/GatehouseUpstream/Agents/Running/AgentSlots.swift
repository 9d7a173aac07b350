import Synchronization

/// The runs that one agent may have at the same time.
final class AgentSlots: Sendable {
    private let limit: Int
    private let used = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    var inUse: Int { used.withLock { $0 } }

    func take() -> Bool {
        used.withLock { used in
            guard used < limit else { return false }
            used += 1
            return true
        }
    }

    func release() {
        used.withLock { $0 = max(0, $0 - 1) }
    }
}
