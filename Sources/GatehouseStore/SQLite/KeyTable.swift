import FoundationEssentials
import GRDB
import GatehouseCore

/// The rows of keys.
enum KeyTable {
    private static let columns = "id, name, prefix, settings, user, team, organization, created, revoked"

    static func insert(_ record: KeyRecord, digest: [UInt8], _ db: Database) throws {
        let key = record.key
        try db.execute(
            sql: "INSERT INTO virtual_key (\(columns), digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                record.id, key.name, record.prefix, settings(key), key.membership.user, key.membership.team,
                key.membership.organization, record.created, record.revoked, Data(digest),
            ])
    }

    static func update(_ key: VirtualKey, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE virtual_key SET settings = ? WHERE id = ?", arguments: [settings(key), key.id])
    }

    private static func settings(_ key: VirtualKey) -> String { JSONValue.object(KeyDocument.settings(of: key)).text }

    static func find(_ id: String, _ db: Database) throws -> KeyRecord? {
        try fetch(db, "WHERE id = ? OR name = ?", [id, id]).first
    }

    static func list(_ query: KeyQuery, _ db: Database) throws -> [KeyRecord] {
        var conditions = ["name > ?"]
        var arguments: StatementArguments = [query.after]
        if !query.includesRevoked { conditions.append("revoked IS NULL") }
        if let member = query.member {
            conditions.append("? IN (user, team, organization)")
            arguments += [member]
        }
        if let prefix = query.prefix {
            conditions.append("prefix = ?")
            arguments += [prefix]
        }
        if let tag = query.tag {
            conditions.append("EXISTS (SELECT 1 FROM json_each(settings, '$.tags') WHERE json_each.value = ?)")
            arguments += [tag]
        }
        arguments += [query.limit]
        return try fetch(db, "WHERE \(conditions.joined(separator: " AND ")) ORDER BY name LIMIT ?", arguments)
    }

    /// Those that have not been revoked, with their digests.
    static func live(_ db: Database) throws -> [(digest: [UInt8], key: VirtualKey)] {
        try Row.fetchAll(db, sql: "SELECT \(columns), digest FROM virtual_key WHERE revoked IS NULL").compactMap {
            row in
            guard let digest: Data = row["digest"], digest.count == 32 else { return nil }
            return record(row).map { (Array(digest), $0.key) }
        }
    }

    /// Ends those that a condition picks and that have not ended.
    static func revoke(
        where condition: String, _ arguments: StatementArguments, at now: Int, _ db: Database
    ) throws -> [KeyRecord] {
        let found = try fetch(db, "WHERE revoked IS NULL AND (\(condition)) ORDER BY name", arguments)
        for record in found {
            try db.execute(sql: "UPDATE virtual_key SET revoked = ? WHERE id = ?", arguments: [now, record.id])
        }
        return found.map { record in
            var record = record
            record.revoked = now
            return record
        }
    }

    private static func fetch(_ db: Database, _ rest: String, _ arguments: StatementArguments) throws -> [KeyRecord] {
        try Row.fetchAll(db, sql: "SELECT \(columns) FROM virtual_key \(rest)", arguments: arguments).compactMap(record)
    }

    /// `nil` for what this version cannot read whole: a key must not be worth more than its makers wrote.
    private static func record(_ row: Row) -> KeyRecord? {
        let text: String = row["settings"]
        guard let settings = try? JSONValue(parsing: text.utf8),
            settings.object?.allSatisfy({ KeyDocument.settings.contains($0.key) }) == true
        else { return nil }
        var key = VirtualKey(name: row["name"], role: .member, models: [])
        guard (try? KeyDocument.apply(settings, to: &key)) != nil else { return nil }
        key.id = row["id"]
        key.membership = Membership(user: row["user"], team: row["team"], organization: row["organization"])
        return KeyRecord(key: key, prefix: row["prefix"], created: row["created"], revoked: row["revoked"])
    }
}
