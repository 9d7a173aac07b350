package import GatehouseCore
package import NIOCore
import Synchronization

/// What this instance holds of each budget, for the calls of all event loops. It outlives reloads.
package final class BudgetBook: Sendable {
    /// What budgets hold for one attempt.
    package struct Hold: Sendable {
        package fileprivate(set) var parts: [BudgetHold]
        /// The budgets that are nearly spent.
        package fileprivate(set) var warnings: [String]

        package static let none = Hold(parts: [], warnings: [])
    }

    package typealias Answer = Result<Hold, GatehouseError>

    private struct Account {
        var lease = BudgetLease()
        var rule: BudgetRule
        /// The store is being asked; who waits for its answer.
        var isAsking = false
        var waiters: [@Sendable () -> Void] = []
    }

    /// What comes next for a call.
    private enum Step {
        case held(Hold)
        case refused(BudgetRule)
        case ask(BudgetRule, BudgetName, Money)
        case wait
    }

    private let store: any LedgerStore
    private let clock: @Sendable () -> Int
    private let accounts = Mutex<[BudgetName: Account]>([:])

    /// - Parameter clock: Seconds since 1970.
    package init(store: any LedgerStore, clock: @escaping @Sendable () -> Int) {
        self.store = store
        self.clock = clock
    }

    /// Asks all of these budgets for the leave of an attempt that can cost so much. `onEnd` is called on `eventLoop`, at
    /// once where there is enough here.
    ///
    /// - Throws by `onEnd`: `budget_exceeded`, and what the store says.
    package func reserve(
        _ amount: Money, of rules: [BudgetRule], on eventLoop: any EventLoop, onEnd: @escaping (Answer) -> Void
    ) {
        guard amount > .zero, !rules.isEmpty else { return onEnd(.success(.none)) }
        let bound = NIOLoopBound(onEnd, eventLoop: eventLoop)
        let again: @Sendable () -> Void = {
            eventLoop.execute { self.reserve(amount, of: rules, on: eventLoop, onEnd: bound.value) }
        }
        switch step(amount, rules, again) {
        case .held(let hold): onEnd(.success(hold))
        case .refused(let rule): onEnd(.failure(Self.exceeded(rule, at: clock())))
        case .wait: break
        case .ask(let rule, let name, let wanted):
            store.take(wanted, of: name, limit: rule.amount) { [self] result in
                let waiters = took(result, of: name, wanted, limit: rule.amount)
                if case .failure(let error) = result {
                    eventLoop.execute { bound.value(.failure(error)) }
                } else {
                    again()
                }
                for waiter in waiters { waiter() }
            }
        }
    }

    /// All of them or none: nothing is held while the store is asked.
    private func step(_ amount: Money, _ rules: [BudgetRule], _ again: @escaping @Sendable () -> Void) -> Step {
        let now = clock()
        return accounts.withLock { accounts in
            var hold = Hold.none
            for rule in rules {
                let name = rule.name(at: now)
                if accounts[name] == nil { Self.forgetPast(&accounts, rule, name) }
                var account = accounts[name] ?? Account(rule: rule)
                account.rule = rule
                let verdict = account.lease.reserve(amount, limit: rule.amount)
                accounts[name] = account
                if case .reserved = verdict {
                    hold.parts.append(BudgetHold(budget: name, amount: amount))
                    if let line = rule.warning, account.lease.spent >= line { hold.warnings.append(rule.label) }
                    continue
                }
                for part in hold.parts { accounts[part.budget]?.lease.settle(amount, actual: .zero) }
                guard case .needs(let wanted) = verdict else { return .refused(rule) }
                guard !account.isAsking else {
                    accounts[name]?.waiters.append(again)
                    return .wait
                }
                accounts[name]?.isAsking = true
                return .ask(rule, name, wanted)
            }
            return .held(hold)
        }
    }

    /// The periods before this one, once nothing of them runs.
    private static func forgetPast(_ accounts: inout [BudgetName: Account], _ rule: BudgetRule, _ name: BudgetName) {
        for (past, account) in accounts
        where past.id == name.id && past.start < name.start && account.lease.reserved == .zero && !account.isAsking {
            accounts[past] = nil
        }
    }

    private func took(
        _ result: Result<BudgetGrant, GatehouseError>, of name: BudgetName, _ wanted: Money, limit: Money
    ) -> [@Sendable () -> Void] {
        accounts.withLock { accounts in
            guard var account = accounts[name] else { return [] }
            account.isAsking = false
            if case .success(let grant) = result { account.lease.took(grant, of: wanted, limit: limit) }
            let waiters = account.waiters
            account.waiters = []
            accounts[name] = account
            return waiters
        }
    }

    /// An attempt is over, and cost so much.
    package func settle(_ hold: Hold, actual: Money) {
        guard !hold.parts.isEmpty else { return }
        accounts.withLock { accounts in
            for part in hold.parts { accounts[part.budget]?.lease.settle(part.amount, actual: actual) }
        }
    }

    private static func exceeded(_ rule: BudgetRule, at time: Int) -> GatehouseError {
        let whose = rule.scope == .key ? "of this key" : "of the \(rule.scope.rawValue) \(rule.owner)"
        let end = rule.period.range(at: time).end
        let renewal = end.map {
            "It begins anew on \(CivilDate(day: $0 / 86_400).text) at 00:00 UTC."
        }
        return GatehouseError(
            .budgetExceeded,
            "The budget \(whose), \(rule.amount.text) \(rule.currency) a \(rule.period.rawValue), has no room for this "
                + "request at its highest possible cost. \(renewal ?? "It does not begin anew.")")
    }

    /// What is spent and held of each budget, by its label, for the metrics.
    package var spent: [(label: String, currency: String, amount: Money)] {
        let now = clock()
        return accounts.withLock { accounts in
            accounts.filter { $0.key == $0.value.rule.name(at: now) }
                .map { ($0.value.rule.label, $0.value.rule.currency, $0.value.lease.spent) }.sorted { $0.0 < $1.0 }
        }
    }
}
