import GRDB
import GatehouseCore

/// What is done with the ledger's tables, each within a transaction of its caller.
enum LedgerTable {
    /// Amounts are decimals as text: they are added up by this program, never by SQLite's binary fractions.
    static func money(_ value: String?) throws -> Money {
        guard let value, let amount = Money(value) else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        return amount
    }

    // MARK: Rows

    /// Puts a row into its place, over the one that was reserved. One that is settled is never taken back.
    static func put(_ row: LedgerRow, _ db: Database) throws {
        try db.cachedStatement(sql: insert).execute(arguments: arguments(row))
    }

    static let columns = [
        "id", "time", "request", "key", "user", "team", "organization", "operation", "provider", "model", "account",
        "attempt", "outcome", "state", "input", "output", "cached", "cache_write", "cache_write_hour", "reasoning",
        "audio_input", "audio_output", "image_input", "cost", "currency", "reported_unit", "reported_amount",
    ]

    private static let insert = """
        INSERT INTO ledger (\(columns.map { "\"\($0)\"" }.joined(separator: ", ")))
        VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
        ON CONFLICT (id) DO UPDATE SET
        \(columns.dropFirst().map { "\"\($0)\" = excluded.\"\($0)\"" }.joined(separator: ", "))
        WHERE ledger.state = 'reserved'
        """

    private static func arguments(_ row: LedgerRow) -> StatementArguments {
        let usage = row.usage
        var arguments: StatementArguments = [
            row.id, row.time, row.request, row.key, row.membership.user, row.membership.team,
            row.membership.organization, row.operation, row.provider, row.model, row.account, row.attempt, row.outcome,
            row.state.rawValue,
        ]
        arguments += [
            usage?.input, usage?.output, usage?.cachedInput, usage?.cacheWrite, usage?.cacheWriteHour,
            usage?.reasoning, usage?.audioInput, usage?.audioOutput, usage?.imageInput,
        ]
        arguments += [row.cost?.text, row.currency, row.reported?.unit, row.reported?.amount]
        return arguments
    }

    /// Gives up a row whose attempt was not sent, and what was held for it.
    static func drop(_ row: LedgerRow, _ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM ledger WHERE id = ? AND state = 'reserved'").execute(arguments: [
            row.id
        ])
        try db.cachedStatement(sql: "DELETE FROM budget_hold WHERE ledger = ?").execute(arguments: [row.id])
    }

    // MARK: Budgets

    static func hold(_ row: LedgerRow, _ instance: String, _ db: Database) throws {
        for hold in row.holds {
            try db.cachedStatement(
                sql: "INSERT INTO budget_hold (ledger, budget, start, instance, amount) VALUES (?, ?, ?, ?, ?)"
            ).execute(arguments: [row.id, hold.budget.id, hold.budget.start, instance, hold.amount.text])
        }
    }

    /// Charges each budget with what an attempt cost, once.
    static func settle(_ row: LedgerRow, _ instance: String, _ db: Database) throws {
        for hold in row.holds {
            try db.cachedStatement(sql: "DELETE FROM budget_hold WHERE ledger = ? AND budget = ?")
                .execute(arguments: [row.id, hold.budget.id])
            guard db.changesCount > 0 else { continue }
            let used = try String.fetchOne(
                db.cachedStatement(
                    sql: "SELECT used FROM budget_lease WHERE budget = ? AND start = ? AND instance = ?"),
                arguments: [hold.budget.id, hold.budget.start, instance])
            // The hold of an earlier run, whose row waited in a file: its worst case was charged then.
            guard let used else { continue }
            try db.cachedStatement(
                sql: "UPDATE budget_lease SET used = ? WHERE budget = ? AND start = ? AND instance = ?"
            ).execute(arguments: [
                try money(used).capped(adding: hold.amount).text, hold.budget.id, hold.budget.start, instance,
            ])
        }
    }

    static func take(
        _ wanted: Money, _ budget: BudgetName, _ limit: Money, _ instance: String, _ db: Database
    ) throws -> BudgetGrant {
        let spent = try String.fetchOne(
            db.cachedStatement(sql: "SELECT spent FROM budget_spent WHERE budget = ? AND start = ?"),
            arguments: [budget.id, budget.start])
        var elsewhere = try spent.map { try money($0) } ?? .zero
        var mine = Money.zero
        let leases = try Row.fetchAll(
            db.cachedStatement(sql: "SELECT instance, amount, used FROM budget_lease WHERE budget = ? AND start = ?"),
            arguments: [budget.id, budget.start])
        for lease in leases {
            let held = max(try money(lease["amount"]), try money(lease["used"]))
            if lease["instance"] == instance { mine = held } else { elsewhere = elsewhere.capped(adding: held) }
        }
        let left = limit.floored(subtracting: elsewhere).floored(subtracting: mine)
        let grant = min(wanted, left)
        if grant > .zero {
            try db.cachedStatement(
                sql: """
                    INSERT INTO budget_lease (budget, start, instance, amount, used) VALUES (?, ?, ?, ?, '0')
                    ON CONFLICT DO UPDATE SET amount = excluded.amount
                    """
            ).execute(arguments: [budget.id, budget.start, instance, mine.capped(adding: grant).text])
        }
        return BudgetGrant(amount: grant, elsewhere: elsewhere)
    }

    /// Ends the leases of all other instances: what they used, and the worst case of what they had sent, is spent.
    static func reconcile(notOf instance: String, _ db: Database) throws -> Int {
        let leases = try Row.fetchAll(
            db, sql: "SELECT budget, start, instance, used FROM budget_lease WHERE instance != ?", arguments: [instance]
        )
        for lease in leases {
            let (budget, start): (String, Int) = (lease["budget"], lease["start"])
            let holds = try String.fetchAll(
                db, sql: "SELECT amount FROM budget_hold WHERE budget = ? AND start = ? AND instance = ?",
                arguments: [budget, start, lease["instance"] as String])
            let before = try String.fetchOne(
                db, sql: "SELECT spent FROM budget_spent WHERE budget = ? AND start = ?", arguments: [budget, start])
            var spent = try before.map { try money($0) } ?? .zero
            for amount in try holds.map({ try money($0) }) + [try money(lease["used"])] {
                spent = spent.capped(adding: amount)
            }
            try db.execute(
                sql: """
                    INSERT INTO budget_spent (budget, start, spent) VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET spent = excluded.spent
                    """, arguments: [budget, start, spent.text])
        }
        try db.execute(sql: "DELETE FROM budget_lease WHERE instance != ?", arguments: [instance])
        try db.execute(sql: "DELETE FROM budget_hold WHERE instance != ?", arguments: [instance])
        try db.execute(
            sql: "UPDATE ledger SET state = 'estimated', outcome = 'interrupted' WHERE state = 'reserved'")
        return db.changesCount
    }

    // MARK: Views

    static func usage(_ query: UsageQuery, _ db: Database) throws -> [UsageLine] {
        let names = query.groups.map { group in
            group == .day ? "date(time, 'unixepoch')" : "COALESCE(\"\(group.rawValue)\", '')"
        }
        let groups = (names + ["currency"]).joined(separator: ", ")
        let counts = [
            "input", "output", "cached", "cache_write", "cache_write_hour", "reasoning", "audio_input", "audio_output",
            "image_input",
        ].map { "MIN(TOTAL(\($0)), 9e18)" }.joined(separator: ", ")
        let sql = """
            SELECT \(groups), COUNT(*), SUM(state != 'settled'), SUM(cost IS NULL), money_sum(cost), \(counts)
            FROM ledger WHERE time >= ? AND time < ? GROUP BY \(groups) ORDER BY \(groups) LIMIT ?
            """
        let width = query.groups.count
        return try Row.fetchAll(
            db, sql: sql, arguments: [query.from ?? 0, query.to ?? Int(Int64.max), query.limit]
        ).map { row in
            func count(_ index: Int) -> Int { Int(clamping: Int64((row[width + 5 + index] as Double?) ?? 0)) }
            var usage = Usage(input: count(0), output: count(1), cachedInput: count(2), reasoning: count(5))
            (usage.cacheWrite, usage.cacheWriteHour) = (count(3), count(4))
            (usage.audioInput, usage.audioOutput, usage.imageInput) = (count(6), count(7), count(8))
            return UsageLine(
                names: (0..<width).map { row[$0] as String? ?? "" }, attempts: row[width + 1],
                estimated: row[width + 2], unknown: row[width + 3], usage: usage, cost: try money(row[width + 4]),
                currency: row[width])
        }
    }
}

/// Adds up decimals: `money_sum(TEXT)`.
struct MoneySum: DatabaseAggregate {
    private var sum = Money.zero

    static let function = DatabaseFunction(
        "money_sum", argumentCount: 1, pure: true, aggregate: MoneySum.self)

    mutating func step(_ values: [DatabaseValue]) throws {
        guard let text = values.first.flatMap({ String.fromDatabaseValue($0) }) else { return }
        sum = sum.capped(adding: try LedgerTable.money(text))
    }

    func finalize() throws -> (any DatabaseValueConvertible)? { sum.text }
}
