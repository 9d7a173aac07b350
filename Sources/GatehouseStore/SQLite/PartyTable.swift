import GRDB
import GatehouseCore

/// The rows of users, teams and organisations.
enum PartyTable {
    private static let columns = "id, kind, name, team, organization, is_service, created"

    /// - Throws: `invalid_value` for a name that is or was somebody's.
    static func insert(_ party: Party, _ db: Database) throws {
        try checkName(party, db)
        try db.execute(
            sql: "INSERT INTO party (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                party.id, party.kind.rawValue, party.name, party.team, party.organization, party.isService,
                party.created,
            ])
    }

    static func update(_ party: Party, _ db: Database) throws {
        try checkName(party, db)
        try db.execute(
            sql: "UPDATE party SET name = ?, team = ?, organization = ?, is_service = ? WHERE id = ?",
            arguments: [party.name, party.team, party.organization, party.isService, party.id])
    }

    private static func checkName(_ party: Party, _ db: Database) throws {
        let taken = try String.fetchOne(
            db, sql: "SELECT id FROM party WHERE kind = ? AND name = ? AND id <> ?",
            arguments: [party.kind.rawValue, party.name, party.id])
        guard taken == nil else {
            throw JSONFields.invalid("name", "is that of another \(party.kind.rawValue), or was")
        }
    }

    static func find(_ id: String, _ kind: Party.Kind, _ db: Database) throws -> Party? {
        try fetch(db, "WHERE deleted IS NULL AND kind = ? AND (id = ? OR name = ?)", [kind.rawValue, id, id]).first
    }

    static func list(_ kind: Party.Kind, _ db: Database) throws -> [Party] {
        try fetch(db, "WHERE deleted IS NULL AND kind = ? ORDER BY name", [kind.rawValue])
    }

    /// Who belongs to this one.
    static func members(of id: String, _ db: Database) throws -> [Party] {
        try fetch(db, "WHERE deleted IS NULL AND ? IN (team, organization) ORDER BY kind, name", [id])
    }

    static func delete(_ id: String, at now: Int, _ db: Database) throws {
        try db.execute(sql: "UPDATE party SET deleted = ? WHERE id = ?", arguments: [now, id])
    }

    private static func fetch(_ db: Database, _ rest: String, _ arguments: StatementArguments) throws -> [Party] {
        try Row.fetchAll(db, sql: "SELECT \(columns) FROM party \(rest)", arguments: arguments).compactMap { row in
            guard let kind = Party.Kind(rawValue: row["kind"]) else { return nil }
            var party = Party(id: row["id"], kind: kind, name: row["name"], created: row["created"])
            party.team = row["team"]
            party.organization = row["organization"]
            party.isService = row["is_service"]
            return party
        }
    }

    /// The ids of those that are named by id or name, and what belongs to them: a user's team and organisation are the key's.
    ///
    /// - Throws: `invalid_value` for one that is not there, and for two that do not belong together.
    static func resolve(_ named: Membership, _ db: Database) throws -> Membership {
        var found = Membership()
        if let user = try needed(named.user, .user, db) {
            (found.user, found.team, found.organization) = (user.id, user.team, user.organization)
        }
        if let team = try needed(named.team, .team, db) {
            guard found.team == nil || found.team == team.id else {
                throw JSONFields.invalid("team", "is not that of the user")
            }
            found.team = team.id
        }
        if let id = found.team, let home = try find(id, .team, db)?.organization {
            guard found.organization == nil || found.organization == home else {
                throw JSONFields.invalid("team", "does not belong to the organization")
            }
            found.organization = home
        }
        if let organization = try needed(named.organization, .organization, db) {
            guard found.organization == nil || found.organization == organization.id else {
                throw JSONFields.invalid("organization", "is not that of the user or the team")
            }
            found.organization = organization.id
        }
        return found
    }

    private static func needed(_ id: String?, _ kind: Party.Kind, _ db: Database) throws -> Party? {
        guard let id else { return nil }
        guard let party = try find(id, kind, db) else {
            throw JSONFields.invalid(kind.rawValue, "names no \(kind.rawValue) that is there")
        }
        return party
    }
}
