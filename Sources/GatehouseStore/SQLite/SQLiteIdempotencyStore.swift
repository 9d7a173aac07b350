import Crypto
import FoundationEssentials
import GRDB
package import GatehouseCore
import Glibc
package import NIOCore
import Synchronization

/// Named calls and their answers in the database.
package final class SQLiteIdempotencyStore: IdempotencyStore {
    package struct Limits: Sendable {
        /// Seconds from the beginning on.
        package var ttl: Int
        /// Bytes of one answer, and of all.
        package var entry: Int
        package var total: Int
        /// Calls.
        package var count: Int

        package init(ttl: Int, entry: Int, total: Int, count: Int = 1_000_000) {
            self.ttl = ttl
            self.entry = entry
            self.total = total
            self.count = count
        }
    }

    private let database: SQLiteDatabase
    private let limits: Limits
    private let clock: @Sendable () -> Int
    /// As many calls are known as there may be.
    private let isFull = Atomic<Bool>(false)
    private let onLoss: @Sendable (GatehouseError) -> Void

    /// - Parameters:
    ///   - clock: Seconds since 1970.
    ///   - onLoss: Called when an answer could not be kept.
    package init(
        database: SQLiteDatabase, limits: Limits, clock: @escaping @Sendable () -> Int = { time(nil) },
        onLoss: @escaping @Sendable (GatehouseError) -> Void = { _ in }
    ) {
        self.database = database
        self.limits = limits
        self.clock = clock
        self.onLoss = onLoss
    }

    package var maximumSize: Int { limits.entry }

    package func digest(of parts: [ByteBuffer]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            // With its length in front, so that no two lists of parts read alike.
            withUnsafeBytes(of: UInt64(part.readableBytes).littleEndian) { hash.update(bufferPointer: $0) }
            part.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        }
        return Array(hash.finalize())
    }

    package func find(
        _ name: IdempotencyName, on eventLoop: any EventLoop
    ) -> EventLoopFuture<IdempotencyEntry?> {
        let promise = eventLoop.makePromise(of: IdempotencyEntry?.self)
        let now = clock()
        database.pool.asyncRead { result in
            promise.completeWith(
                result.flatMap { db in Result { try Self.entry(name, now, db) } }.mapError { SQLiteFailure.error($0) })
        }
        return promise.futureResult
    }

    private static func entry(_ name: IdempotencyName, _ now: Int, _ db: Database) throws -> IdempotencyEntry? {
        let statement = try db.cachedStatement(
            sql: "SELECT digest, head, body FROM idempotency WHERE owner = ? AND key = ? AND expires > ?")
        guard let row = try Row.fetchOne(statement, arguments: [name.owner, name.key, now]) else { return nil }
        let (head, body) = (row[1] as Data?, row[2] as Data?)
        let state: IdempotencyEntry.State =
            switch (head, body) {
            case (nil, _): .begun
            case (_, nil): .lost
            case (let head?, let body?): .answered(head: ByteBuffer(bytes: head), body: ByteBuffer(bytes: body))
            }
        return IdempotencyEntry(digest: Array(row[0] as Data), state: state)
    }

    package func begin(
        _ name: IdempotencyName, digest: [UInt8], on eventLoop: any EventLoop
    ) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        guard !isFull.load(ordering: .relaxed) else {
            promise.fail(SQLiteFailure.full)
            return promise.futureResult
        }
        let (now, ttl) = (clock(), limits.ttl)
        database.writeBehind { db in
            // What has run out makes room; what has not must not be there.
            try db.cachedStatement(sql: "DELETE FROM idempotency WHERE owner = ? AND key = ? AND expires <= ?")
                .execute(arguments: [name.owner, name.key, now])
            try db.cachedStatement(sql: "INSERT INTO idempotency (owner, key, digest, expires) VALUES (?, ?, ?, ?)")
                .execute(arguments: [name.owner, name.key, Data(digest), now + ttl])
        } onEnd: { failure in
            if let failure { promise.fail(failure) } else { promise.succeed() }
        }
        return promise.futureResult
    }

    package func keep(
        _ name: IdempotencyName, head: ByteBuffer, body: ByteBuffer?, onEnd: @escaping @Sendable () -> Void
    ) {
        database.writeBehind { db in
            let body = body.map { Data($0.readableBytesView) }
            try db.cachedStatement(sql: "UPDATE idempotency SET head = ?, body = ? WHERE owner = ? AND key = ?")
                .execute(arguments: [Data(head.readableBytesView), body, name.owner, name.key])
        } onEnd: { [onLoss] failure in
            failure.map(onLoss)
            onEnd()
        }
    }

    package func forget(_ name: IdempotencyName, onEnd: @escaping @Sendable () -> Void) {
        database.writeBehind { db in
            try db.cachedStatement(sql: "DELETE FROM idempotency WHERE owner = ? AND key = ? AND head IS NULL")
                .execute(arguments: [name.owner, name.key])
        } onEnd: { [onLoss] failure in
            failure.map(onLoss)
            onEnd()
        }
    }

    /// Deletes what has run out, and the answers of the oldest calls while all take too much room: that those were made
    /// stays known. To be called now and then.
    package func sweep() async throws(GatehouseError) {
        let (now, limits) = (clock(), limits)
        let count = try await database.write { db in
            try db.execute(sql: "DELETE FROM idempotency WHERE expires <= ?", arguments: [now])
            while try Int.fetchOne(db, sql: "SELECT COALESCE(SUM(LENGTH(body)), 0) FROM idempotency") ?? 0
                > limits.total
            {
                try db.execute(
                    sql: """
                        UPDATE idempotency SET body = NULL WHERE rowid IN (
                            SELECT rowid FROM idempotency WHERE body IS NOT NULL ORDER BY expires, rowid LIMIT 100)
                        """)
                if db.changesCount == 0 { break }
            }
            return try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM idempotency") ?? 0
        }
        isFull.store(count >= limits.count, ordering: .relaxed)
    }
}
