package import GatehouseCore
import NIOCore
import Synchronization

/// Remembers the seals of function calls for callers whose dialect, or client, loses them: by the owner of the key and the
/// call's id. Bounded in number and size; the oldest go first. In memory: a turn that comes back to another instance, or
/// after a restart, goes on without them.
package final class SealMemory: Sendable {
    private struct Key: Hashable {
        let owner: String
        let call: String
    }

    private struct Entry {
        let seal: Seal
        let size: Int
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var order = CircularBuffer<Key>()
        var size = 0
    }

    private let maximumEntries: Int
    private let maximumSize: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - maximumEntries: Calls remembered.
    ///   - maximumSize: Bytes of thoughts and seals.
    package init(maximumEntries: Int = 20_000, maximumSize: Int = 64 << 20) {
        self.maximumEntries = maximumEntries
        self.maximumSize = maximumSize
    }

    package func keep(_ seals: [Seal], owner: String) {
        guard !seals.isEmpty else { return }
        state.withLock { state in
            for seal in seals {
                let key = Key(owner: owner, call: seal.callID)
                let entry = Entry(seal: seal, size: Self.size(seal))
                if let old = state.entries.updateValue(entry, forKey: key) {
                    state.size -= old.size
                } else {
                    state.order.append(key)
                }
                state.size += entry.size
            }
            while state.entries.count > maximumEntries || state.size > maximumSize {
                guard Self.dropOldest(&state) else { break }
            }
        }
    }

    /// Forgets the oldest, until at most half is left.
    package func shrink() {
        state.withLock { state in
            let goal = state.size / 2
            while state.size > goal, Self.dropOldest(&state) {}
        }
    }

    private static func dropOldest(_ state: inout State) -> Bool {
        guard let oldest = state.order.popFirst() else { return false }
        if let entry = state.entries.removeValue(forKey: oldest) { state.size -= entry.size }
        return true
    }

    /// The seal of a call that this owner was given.
    package func seal(call: String, owner: String) -> Seal? {
        state.withLock { $0.entries[Key(owner: owner, call: call)]?.seal }
    }

    private static func size(_ seal: Seal) -> Int {
        seal.thoughts.reduce(256 + (seal.signature?.value.utf8.count ?? 0)) { sum, part in
            sum + (part.thinking?.text.utf8.count ?? 0) + (part.signature?.value.utf8.count ?? 0)
        }
    }
}
