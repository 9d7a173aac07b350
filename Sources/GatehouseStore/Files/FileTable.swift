import GRDB
import GatehouseCore

/// The rows of files. Each question names the owner, so that none is answered for another.
enum FileTable {
    private static let columns = "id, owner, session, name, type, size, digest, purpose, created, expires"

    static func insert(
        _ record: FileRecord, blob: String, isUnique: Bool, _ db: Database
    ) throws -> FileRecord {
        var record = record
        if isUnique, let session = record.session {
            record.name = try freeName(record.name, session: session, owner: record.owner, db)
        }
        try db.execute(
            sql: "INSERT INTO file (\(columns), blob) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                record.id, record.owner, record.session, record.name, record.mediaType, record.size, record.digest,
                record.purpose, record.created, record.expires, blob,
            ])
        return record
    }

    /// The name itself, else one with a number before its ending.
    private static func freeName(_ name: String, session: String, owner: String, _ db: Database) throws -> String {
        let taken = try Set(
            String.fetchAll(
                db, sql: "SELECT name FROM file WHERE owner = ? AND session = ?", arguments: [owner, session]))
        guard taken.contains(name) else { return name }
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        let (stem, ending) = dot == name.startIndex ? (name[...], "") : (name[..<dot], name[dot...])
        var number = 2
        while taken.contains("\(stem)-\(number)\(ending)") { number += 1 }
        return "\(stem)-\(number)\(ending)"
    }

    /// Whether there is an upload of this id.
    static func isUpload(_ id: String, _ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM upload WHERE id = ?)", arguments: [id]) ?? false
    }

    static func find(_ id: String, owner: String, now: Int, _ db: Database) throws -> FileRecord? {
        try fetch(
            db, "WHERE id = ? AND owner = ? AND (expires IS NULL OR expires > ?)", [id, owner, now]
        ).first
    }

    static func find(named name: String, session: String, owner: String, now: Int, _ db: Database) throws -> FileRecord?
    {
        try fetch(
            db,
            """
            WHERE owner = ? AND session = ? AND name = ? AND (expires IS NULL OR expires > ?)
            ORDER BY created DESC, rowid DESC LIMIT 1
            """, [owner, session, name, now]
        ).first
    }

    static func list(_ query: FileQuery, now: Int, _ db: Database) throws -> [FileRecord] {
        var conditions = ["owner = ?", "(expires IS NULL OR expires > ?)"]
        var arguments: StatementArguments = [query.owner, now]
        if let session = query.session {
            conditions.append("session = ?")
            arguments += [session]
        }
        if let purpose = query.purpose {
            conditions.append("purpose = ?")
            arguments += [purpose]
        }
        if let after = query.after {
            guard let last = try find(after, owner: query.owner, now: now, db) else {
                throw GatehouseError(.fileNotFound, "There is no such file to go on behind.", param: "after")
            }
            conditions.append("(created, id) \(query.isAscending ? ">" : "<") (?, ?)")
            arguments += [last.created, last.id]
        }
        let order = query.isAscending ? "ASC" : "DESC"
        arguments += [query.limit]
        return try fetch(
            db, "WHERE \(conditions.joined(separator: " AND ")) ORDER BY created \(order), id \(order) LIMIT ?",
            arguments)
    }

    private static func fetch(
        _ db: Database, _ rest: String, _ arguments: StatementArguments
    ) throws -> [FileRecord] {
        let rows = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT \(columns) FROM file \(rest)"), arguments: arguments)
        return rows.map(record)
    }

    private static func record(_ row: Row) -> FileRecord {
        var record = FileRecord(
            id: row["id"], owner: row["owner"], session: row["session"], name: row["name"], mediaType: row["type"],
            purpose: row["purpose"], created: row["created"], expires: row["expires"])
        record.size = row["size"]
        record.digest = row["digest"]
        return record
    }

    /// Bytes and number of an owner's files; what has run out and is not swept yet counts.
    static func sum(of owner: String, _ db: Database) throws -> FileReservations.Sum {
        let row = try Row.fetchOne(
            db, sql: "SELECT COALESCE(SUM(size), 0) AS bytes, COUNT(*) AS count FROM file WHERE owner = ?",
            arguments: [owner])
        return FileReservations.Sum(bytes: row?["bytes"] ?? 0, count: row?["count"] ?? 0)
    }

    /// Where the content of a deleted file lies; `nil` where the owner has no such file.
    static func delete(_ id: String, owner: String, _ db: Database) throws -> String? {
        try String.fetchOne(
            db, sql: "DELETE FROM file WHERE id = ? AND owner = ? RETURNING blob", arguments: [id, owner])
    }

    /// Deletes what has run out, a piece at a time; where its contents lie.
    static func deleteExpired(now: Int, atMost limit: Int, _ db: Database) throws -> [String] {
        try String.fetchAll(
            db,
            sql: """
                DELETE FROM file WHERE id IN (SELECT id FROM file WHERE expires <= ? LIMIT ?) RETURNING blob
                """,
            arguments: [now, limit])
    }

    static func isReferenced(_ blob: String, _ db: Database) throws -> Bool {
        try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM file WHERE blob = ?)", arguments: [blob]) ?? true
    }

    /// Where contents lie, in order, behind `last`.
    static func blobs(after last: String, atMost limit: Int, _ db: Database) throws -> [String] {
        try String.fetchAll(
            db, sql: "SELECT DISTINCT blob FROM file WHERE blob > ? ORDER BY blob LIMIT ?", arguments: [last, limit])
    }

    static func delete(blob: String, _ db: Database) throws -> Int {
        try db.execute(sql: "DELETE FROM file WHERE blob = ?", arguments: [blob])
        return db.changesCount
    }
}
