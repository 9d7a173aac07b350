package import GatehouseCore
import Synchronization

/// The keys that count now: those of the configuration and those of the store. Looked up on event loops, so that what is
/// looked up is an immutable table, replaced when something changes, by whichever process.
package final class KeyDirectory: Sendable {
    private struct State {
        var configured: any KeyStore
        var names: Set<String>
        var stored: (any KeyStore)?
        var revision = -1
    }

    package let registry: any KeyRegistry
    private let state: Mutex<State>

    package init(_ registry: any KeyRegistry) {
        self.registry = registry
        state = Mutex(State(configured: KeyChain.empty, names: []))
    }

    /// The table of now. Take it and put it in force in one step, see `SnapshotHolder.update`: then a table that is older
    /// never takes the place of a newer one.
    package var keys: any KeyStore {
        state.withLock { KeyChain(configured: $0.configured, names: $0.names, stored: $0.stored) }
    }

    /// From now on these are the keys of the configuration.
    package func configure(_ keys: any KeyStore, names: [String]) {
        state.withLock { state in
            state.configured = keys
            state.names = Set(names)
        }
    }

    /// Looks whether the store's keys have changed.
    ///
    /// - Returns: Whether they have.
    package func refresh() async throws(GatehouseError) -> Bool {
        let known = state.withLock { $0.revision }
        guard try await registry.revision() != known else { return false }
        let (table, revision) = try await registry.table()
        return state.withLock { state in
            guard revision > state.revision else { return false }
            state.stored = table
            state.revision = revision
            return true
        }
    }
}

/// Keys of the configuration before those of the store.
final class KeyChain: KeyStore {
    static let empty: any KeyStore = KeyChain()

    private let configured: (any KeyStore)?
    /// Of those of the configuration.
    private let names: Set<String>
    private let stored: (any KeyStore)?

    private init() {
        (configured, names, stored) = (nil, [], nil)
    }

    init(configured: any KeyStore, names: Set<String>, stored: (any KeyStore)?) {
        (self.configured, self.names, self.stored) = (configured, names, stored)
    }

    func principal(forToken token: Substring) -> Principal? {
        if let principal = configured?.principal(forToken: token) { return principal }
        // A name is one holder's: what is kept under it must not be another's.
        guard let principal = stored?.principal(forToken: token), !names.contains(principal.name) else { return nil }
        return principal
    }

    func holds(_ principal: Principal) -> Bool {
        principal.key.id == nil ? true : stored?.holds(principal) ?? false
    }
}
