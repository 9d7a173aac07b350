import FoundationEssentials
import GRDB
package import GatehouseCore
import Glibc
package import NIOCore

/// Runs and their events in the database: a row for each piece of events that came together.
package final class SQLiteRunStore: RunStore {
    private let database: SQLiteDatabase
    private let maximumSize: Int
    private let ttl: Int
    private let clock: @Sendable () -> Int

    /// - Parameters:
    ///   - maximumSize: Bytes of the events of one run.
    ///   - ttl: Seconds that a run is kept from its beginning on.
    package init(
        database: SQLiteDatabase, maximumSize: Int, ttl: Int, clock: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.database = database
        self.maximumSize = maximumSize
        self.ttl = ttl
        self.clock = clock
    }

    package func begin(_ record: RunRecord) async throws(GatehouseError) {
        let expires = record.created + ttl
        try await database.write { db in
            try db.cachedStatement(
                sql: """
                    INSERT INTO run (id, owner, session, model, status, created, ended, last, expires)
                    VALUES (?, ?, ?, ?, ?, ?, NULL, 0, ?)
                    """
            ).execute(arguments: [
                record.id, record.owner, record.session, record.model, record.status.rawValue, record.created, expires,
            ])
        }
    }

    package func append(_ events: ByteBuffer, numbers: ClosedRange<Int>, to id: String) {
        let limit = maximumSize
        database.writeBehind { db in
            let isThere = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?)", arguments: [id])
            // One that was deleted meanwhile gets nothing more.
            guard isThere == true else { return }
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO run_event (run, first, last, body) VALUES (?, ?, ?, ?)")
                .execute(arguments: [id, numbers.lowerBound, numbers.upperBound, Data(events.readableBytesView)])
            try db.cachedStatement(sql: "UPDATE run SET last = ? WHERE id = ?")
                .execute(arguments: [numbers.upperBound, id])
            try Self.trim(id, to: limit, db)
        }
    }

    /// Forgets the oldest pieces of a run that has become too large.
    private static func trim(_ id: String, to limit: Int, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                DELETE FROM run_event WHERE run = ?1 AND first IN (
                    SELECT first FROM (
                        SELECT first, SUM(LENGTH(body)) OVER (ORDER BY first DESC) AS sum FROM run_event WHERE run = ?1
                    ) WHERE sum > ?2)
                """
        ).execute(arguments: [id, limit])
    }

    package func end(_ record: RunRecord, onEnd: @escaping @Sendable () -> Void) {
        database.writeBehind { db in
            try db.cachedStatement(sql: "UPDATE run SET status = ?, ended = ?, last = ? WHERE id = ?")
                .execute(arguments: [record.status.rawValue, record.ended, record.last, record.id])
        } onEnd: { _ in
            onEnd()
        }
    }

    package func find(_ id: String, owner: String) async throws(GatehouseError) -> RunRecord? {
        let now = clock()
        return try await database.read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM run WHERE id = ? AND owner = ? AND expires > ?"),
                arguments: [id, owner, now]
            ).map(Self.record)
        }
    }

    package func list(owner: String, atMost limit: Int) async throws(GatehouseError) -> [RunRecord] {
        let now = clock()
        return try await database.read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT * FROM run WHERE owner = ? AND expires > ? AND id >= 'run_' AND id < 'run`'
                        ORDER BY created DESC, rowid DESC LIMIT ?
                        """),
                arguments: [owner, now, limit]
            ).map(Self.record)
        }
    }

    private static func record(_ row: Row) -> RunRecord {
        var record = RunRecord(
            id: row["id"], owner: row["owner"], session: row["session"], model: row["model"], created: row["created"])
        // A word of nobody knows what is as good as none.
        record.status = RunRecord.Status(rawValue: row["status"]) ?? .interrupted
        record.ended = row["ended"]
        record.last = row["last"]
        return record
    }

    package func events(
        of id: String, after last: Int
    ) async throws(GatehouseError) -> (bytes: ByteBuffer, last: Int)? {
        let look: @Sendable (Database) throws -> (bytes: ByteBuffer, last: Int)? = { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT body, last FROM run_event WHERE run = ? AND last > ? ORDER BY first LIMIT 1"),
                arguments: [id, last]
            ).map { row in (ByteBuffer(bytes: row[0] as Data), row[1]) }
        }
        if let found = try await database.read(look) { return found }
        // They may be on their way to the disk: behind them is seen what they leave.
        return try await database.write(look)
    }

    package func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool {
        try await database.write { db in
            try db.execute(sql: "DELETE FROM run WHERE id = ? AND owner = ?", arguments: [id, owner])
            return db.changesCount > 0
        }
    }

    // MARK: Cleaning up

    /// Runs that an earlier process left behind have ended with it: their last event says so.
    ///
    /// - Returns: How many.
    package func interrupt(
        _ event: @escaping @Sendable (_ id: String, _ number: Int) -> ByteBuffer
    ) async throws(GatehouseError) -> Int {
        let now = clock()
        return try await database.write { db in
            let rows = try Row.fetchAll(db, sql: "SELECT id, last FROM run WHERE status = 'running'")
            for row in rows {
                let (id, last): (String, Int) = (row[0], row[1])
                try db.execute(
                    sql: "INSERT INTO run_event (run, first, last, body) VALUES (?, ?, ?, ?)",
                    arguments: [id, last + 1, last + 1, Data(event(id, last + 1).readableBytesView)])
                try db.execute(
                    sql: "UPDATE run SET status = 'interrupted', ended = ?, last = ? WHERE id = ?",
                    arguments: [now, last + 1, id])
            }
            return rows.count
        }
    }

    /// Deletes what has run out; how many runs. To be called now and then.
    package func sweep() async throws(GatehouseError) -> Int {
        let now = clock()
        return try await database.write { db in
            try db.execute(sql: "DELETE FROM run WHERE expires <= ? AND status <> 'running'", arguments: [now])
            return db.changesCount
        }
    }
}
