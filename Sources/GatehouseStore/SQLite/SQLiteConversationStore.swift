import FoundationEssentials
import GRDB
package import GatehouseCore
import Glibc
package import NIOCore
import Synchronization

/// Conversations in the database. They are written behind the caller's back: whoever must find one at once keeps it
/// himself as well.
package final class SQLiteConversationStore: ConversationStore {
    package struct Limits: Sendable {
        /// Seconds from the answer on.
        package var ttl: Int
        /// Bytes of one conversation, and of all.
        package var entry: Int
        package var total: Int
        /// Conversations of one owner.
        package var perOwner: Int

        package init(ttl: Int, entry: Int, total: Int, perOwner: Int) {
            self.ttl = ttl
            self.entry = entry
            self.total = total
            self.perOwner = perOwner
        }
    }

    /// Bytes that may wait to be written; beyond them nothing more is kept until the disk has caught up.
    private static let maximumWaiting = 64 << 20

    private let database: SQLiteDatabase
    private let limits: Limits
    private let clock: @Sendable () -> Int
    private let waiting = Atomic<Int>(0)
    /// Called when something could not be kept.
    private let onLoss: @Sendable (GatehouseError) -> Void

    /// - Parameter clock: Seconds since 1970.
    package init(
        database: SQLiteDatabase, limits: Limits, clock: @escaping @Sendable () -> Int = { time(nil) },
        onLoss: @escaping @Sendable (GatehouseError) -> Void = { _ in }
    ) {
        self.database = database
        self.limits = limits
        self.clock = clock
        self.onLoss = onLoss
    }

    package var maximumSize: Int { min(limits.entry, limits.total) }

    package func conversation(
        _ id: String, owner: String, on eventLoop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer?> {
        let promise = eventLoop.makePromise(of: ByteBuffer?.self)
        let now = clock()
        database.pool.asyncRead { result in
            promise.completeWith(
                result.flatMap { db in
                    Result {
                        try Row.fetchOne(
                            db.cachedStatement(
                                sql: "SELECT body FROM conversation WHERE owner = ? AND id = ? AND expires > ?"),
                            arguments: [owner, id, now]
                        ).map { row in ByteBuffer(bytes: row[0] as Data) }
                    }
                }.mapError { SQLiteFailure.error($0) })
        }
        touch(id, owner: owner)
        return promise.futureResult
    }

    package func touch(_ id: String, owner: String) {
        database.writeBehind { db in
            try db.cachedStatement(sql: "UPDATE conversation SET used = \(Self.next) WHERE owner = ? AND id = ?")
                .execute(arguments: [owner, id])
        }
    }

    package func forget(_ id: String, owner: String) {
        database.writeBehind { db in
            try db.cachedStatement(sql: "DELETE FROM conversation WHERE owner = ? AND id = ?")
                .execute(arguments: [owner, id])
        }
    }

    package func delete(_ id: String, owner: String) async throws(GatehouseError) {
        try await database.write { db in
            try db.cachedStatement(sql: "DELETE FROM conversation WHERE owner = ? AND id = ?")
                .execute(arguments: [owner, id])
        }
    }

    /// Uses are counted, not timed: several fall into one second.
    private static let next = "(SELECT COALESCE(MAX(used), 0) + 1 FROM conversation)"

    package func keep(_ conversation: ByteBuffer, id: String, owner: String) {
        let size = conversation.readableBytes
        guard size <= maximumSize else { return }
        guard waiting.wrappingAdd(size, ordering: .relaxed).newValue <= Self.maximumWaiting else {
            waiting.wrappingSubtract(size, ordering: .relaxed)
            return onLoss(GatehouseError(.storageBusy, "The disk is slower than conversations come."))
        }
        let (now, limits) = (clock(), limits)
        database.writeBehind { db in
            try Self.insert(conversation, id, owner, now: now, ttl: limits.ttl, db)
            try Self.trim(owner, to: limits.perOwner, db)
        } onEnd: { [self] failure in
            waiting.wrappingSubtract(size, ordering: .relaxed)
            failure.map(onLoss)
        }
    }

    private static func insert(
        _ conversation: ByteBuffer, _ id: String, _ owner: String, now: Int, ttl: Int, _ db: Database
    ) throws {
        let statement = try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO conversation (owner, id, body, expires, used) VALUES (?, ?, ?, ?, \(next))")
        try statement.execute(arguments: [owner, id, Data(conversation.readableBytesView), now + ttl])
    }

    private static func trim(_ owner: String, to count: Int, _ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                DELETE FROM conversation WHERE owner = ?1 AND id IN (
                    SELECT id FROM conversation WHERE owner = ?1 ORDER BY used DESC LIMIT -1 OFFSET ?2)
                """)
        try statement.execute(arguments: [owner, count])
    }

    /// Deletes what has run out, and what was used longest ago while all take too much room; how many. To be called now and
    /// then.
    package func sweep() async throws(GatehouseError) -> Int {
        let (now, total) = (clock(), limits.total)
        return try await database.write { db in
            try db.execute(sql: "DELETE FROM conversation WHERE expires <= ?", arguments: [now])
            var deleted = db.changesCount
            while try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM conversation") ?? 0 > total {
                try db.execute(
                    sql: """
                        DELETE FROM conversation WHERE rowid IN (SELECT rowid FROM conversation ORDER BY used LIMIT 100)
                        """)
                deleted += db.changesCount
            }
            return deleted
        }
    }
}
