/// A key that is kept in the store, without its token.
package struct KeyRecord: Sendable, Equatable {
    /// It has an id.
    package var key: VirtualKey
    /// The beginning of its token, to find it by.
    package var prefix: String
    /// Seconds since 1970.
    package var created: Int
    package var revoked: Int?

    package init(key: VirtualKey, prefix: String, created: Int, revoked: Int? = nil) {
        self.key = key
        self.prefix = prefix
        self.created = created
        self.revoked = revoked
    }

    package var id: String { key.id ?? "" }

    package enum State: String, Sendable {
        case live, expired, revoked
    }

    package func state(at now: Int) -> State {
        if revoked != nil { return .revoked }
        return key.expires.map { $0 <= now } ?? false ? .expired : .live
    }
}

/// A user, a team or an organisation: whom keys belong to.
package struct Party: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case user, team, organization
    }

    package var id: String
    package var kind: Kind
    /// Unique among those of its kind.
    package var name: String
    /// Of a user: its team. Of a user or a team: its organisation.
    package var team: String?
    package var organization: String?
    /// A user that is a program.
    package var isService = false
    /// Seconds since 1970.
    package var created: Int

    package init(id: String, kind: Kind, name: String, created: Int) {
        self.id = id
        self.kind = kind
        self.name = name
        self.created = created
    }
}

/// Who changes something.
package struct Author: Sendable, Equatable {
    /// The name of a key, or of who runs commands on the gateway's machine.
    package var name: String
    /// Where from; `nil` for the machine itself.
    package var address: String?
    /// What it may do; `nil` for everything.
    package var principal: Principal?

    package init(name: String, address: String? = nil, principal: Principal? = nil) {
        self.name = name
        self.address = address
        self.principal = principal
    }
}

/// A change of keys or of those they belong to, as it is kept. It holds no secret.
package struct AuditEntry: Sendable, Equatable {
    /// Grows with each.
    package var number: Int
    /// Seconds since 1970.
    package var time: Int
    package var author: String
    package var address: String?
    /// `key.create` and the like.
    package var action: String
    /// The id and the name of what was changed.
    package var subject: String
    package var name: String
    /// What it is like since.
    package var details: JSONValue

    package init(
        number: Int, time: Int, author: Author, action: String, subject: (id: String, name: String), details: JSONValue
    ) {
        self.number = number
        self.time = time
        self.author = author.name
        address = author.address
        self.action = action
        self.subject = subject.id
        name = subject.name
        self.details = details
    }
}
