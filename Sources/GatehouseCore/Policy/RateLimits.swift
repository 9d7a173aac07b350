/// How fast something may be used; what is `nil` is not limited.
package struct RateLimits: Sendable, Hashable {
    package var requests: TokenBucket.Settings?
    package var tokens: TokenBucket.Settings?
    package var uploads: TokenBucket.Settings?
    /// Calls at the same time.
    package var concurrency: Int?

    package init(
        requests: TokenBucket.Settings? = nil, tokens: TokenBucket.Settings? = nil,
        uploads: TokenBucket.Settings? = nil, concurrency: Int? = nil
    ) {
        self.requests = requests
        self.tokens = tokens
        self.uploads = uploads
        self.concurrency = concurrency
    }

    package var isEmpty: Bool { self == RateLimits() }

    /// What is counted.
    package enum Quantity: String, Sendable, CaseIterable {
        case requests, tokens, uploads, concurrency
    }

    /// Whom a limit holds for.
    package enum Subject: String, Sendable, CaseIterable {
        case key, user, team, organization, model, route, address
    }
}

/// A limit for each subject of a kind whose name fits a pattern.
package struct RateLimitRule: Sendable, Equatable {
    package let subject: RateLimits.Subject
    package let pattern: ModelPattern
    package let limits: RateLimits

    package init(_ subject: RateLimits.Subject, _ pattern: ModelPattern, _ limits: RateLimits) {
        self.subject = subject
        self.pattern = pattern
        self.limits = limits
    }
}

/// The limits of a configuration, in its order.
package struct RateLimitTable: Sendable {
    /// A rule and a name for it that stays over reloads as long as the rule does.
    struct Row: Sendable {
        let rule: RateLimitRule
        let name: String
    }

    let rows: [Row]
    /// Whether a rule looks at where a call comes from.
    package let watchesAddresses: Bool

    package init(_ rules: [RateLimitRule] = []) {
        var seen: [String: Int] = [:]
        rows = rules.map { rule in
            let name = "\(rule.subject.rawValue):\(rule.pattern.text)"
            let count = seen[name, default: 0]
            seen[name] = count + 1
            return Row(rule: rule, name: "\(name)#\(count)")
        }
        watchesAddresses = rules.contains { $0.subject == .address }
    }

    package var isEmpty: Bool { rows.isEmpty }
}

/// Who asks for what, as far as limits look at it.
package struct RateLimitQuery: Sendable {
    package var key: VirtualKey
    package var route: String
    package var work: Work
    /// As the caller named it.
    package var model: String?
    package var address: String?

    /// What is asked for.
    package enum Work: Sendable, Equatable {
        /// A call, with an estimate of its tokens.
        case call(tokens: Int)
        case control
        case upload
    }

    package init(_ key: VirtualKey, route: String, _ work: Work) {
        self.key = key
        self.route = route
        self.work = work
    }

    func name(of subject: RateLimits.Subject) -> String? {
        switch subject {
        case .key: key.name
        case .user: key.membership.user
        case .team: key.membership.team
        case .organization: key.membership.organization
        case .model: model
        case .route: route
        case .address: address
        }
    }
}
