/// What a key of this gateway stands for. The token itself is not part of it: stores keep only digests.
package struct VirtualKey: Sendable, Equatable {
    /// Unique; for logs, metrics and bills.
    package var name: String
    package var role: Role
    /// The models it may use; none when empty.
    package var models: [ModelPattern]
    package var membership = Membership()
    /// How fast it may be used; `nil`: no limit of its own.
    package var rateLimit: RateLimits?

    package init(name: String, role: Role, models: [ModelPattern]) {
        self.name = name
        self.role = role
        self.models = models
    }

    package enum Role: String, Sendable, CaseIterable {
        /// May administer this gateway.
        case admin
        /// May call models.
        case member
    }
}

/// Whose key it is: who shares its limits, its budgets and its bill. Each by its id, `nil` where it belongs to none.
package struct Membership: Sendable, Equatable {
    package var user: String?
    package var team: String?
    package var organization: String?

    package init(user: String? = nil, team: String? = nil, organization: String? = nil) {
        self.user = user
        self.team = team
        self.organization = organization
    }
}

/// A model name, or the beginning of one followed by `*`.
package struct ModelPattern: Sendable, Equatable {
    /// As it was written.
    package let text: String
    private let prefix: String?

    package init(_ text: String) {
        self.text = text
        self.prefix = text.utf8.last == UInt8(ascii: "*") ? String(text.dropLast()) : nil
    }

    /// Compares bytes: neither case nor Unicode forms are folded, so that two names that a provider tells apart are
    /// never one here.
    package func matches(_ model: some StringProtocol) -> Bool {
        guard let prefix else { return model.utf8.elementsEqual(text.utf8) }
        return prefix.isEmpty || model.utf8.starts(with: prefix.utf8)
    }
}
