package import GatehouseCore
package import NIOCore
import Synchronization

/// Keeps conversations in memory, bounded in every direction: what was used longest ago goes first, and none gets older
/// than `ttl`. What a store behind it keeps is found longer, and after a restart.
package final class ConversationMemory: ConversationStore {
    /// How much is kept, and how long.
    package struct Limits: Sendable {
        /// From the answer on; going on from it does not prolong it.
        package var ttl: TimeAmount
        /// Bytes of one conversation.
        package var entry: Int
        /// Bytes of all.
        package var total: Int
        /// Conversations of one owner.
        package var perOwner: Int

        package init(ttl: TimeAmount = .hours(1), entry: Int = 8 << 20, total: Int = 64 << 20, perOwner: Int = 1000) {
            self.ttl = ttl
            self.entry = entry
            self.total = total
            self.perOwner = perOwner
        }
    }

    fileprivate struct Key: Hashable {
        let owner: String
        let id: String
    }

    fileprivate struct Entry {
        let conversation: ByteBuffer
        let size: Int
        let end: NIODeadline
    }

    fileprivate struct State {
        var entries: [Key: Entry] = [:]
        var size = 0
        /// By when they were kept.
        var ages = Recency<Key>()
        /// By when they were last kept or asked for: of all, and of each owner.
        var uses = Recency<Key>()
        var owners: [String: Recency<String>] = [:]
    }

    /// About what an entry takes besides its conversation.
    private static let overhead = 512

    private let limits: Limits
    private let now: @Sendable () -> NIODeadline
    private let behind: (any ConversationStore)?
    private let state = Mutex(State())

    /// - Parameter behind: Where conversations are kept as well, and looked for when they are not here.
    package init(
        _ limits: Limits = Limits(), behind: (any ConversationStore)? = nil,
        now: @escaping @Sendable () -> NIODeadline = { .now() }
    ) {
        self.limits = limits
        self.behind = behind
        self.now = now
    }

    /// A buffer takes up to twice its content.
    package var maximumSize: Int { min(limits.entry, limits.total / 2, behind?.maximumSize ?? .max) }

    /// Bytes kept now.
    package var size: Int { state.withLock { $0.size } }

    package func conversation(
        _ id: String, owner: String, on eventLoop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer?> {
        let key = Key(owner: owner, id: id)
        let now = now()
        let found = state.withLock { state in
            state.dropOld(now)
            guard let entry = state.entries[key] else { return ByteBuffer?.none }
            state.use(key)
            return entry.conversation
        }
        if let behind {
            guard found != nil else { return behind.conversation(id, owner: owner, on: eventLoop) }
            behind.touch(id, owner: owner)
        }
        return eventLoop.makeSucceededFuture(found)
    }

    package func forget(_ id: String, owner: String) {
        state.withLock { $0.drop(Key(owner: owner, id: id)) }
        behind?.forget(id, owner: owner)
    }

    package func delete(_ id: String, owner: String) async throws(GatehouseError) {
        state.withLock { $0.drop(Key(owner: owner, id: id)) }
        try await behind?.delete(id, owner: owner)
    }

    /// Forgets what was used longest ago, until at most half is left.
    package func shrink() {
        state.withLock { state in
            let goal = state.size / 2
            while state.size > goal, let oldest = state.uses.oldest() { state.drop(oldest) }
        }
    }

    package func keep(_ conversation: ByteBuffer, id: String, owner: String) {
        guard conversation.readableBytes <= maximumSize else { return }
        // First there: whoever has forgotten it here must find it.
        behind?.keep(conversation, id: id, owner: owner)
        let size = conversation.storageCapacity + Self.overhead
        let key = Key(owner: owner, id: id)
        let now = now()
        state.withLock { state in
            state.dropOld(now)
            state.drop(key)
            state.entries[key] = Entry(conversation: conversation, size: size, end: now + limits.ttl)
            state.size += size
            state.ages.touch(key)
            state.use(key)
            while let count = state.owners[owner]?.count, count > limits.perOwner,
                let oldest = state.owners[owner]?.oldest()
            {
                state.drop(Key(owner: owner, id: oldest))
            }
            while state.size > limits.total, let oldest = state.uses.oldest() { state.drop(oldest) }
        }
    }
}

extension ConversationMemory.State {
    mutating func use(_ key: ConversationMemory.Key) {
        uses.touch(key)
        owners[key.owner, default: Recency()].touch(key.id)
    }

    mutating func dropOld(_ now: NIODeadline) {
        while let oldest = ages.oldest(), let entry = entries[oldest], entry.end <= now { drop(oldest) }
    }

    mutating func drop(_ key: ConversationMemory.Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        size -= entry.size
        ages.remove(key)
        uses.remove(key)
        owners[key.owner]?.remove(key.id)
        if owners[key.owner]?.count == 0 { owners.removeValue(forKey: key.owner) }
    }
}
