/// What a key of this gateway stands for. The token itself is not part of it: stores keep only digests.
package struct VirtualKey: Sendable, Equatable {
    /// Of a key that is kept in the store; `nil` for one of the configuration.
    package var id: String?
    /// Unique, and never given to another: what its holder keeps here is kept under it.
    package var name: String
    package var role: Role
    /// The models it may use; none when empty.
    package var models: [ModelPattern]
    package var membership = Membership()
    /// How fast it may be used; `nil`: no limit of its own.
    package var rateLimit: RateLimits?
    /// The paths it may ask for; all when empty.
    package var routes: [RoutePattern] = []
    /// Where it may be used from; anywhere when empty.
    package var addresses: [AddressRange] = []
    /// Words of its makers, for their own lists.
    package var tags: [String] = []
    /// Seconds since 1970; from then on it is as if there were no such key.
    package var expires: Int?

    package init(name: String, role: Role, models: [ModelPattern]) {
        self.name = name
        self.role = role
        self.models = models
    }

    package enum Role: String, Sendable, CaseIterable {
        /// May administer this gateway.
        case admin
        /// May administer it, but make no administrators.
        case `operator`
        /// May call models, and sees what is its own.
        case member
        /// May look at everything that administrators see, and change nothing.
        case viewer
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

/// A path, or the beginning of one followed by `*`.
package typealias RoutePattern = ModelPattern

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

    /// Whether everything that `other` matches is matched by this one.
    package func covers(_ other: ModelPattern) -> Bool {
        guard let beginning = other.prefix else { return matches(other.text) }
        return prefix.map { beginning.utf8.starts(with: $0.utf8) } ?? false
    }
}
