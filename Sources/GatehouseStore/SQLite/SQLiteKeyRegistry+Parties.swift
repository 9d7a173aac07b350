import GRDB
package import GatehouseCore

/// Users, teams and organisations.
extension SQLiteKeyRegistry {
    package func create(_ party: Party, by author: Author) async throws(GatehouseError) -> Party {
        let now = clock()
        return try await database.write { db in
            var party = try Self.settled(party, db)
            party.id = Self.idPrefix(party.kind) + RandomDigits.make(bytes: 10)
            party.created = now
            try PartyTable.insert(party, db)
            try self.note(
                "\(party.kind.rawValue).create", (party.id, party.name), Self.details(party), by: author, db)
            return party
        }
    }

    package func parties(_ kind: Party.Kind) async throws(GatehouseError) -> [Party] {
        try await database.read { db in try PartyTable.list(kind, db) }
    }

    package func party(_ id: String, _ kind: Party.Kind) async throws(GatehouseError) -> Party? {
        try await database.read { db in try PartyTable.find(id, kind, db) }
    }

    package func change(
        _ id: String, _ kind: Party.Kind, by author: Author,
        _ edit: @escaping @Sendable (Party) throws(GatehouseError) -> Party
    ) async throws(GatehouseError) -> Party? {
        try await database.write { db in
            guard let former = try PartyTable.find(id, kind, db) else { return nil }
            let party = try Self.settled(try edit(former), db)
            guard party != former else { return party }
            try Self.checkKeysFollow(party, former, db)
            try PartyTable.update(party, db)
            let before = PartyDocument.members(former)
            try self.note(
                "\(kind.rawValue).change", (party.id, party.name),
                PartyDocument.members(party).filter { !before.contains($0) }, by: author, db)
            return party
        }
    }

    package func delete(
        _ id: String, _ kind: Party.Kind, by author: Author
    ) async throws(GatehouseError) -> [KeyRecord]? {
        let now = clock()
        return try await database.write { db in
            guard let party = try PartyTable.find(id, kind, db) else { return nil }
            guard try PartyTable.members(of: party.id, db).isEmpty else {
                throw GatehouseError(
                    .invalidValue, "There are users or teams that belong to it. Delete or move those first.",
                    param: "id")
            }
            let ended = try KeyTable.revoke(
                where: "? IN (user, team, organization)", [party.id], at: now, db)
            for record in ended {
                try Grant.check(record.key, instead: record.key, by: author)
                try self.note("key.revoke", (record.id, record.key.name), [], by: author, db)
            }
            try PartyTable.delete(party.id, at: now, db)
            try self.note("\(kind.rawValue).delete", (party.id, party.name), [], by: author, db)
            return ended
        }
    }

    /// With the ids of those it belongs to, and what follows from them.
    private static func settled(_ party: Party, _ db: Database) throws -> Party {
        var party = party
        let home = try PartyTable.resolve(.init(team: party.team, organization: party.organization), db)
        (party.team, party.organization) = (home.team, home.organization)
        return party
    }

    /// Keys are the bill's: what they belong to stays as it was when they were made.
    private static func checkKeysFollow(_ party: Party, _ former: Party, _ db: Database) throws {
        guard party.team != former.team || party.organization != former.organization else { return }
        var query = KeyQuery()
        query.member = party.id
        query.limit = 1
        guard try KeyTable.list(query, db).isEmpty, try PartyTable.members(of: party.id, db).isEmpty else {
            throw GatehouseError(
                .invalidValue,
                "It has keys or members, whose team and organization would change. Revoke or move them first.",
                param: party.team != former.team ? "team" : "organization")
        }
    }

    private static func idPrefix(_ kind: Party.Kind) -> String {
        switch kind {
        case .user: "user_"
        case .team: "team_"
        case .organization: "org_"
        }
    }

    private static func details(_ party: Party) -> [JSONValue.Member] {
        PartyDocument.members(party).filter { !["id", "name", "created_at"].contains($0.key) }
    }
}
