import GRDB
package import GatehouseCore

/// Uploads on their way, in the database. How much of one has come is told by the file that it comes into.
package final class SQLiteUploadStore: UploadStore {
    private let database: SQLiteDatabase

    package init(database: SQLiteDatabase) {
        self.database = database
    }

    package func begin(_ record: UploadRecord, atMost limit: Int) async throws(GatehouseError) {
        try await database.write { db in
            let count = try Int.fetchOne(
                db.cachedStatement(sql: "SELECT COUNT(*) FROM upload WHERE owner = ? AND file IS NULL"),
                arguments: [record.owner])
            guard count ?? 0 < limit else {
                throw GatehouseError(
                    .fileQuotaExceeded, "This key has \(limit) uploads on their way. End or abandon some.")
            }
            try db.cachedStatement(
                sql: """
                    INSERT INTO upload (id, owner, session, name, type, length, purpose, used, file)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                record.id, record.owner, record.session, record.name, record.declaredType, record.length,
                record.purpose, record.used, record.file,
            ])
        }
    }

    package func find(_ id: String, owner: String) async throws(GatehouseError) -> UploadRecord? {
        try await database.read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT * FROM upload WHERE id = ? AND owner = ?"), arguments: [id, owner]
            ).map(Self.record)
        }
    }

    private static func record(_ row: Row) -> UploadRecord {
        var record = UploadRecord(
            id: row["id"], owner: row["owner"], name: row["name"], length: row["length"], purpose: row["purpose"],
            used: row["used"])
        record.session = row["session"]
        record.declaredType = row["type"]
        record.file = row["file"]
        return record
    }

    package func keep(_ record: UploadRecord) async throws(GatehouseError) {
        try await database.write { db in
            try db.cachedStatement(sql: "UPDATE upload SET used = ?, file = ? WHERE id = ?")
                .execute(arguments: [record.used, record.file, record.id])
        }
    }

    package func delete(_ id: String) async throws(GatehouseError) {
        try await database.write { db in
            try db.cachedStatement(sql: "DELETE FROM upload WHERE id = ?").execute(arguments: [id])
        }
    }

    package func forgotten(since time: Int) async throws(GatehouseError) -> [String] {
        try await database.read { db in
            try String.fetchAll(
                db.cachedStatement(sql: "SELECT id FROM upload WHERE used <= ? LIMIT 1000"), arguments: [time])
        }
    }
}
