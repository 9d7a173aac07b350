import GRDB
package import GatehouseCore
import Glibc

/// Keys, those they belong to, and the audit, in the database. Of tokens only their digests are there.
package final class SQLiteKeyRegistry: KeyRegistry {
    private static let tokenPrefix = "gh-"
    private static let shown = 8

    let database: SQLiteDatabase
    private let pepper: KeyPepper
    let clock: @Sendable () -> Int

    /// - Parameter clock: Seconds since 1970.
    package init(
        database: SQLiteDatabase, pepper: KeyPepper, clock: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.database = database
        self.pepper = pepper
        self.clock = clock
    }

    // MARK: As they are at one moment

    package func revision() async throws(GatehouseError) -> Int {
        try await database.read { db in try Self.revision(db) }
    }

    private static func revision(_ db: Database) throws -> Int {
        try Int.fetchOne(db.cachedStatement(sql: "SELECT revision FROM key_revision")) ?? 0
    }

    package func table() async throws(GatehouseError) -> (keys: any KeyStore, revision: Int) {
        let (keys, revision) = try await database.read { db in (try KeyTable.live(db), try Self.revision(db)) }
        return (StoredKeyTable(keys, pepper), revision)
    }

    package func claim(_ names: [String]) async throws(GatehouseError) -> [String] {
        let known = try await database.read { db in try Self.owners(names, db) }
        // Nothing is written at most starts: they succeed where nothing can be.
        guard known.count < Set(names).count else { return names.filter { known[$0] == true } }
        return try await database.write { db in
            for name in names where known[name] == nil {
                try db.execute(sql: "INSERT OR IGNORE INTO key_name VALUES (?, 0)", arguments: [name])
            }
            let owners = try Self.owners(names, db)
            return names.filter { owners[$0] == true }
        }
    }

    /// Whose the names are that are taken: the store's, or the configuration's.
    private static func owners(_ names: [String], _ db: Database) throws -> [String: Bool] {
        var owners: [String: Bool] = [:]
        for name in names {
            owners[name] = try Bool.fetchOne(
                db.cachedStatement(sql: "SELECT is_stored FROM key_name WHERE name = ?"), arguments: [name])
        }
        return owners
    }

    /// Keeps what was changed, and who changed it, with the change.
    func note(
        _ action: String, _ subject: (id: String, name: String), _ details: [JSONValue.Member], by author: Author,
        _ db: Database
    ) throws {
        try db.execute(
            sql: """
                INSERT INTO audit (time, author, address, action, subject, name, details) VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                clock(), author.name, author.address, action, subject.id, subject.name, JSONValue.object(details).text,
            ])
        try db.execute(sql: "UPDATE key_revision SET revision = revision + 1")
    }

    // MARK: Keys

    package func create(
        _ key: VirtualKey, by author: Author
    ) async throws(GatehouseError) -> (record: KeyRecord, token: Secret) {
        let token = Self.tokenPrefix + RandomDigits.make(bytes: 32)
        let digest = pepper.digest(token[...])
        let prefix = String(token.prefix(Self.tokenPrefix.count + Self.shown))
        let now = clock()
        let record = try await database.write { db in
            var key = key
            key.id = "vk_" + RandomDigits.make(bytes: 10)
            key.membership = try PartyTable.resolve(key.membership, db)
            try Grant.check(key, by: author)
            try db.execute(sql: "INSERT OR IGNORE INTO key_name VALUES (?, 1)", arguments: [key.name])
            guard db.changesCount == 1 else {
                throw JSONFields.invalid("name", "is that of another key, or was; names are never given twice")
            }
            let record = KeyRecord(key: key, prefix: prefix, created: now)
            try KeyTable.insert(record, digest: digest, db)
            try self.note(
                "key.create", (record.id, key.name),
                KeyDocument.settings(of: key) + KeyDocument.membership(of: key), by: author, db)
            return record
        }
        return (record, Secret(token))
    }

    package func keys(_ query: KeyQuery) async throws(GatehouseError) -> [KeyRecord] {
        try await database.read { db in try KeyTable.list(query, db) }
    }

    package func key(_ id: String) async throws(GatehouseError) -> KeyRecord? {
        try await database.read { db in try KeyTable.find(id, db) }
    }

    package func change(
        _ id: String, by author: Author, _ edit: @escaping @Sendable (KeyRecord) throws(GatehouseError) -> VirtualKey
    ) async throws(GatehouseError) -> KeyRecord? {
        try await database.write { db in
            guard var record = try KeyTable.find(id, db), record.revoked == nil else { return nil }
            let former = record.key
            record.key = try edit(record)
            try Grant.check(record.key, instead: former, by: author)
            let before = KeyDocument.settings(of: former)
            let changed = KeyDocument.settings(of: record.key).filter { !before.contains($0) }
            guard !changed.isEmpty else { return record }
            try KeyTable.update(record.key, db)
            try self.note("key.change", (record.id, former.name), changed, by: author, db)
            return record
        }
    }

    package func revoke(_ id: String, by author: Author) async throws(GatehouseError) -> KeyRecord? {
        let now = clock()
        return try await database.write { db in
            guard let record = try KeyTable.find(id, db) else { return nil }
            try Grant.check(record.key, instead: record.key, by: author)
            guard let ended = try KeyTable.revoke(where: "id = ?", [record.id], at: now, db).first else {
                return record
            }
            try self.note("key.revoke", (record.id, record.key.name), [], by: author, db)
            return ended
        }
    }

    // MARK: Audit

    package func audit(before: Int?, atMost limit: Int) async throws(GatehouseError) -> [AuditEntry] {
        try await database.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?",
                arguments: [before ?? .max, limit]
            ).map { row in
                let details: String = row["details"]
                return AuditEntry(
                    number: row["number"], time: row["time"],
                    author: Author(name: row["author"], address: row["address"]),
                    action: row["action"], subject: (row["subject"], row["name"]),
                    details: (try? JSONValue(parsing: details.utf8)) ?? .object([]))
            }
        }
    }
}
