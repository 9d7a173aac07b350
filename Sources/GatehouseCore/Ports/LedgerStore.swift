/// One attempt at an upstream, as the ledger has it.
package struct LedgerRow: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Sent out, or about to be: it stands for the worst that it can cost.
        case reserved
        /// The upstream told what it counted, or cannot have counted anything.
        case settled
        /// It may have been billed and nobody told for how much: never less than what came.
        case estimated
    }

    /// Unique, whatever ids callers choose.
    package var id: String
    /// Seconds since 1970, when it was sent.
    package var time: Int
    package var request: String
    /// The name of the caller's key, and whose it is.
    package var key: String
    package var membership: Membership
    package var operation: String
    package var provider: String
    package var model: String
    /// The provider's key or the agent's account, where there are several.
    package var account: String?
    /// 1 for the first of a call.
    package var attempt: Int
    /// `completed`, `client_gone`, `hedge_lost`, an error code or a failure's class; empty while it runs.
    package var outcome = ""
    package var state = State.reserved
    package var usage: Usage?
    /// What it cost; `nil` where that is not known.
    package var cost: Money?
    package var currency: String?
    /// What the provider or agent itself said that it cost.
    package var reported: Cost?
    /// What budgets hold for it, and what they are to be charged in the end.
    package var holds: [BudgetHold] = []

    package init(id: String, time: Int, request: String, key: String, provider: String, model: String, attempt: Int) {
        self.id = id
        self.time = time
        self.request = request
        self.key = key
        membership = Membership()
        operation = ""
        self.provider = provider
        self.model = model
        self.attempt = attempt
    }
}

/// What one budget holds for one attempt.
package struct BudgetHold: Sendable, Equatable {
    package var budget: BudgetName
    package var amount: Money

    package init(budget: BudgetName, amount: Money) {
        self.budget = budget
        self.amount = amount
    }
}

/// What an instance was given of a budget to spend.
package struct BudgetGrant: Sendable, Equatable {
    /// Added to what it had.
    package var amount: Money
    /// Spent or held by others, as far as the store knows.
    package var elsewhere: Money

    package init(amount: Money, elsewhere: Money) {
        self.amount = amount
        self.elsewhere = elsewhere
    }
}

/// Keeps what attempts cost, and what budgets have left.
package protocol LedgerStore: AnyObject, Sendable {
    /// Keeps a row before its attempt is sent. `onEnd` is called, on any thread, when it is safe, or with why it is not.
    func reserve(_ row: LedgerRow, onEnd: @escaping @Sendable (GatehouseError?) -> Void)

    /// Keeps a row whose attempt is over, in the place of the one that was reserved. Nobody waits for it; while it cannot
    /// be written it is kept elsewhere and written later.
    func write(_ row: LedgerRow)

    /// Gives up a row that was reserved and not sent.
    func drop(_ row: LedgerRow)

    /// Takes as much of a budget as there is, up to `wanted`, for this instance alone; called back when that is safe.
    func take(
        _ wanted: Money, of budget: BudgetName, limit: Money,
        onEnd: @escaping @Sendable (Result<BudgetGrant, GatehouseError>) -> Void)

    /// What was spent, by whatever attempts are grouped by.
    func usage(_ query: UsageQuery) async throws(GatehouseError) -> [UsageLine]

    /// Rows that are not in the database yet, those among them that wait in a file, and those that were lost.
    var waiting: LedgerWaiting { get }
}

package struct LedgerWaiting: Sendable, Equatable {
    package var pending = 0
    package var spilled = 0
    package var lost = 0

    package init() {}
}

/// Which attempts to add up, and how.
package struct UsageQuery: Sendable, Equatable {
    package enum Group: String, Sendable, CaseIterable {
        case key, user, team, organization, provider, model, day
    }

    package var groups: [Group]
    /// Seconds since 1970, the first and the one behind the last.
    package var from: Int?
    package var to: Int?
    /// Lines at most.
    package var limit = 10_000

    package init(groups: [Group], from: Int? = nil, to: Int? = nil) {
        self.groups = groups
        self.from = from
        self.to = to
    }
}

/// Attempts that have the same names, and the same currency.
package struct UsageLine: Sendable, Equatable {
    /// In the order of the query's groups; empty where an attempt has none.
    package var names: [String]
    package var attempts: Int
    /// Attempts whose cost is an estimate, and those whose cost is not known.
    package var estimated: Int
    package var unknown: Int
    package var usage: Usage
    package var cost: Money
    /// `nil` where no cost is known.
    package var currency: String?

    package init(
        names: [String], attempts: Int, estimated: Int, unknown: Int, usage: Usage, cost: Money, currency: String?
    ) {
        self.names = names
        self.attempts = attempts
        self.estimated = estimated
        self.unknown = unknown
        self.usage = usage
        self.cost = cost
        self.currency = currency
    }
}
