/// Users, teams and organisations as JSON.
package enum PartyDocument {
    /// What a kind knows besides its name.
    package static func fields(of kind: Party.Kind) -> [String] {
        switch kind {
        case .user: ["team", "organization", "service"]
        case .team: ["organization"]
        case .organization: []
        }
    }

    package static func members(_ party: Party) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = [.init("id", .string(party.id)), .init("name", .string(party.name))]
        let fields = fields(of: party.kind)
        if fields.contains("team") { members.append(.init("team", party.team.map { .string($0) } ?? .null)) }
        if fields.contains("organization") {
            members.append(.init("organization", party.organization.map { .string($0) } ?? .null))
        }
        if fields.contains("service") { members.append(.init("service", .bool(party.isService))) }
        return members + [.init("created_at", .int(party.created))]
    }

    /// Takes over what is there; whom `team` and `organization` name is not looked up here.
    package static func apply(_ document: JSONValue, to party: inout Party) throws(GatehouseError) {
        var fields = try JSONFields(document)
        if document["name"] != nil { party.name = try KeyDocument.name(document) }
        if document["team"] != nil { party.team = try fields.string("team") }
        if document["organization"] != nil { party.organization = try fields.string("organization") }
        if document["service"] != nil { party.isService = try fields.bool("service") ?? false }
    }
}

extension AuditEntry {
    package var document: JSONValue {
        .object([
            .init("number", .int(number)), .init("at", .int(time)), .init("by", .string(author)),
            .init("address", address.map { .string($0) } ?? .null), .init("action", .string(action)),
            .init("id", .string(subject)), .init("name", .string(name)), .init("details", details),
        ])
    }
}
