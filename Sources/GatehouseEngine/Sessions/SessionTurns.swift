import Synchronization

/// The sessions in which a turn is being answered: one at a time in each, or two answers would know nothing of each other.
package final class SessionTurns: Sendable {
    package struct Name: Hashable, Sendable {
        let owner: String
        let session: String

        package init(owner: String, session: String) {
            self.owner = owner
            self.session = session
        }
    }

    private let busy = Mutex<Set<Name>>([])

    package init() {}

    /// Whether the turn may begin; `end` must follow then.
    func begin(_ name: Name) -> Bool { busy.withLock { $0.insert(name).inserted } }

    func end(_ name: Name) { busy.withLock { _ = $0.remove(name) } }

    func isBusy(_ name: Name) -> Bool { busy.withLock { $0.contains(name) } }
}
