/// What one instance may spend of a budget in one of its periods, without asking the store for each call.
///
/// Slices are taken from the store, where they count as spent from then on; calls are reserved within them from memory, at
/// the worst that they can cost, and settled at what they did cost. So no crash and no other instance can lead to more than
/// the budget: what was not given out is not spent, and what was given out is counted until it is known to be unspent.
package struct BudgetLease: Sendable, Equatable {
    package enum Verdict: Sendable, Equatable {
        case reserved
        /// There is not enough here: so much more is to be asked for.
        case needs(Money)
        /// There is not enough anywhere.
        case refused
    }

    /// Taken from the store so far.
    package private(set) var granted = Money.zero
    /// For calls that run.
    package private(set) var reserved = Money.zero
    /// By calls that are over.
    package private(set) var used = Money.zero
    /// Spent or held by others when the store was last asked.
    package private(set) var elsewhere = Money.zero
    /// The limit for which the store had nothing more; asking again is of no use until it is raised.
    private var dryAt: Money?
    /// Into how many slices a budget is cut, so that several instances get some.
    private static let slices = 16

    package init() {}

    /// Spent and held as far as is known here.
    package var spent: Money { elsewhere.capped(adding: used).capped(adding: reserved) }

    /// What can be reserved without asking.
    package func free(limit: Money) -> Money {
        // A limit that was lowered holds at once, whatever was taken before.
        min(granted, limit.floored(subtracting: elsewhere)).floored(subtracting: used)
            .floored(subtracting: reserved)
    }

    /// Asks for the leave of a call that can cost so much.
    package mutating func reserve(_ amount: Money, limit: Money) -> Verdict {
        guard amount > .zero else { return .reserved }
        let free = free(limit: limit)
        if amount <= free, let sum = reserved.adding(amount) {
            reserved = sum
            return .reserved
        }
        guard amount <= limit, limit > (dryAt ?? Money(units: -1)) else { return .refused }
        // All of it is here already, and the rest is spent.
        guard granted < limit.floored(subtracting: elsewhere) else { return .refused }
        return .needs(max(amount.floored(subtracting: free), limit.divided(by: Self.slices)))
    }

    /// The store gave so much of what was wanted.
    package mutating func took(_ grant: BudgetGrant, of wanted: Money, limit: Money) {
        granted = granted.capped(adding: grant.amount)
        elsewhere = grant.elsewhere
        dryAt = grant.amount < wanted ? limit : nil
    }

    /// A call is over. What it did not cost can be reserved again at once.
    package mutating func settle(_ amount: Money, actual: Money) {
        reserved = reserved.floored(subtracting: amount)
        used = used.capped(adding: actual)
    }
}
