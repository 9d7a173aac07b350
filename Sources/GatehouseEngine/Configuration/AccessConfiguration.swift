package import GatehouseCore

/// A name of our own for a model. An item of `models`.
package struct ModelAliasConfiguration: Sendable, Equatable {
    /// What clients ask for.
    package var name: String
    package var strategy: Strategy = .weighted
    /// Never empty.
    package var targets: [Target] = []
    package var fallbacks: [Target] = []
    /// Further attempts at the same target.
    package var retries = 0
    /// What keeps calls together at one target.
    package var sticky: Stickiness = .none
    package var hedge = Hedge()

    package init(name: String) {
        self.name = name
    }

    /// Another target is asked as well when the first takes long. Keys below `models[].hedge`.
    package struct Hedge: Sendable, Equatable {
        /// So long without a first byte; `nil` for never.
        package var after: Duration?

        package init() {}
    }

    /// How the target of a call is chosen.
    package enum Strategy: String, Sendable, CaseIterable {
        case weighted
        case leastInflight = "least-inflight"
        case latency
        case cost
    }

    /// A model behind a name. An item of `models[].targets` and `models[].fallbacks`.
    package struct Target: Sendable, Equatable {
        package var upstream: Upstream
        /// The model's name there; empty for an agent's own choice.
        package var model: String
        package var weight = 1
        package var when = Condition()
        /// What the model can do besides text, in the words of `Features`; `nil`: not known, so everything is tried.
        package var features: [String]?
        package var price = Price()

        package init(upstream: Upstream, model: String) {
            self.upstream = upstream
            self.model = model
        }
    }

    /// Which calls a target takes. Keys below `models[].targets[].when`.
    package struct Condition: Sendable, Equatable {
        /// Names of callers' keys; `*` at the end stands for anything.
        package var keys: [String] = []
        /// Headers that must be there with this value; `*` at its end stands for anything.
        package var headers: [Header] = []
        /// Estimated tokens of the input, a fourth of the bytes of the request.
        package var minInput: Int?
        package var maxInput: Int?

        package init() {}
    }

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What a million tokens cost, as decimal numbers in any one currency. Keys below `models[].targets[].price`.
    package struct Price: Sendable, Equatable {
        package var input: String?
        package var output: String?

        package init() {}
    }

    /// The name of an item of `providers` or `agents`.
    package enum Upstream: Sendable, Equatable {
        case provider(String)
        case agent(String)

        package var name: String {
            switch self {
            case .provider(let name), .agent(let name): name
            }
        }
    }
}

/// A key that callers show. An item of `keys`.
package struct KeyConfiguration: Sendable, Equatable {
    /// For logs, metrics and bills.
    package var name: String
    package var value: Secret
    package var role: VirtualKey.Role = .member
    /// Patterns of the model names it may use; `*` at the end stands for anything.
    package var models: [String] = ["*"]
    package var rateLimit: RateLimitConfiguration?
    package var budget: Budget?

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }

    /// How much a key may spend. Keys below `keys[].budget`.
    package struct Budget: Sendable, Equatable {
        /// A decimal number as it was written: money is not rounded to a binary fraction.
        package var amount: String
        /// Three capital letters of ISO 4217.
        package var currency = "USD"
        package var period: BudgetPeriod = .month
        /// The share in percent from which on callers are warned; `nil` for never.
        package var soft: Int?
        package var unknownPrice = BudgetRule.UnknownPrice.refuse

        package init(amount: String) {
            self.amount = amount
        }
    }

}

extension KeyConfiguration {
    package var virtualKey: VirtualKey {
        var key = VirtualKey(name: name, role: role, models: models.map(ModelPattern.init))
        key.rateLimit = rateLimit?.limits
        return key
    }
}

/// So many per so long, written `60/min`.
package struct Rate: Sendable, Equatable {
    package var count: Int
    package var period: Duration

    package init(count: Int, period: Duration) {
        self.count = count
        self.period = period
    }
}
