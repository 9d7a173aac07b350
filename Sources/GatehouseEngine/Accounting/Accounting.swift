package import GatehouseCore
import Synchronization

/// What calls need to be accounted for: the ledger, and what budgets hold.
package final class Accounting: Sendable {
    package let store: any LedgerStore
    package let budgets: BudgetBook
    private let clock: @Sendable () -> Int
    private let instance: String
    private let count = Atomic<Int>(0)

    /// - Parameters:
    ///   - instance: Of this run of the gateway, unlike any other's: rows are numbered behind it.
    ///   - clock: Seconds since 1970.
    package init(store: any LedgerStore, instance: String, clock: @escaping @Sendable () -> Int) {
        self.store = store
        self.instance = instance
        self.clock = clock
        budgets = BudgetBook(store: store, clock: clock)
    }

    package var now: Int { clock() }

    func nextID() -> String {
        "\(instance)-\(count.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    /// Writes what is known now, under the names of the contract.
    package func write(to text: inout MetricsText) {
        let waiting = store.waiting
        text.family(
            "gatehouse_ledger_pending", .gauge, help: "Rows of the ledger that are not in the database yet.")
        text.sample("gatehouse_ledger_pending", Double(waiting.pending + waiting.spilled))
        text.family("gatehouse_ledger_lost", .gauge, help: "Rows of the ledger that could not be kept anywhere.")
        text.sample("gatehouse_ledger_lost", Double(waiting.lost))
        text.family(
            "gatehouse_budget_spent", .gauge,
            help: "Money that is spent or held of a budget in its period, as far as this instance knows.")
        for budget in budgets.spent {
            // For graphs: the ledger has the exact amount.
            text.sample(
                "gatehouse_budget_spent", labels: [("budget", budget.label), ("currency", budget.currency)],
                Double(budget.amount.text) ?? 0)
        }
    }
}
