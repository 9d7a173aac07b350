/// Keys as JSON: as callers write and see them, and as the store keeps what can be changed of them.
package enum KeyDocument {
    /// What can be changed of a key.
    package static let settings = ["role", "models", "routes", "addresses", "tags", "expires_at", "rate_limit"]
    /// Whose it is; for good.
    package static let membership = ["user", "team", "organization"]

    private static let mostPatterns = 200
    private static let mostTags = 32

    package static func settings(of key: VirtualKey) -> [JSONValue.Member] {
        func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        return [
            .init("role", .string(key.role.rawValue)), .init("models", texts(key.models.map(\.text))),
            .init("routes", texts(key.routes.map(\.text))), .init("addresses", texts(key.addresses.map(\.text))),
            .init("tags", texts(key.tags)), .init("expires_at", key.expires.map { .int($0) } ?? .null),
            .init("rate_limit", key.rateLimit.map(RateLimitDocument.value) ?? .null),
        ]
    }

    package static func membership(of key: VirtualKey) -> [JSONValue.Member] {
        [
            .init("user", key.membership.user.map { .string($0) } ?? .null),
            .init("team", key.membership.team.map { .string($0) } ?? .null),
            .init("organization", key.membership.organization.map { .string($0) } ?? .null),
        ]
    }

    /// The whole, for those who administer.
    package static func members(_ record: KeyRecord, at now: Int) -> [JSONValue.Member] {
        [
            .init("id", .string(record.id)), .init("name", .string(record.key.name)),
            .init("prefix", .string(record.prefix)), .init("state", .string(record.state(at: now).rawValue)),
        ] + settings(of: record.key) + membership(of: record.key) + [
            .init("created_at", .int(record.created)), .init("revoked_at", record.revoked.map { .int($0) } ?? .null),
        ]
    }

    /// Takes over what is there; a `null` sets back to the default.
    ///
    /// - Throws: `invalid_value` with the field's name.
    package static func apply(_ document: JSONValue, to key: inout VirtualKey) throws(GatehouseError) {
        var fields = try JSONFields(document)
        if let value = document["role"] {
            guard let role = VirtualKey.Role(rawValue: value.isNull ? "member" : value.string ?? "") else {
                let words = VirtualKey.Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw fields.invalid("role", "must be one of \(words)")
            }
            key.role = role
        }
        if document["models"] != nil {
            key.models = try patterns(&fields, "models", "a model name, or the beginning of one") ?? [ModelPattern("*")]
        }
        if document["routes"] != nil {
            key.routes = try patterns(&fields, "routes", "a path that begins with a slash") ?? []
            if let wrong = key.routes.firstIndex(where: { $0.text.first != "/" }) {
                throw JSONFields.invalid(fields.path("routes", wrong), "must begin with a slash")
            }
        }
        if document["addresses"] != nil { key.addresses = try addresses(&fields) }
        if document["rate_limit"] != nil {
            key.rateLimit = try fields.object("rate_limit").flatMap { fields throws(GatehouseError) in
                try RateLimitDocument.read(fields)
            }
        }
        if document["tags"] != nil { key.tags = try tags(&fields) }
        if document["expires_at"] != nil { key.expires = try fields.int("expires_at", in: 0...253_402_300_799) }
    }

    /// A key as somebody asks for it: for members, all models and routes, from anywhere, unless it says otherwise.
    package static func draft(_ document: JSONValue) throws(GatehouseError) -> VirtualKey {
        var key = VirtualKey(name: try name(document), role: .member, models: [ModelPattern("*")])
        try apply(document, to: &key)
        var fields = try JSONFields(document)
        key.membership = Membership(
            user: try fields.string("user"), team: try fields.string("team"),
            organization: try fields.string("organization"))
        return key
    }

    /// A name that can stand in logs, metrics and addresses.
    package static func name(_ document: JSONValue) throws(GatehouseError) -> String {
        var fields = try JSONFields(document)
        let name = try fields.requiredString("name")
        guard isName(name) else {
            throw fields.invalid(
                "name", "must be at most 64 letters, digits, '.', '-' and '_', a letter or digit first")
        }
        return name
    }

    package static func isName(_ name: String) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: false
            }
        }
        return (1...64).contains(name.utf8.count) && name.utf8.first.map(isLetterOrDigit) == true
            && name.utf8.allSatisfy { isLetterOrDigit($0) || ".-_".utf8.contains($0) }
    }

    // MARK: Lists

    /// `nil` for a `null`.
    private static func texts(_ fields: inout JSONFields, _ key: String, most: Int) throws(GatehouseError) -> [String]?
    {
        guard let elements = try fields.array(key) else { return nil }
        guard elements.count <= most else { throw fields.invalid(key, "must have at most \(most) elements") }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.string, (1...256).contains(text.utf8.count),
                text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
            else {
                throw JSONFields.invalid(
                    fields.path(key, index), "must be a string of at most 256 characters without spaces")
            }
            texts.append(text)
        }
        return texts
    }

    private static func patterns(
        _ fields: inout JSONFields, _ key: String, _ what: String
    ) throws(GatehouseError) -> [ModelPattern]? {
        guard let texts = try texts(&fields, key, most: mostPatterns) else { return nil }
        if let wrong = texts.firstIndex(where: { $0.dropLast().contains("*") }) {
            throw JSONFields.invalid(fields.path(key, wrong), "must be \(what), with '*' at its end only")
        }
        return texts.map(ModelPattern.init)
    }

    private static func addresses(_ fields: inout JSONFields) throws(GatehouseError) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for (index, text) in (try texts(&fields, "addresses", most: mostPatterns) ?? []).enumerated() {
            guard let range = AddressRange(text) else {
                throw JSONFields.invalid(
                    fields.path("addresses", index), "must be an address or a network such as 10.0.0.0/8")
            }
            ranges.append(range)
        }
        return ranges
    }

    private static func tags(_ fields: inout JSONFields) throws(GatehouseError) -> [String] {
        let tags = try texts(&fields, "tags", most: mostTags) ?? []
        if let long = tags.firstIndex(where: { $0.utf8.count > 64 }) {
            throw JSONFields.invalid(fields.path("tags", long), "must have at most 64 characters")
        }
        return tags
    }
}
