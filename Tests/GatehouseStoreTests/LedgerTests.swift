import GRDB
import GatehouseCore
import Synchronization
import Testing

@testable import GatehouseStore

@Suite struct LedgerTests {
    private static let budget = BudgetName(id: "key:a/month/USD", start: 0)

    private static func row(_ id: String, _ state: LedgerRow.State, cost: String?) -> LedgerRow {
        var row = LedgerRow(id: id, time: 86_400, request: "r", key: "a", provider: "p", model: "m", attempt: 1)
        row.state = state
        row.usage = Usage(input: 10, output: 5, cachedInput: 4, reasoning: 2)
        row.cost = cost.flatMap { Money($0) }
        row.currency = cost == nil ? nil : "USD"
        row.membership = Membership(user: nil, team: "t", organization: nil)
        row.holds = [BudgetHold(budget: budget, amount: row.cost ?? .zero)]
        return row
    }

    private func take(_ ledger: SQLiteLedger, _ wanted: String, limit: String) async throws -> BudgetGrant {
        let (amount, limit) = (try #require(Money(wanted)), try #require(Money(limit)))
        let result: Result<BudgetGrant, GatehouseError> = await withCheckedContinuation { continuation in
            ledger.take(amount, of: Self.budget, limit: limit) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    private func reserve(_ ledger: SQLiteLedger, _ row: LedgerRow) async -> GatehouseError? {
        await withCheckedContinuation { continuation in
            ledger.reserve(row) { continuation.resume(returning: $0) }
        }
    }

    /// Rows without a budget are written together, and one that the table refuses takes no other with it.
    @Test func rowsGoToTheDiskTogether() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let losses = Mutex<[String]>([])
        let ledger = SQLiteLedger(database: database, spill: directory.path + "/w", instance: "one") { loss in
            losses.withLock { $0.append(loss) }
        }
        for number in 0..<1000 {
            var row = Self.row("\(number)", .settled, cost: "0.001")
            row.holds = []
            if number == 500 { row.usage?.input = -1 }
            ledger.write(row)
        }
        // Behind them in the same queue.
        _ = try await database.write { _ in }
        let count = try await database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM ledger") }
        #expect(count == 999 && ledger.waiting.pending == 0 && ledger.waiting.spilled == 0)
        #expect(losses.withLock { $0 } == ["the database refuses the row 500"])
        try database.close()
    }

    /// Both ways into the table put each value into its own column.
    @Test func aRowIsTheSameByBothWays() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        var full = Self.row("a", .estimated, cost: "0.25")
        full.membership = Membership(user: "Zürich", team: "", organization: "o")
        (full.operation, full.account, full.outcome) = ("chat", "work", "timeout")
        var usage = Usage(input: 1, output: 2, cachedInput: 3, reasoning: 4)
        (usage.cacheWrite, usage.cacheWriteHour) = (5, 6)
        (usage.audioInput, usage.audioOutput, usage.imageInput) = (7, 8, 9)
        full.usage = usage
        full.reported = Cost(unit: "usd", amount: "0.5")
        full.holds = []
        var empty = LedgerRow(id: "b", time: 5, request: "", key: "k", provider: "p", model: "", attempt: 3)
        empty.state = .settled
        for row in [full, empty] {
            try await database.write { db in
                try db.execute(sql: "DELETE FROM ledger")
                try LedgerTable.put(row, db)
            }
            let usual = try await values(database)
            try await database.write { db in
                try db.execute(sql: "DELETE FROM ledger")
                #expect(try LedgerInsert(db).put(row))
                #expect(try !LedgerInsert(db).put(row), "it is there already")
            }
            let quick = try await values(database)
            #expect(usual == quick && usual.count == 27)
        }
        try database.close()
    }

    private func values(_ database: SQLiteDatabase) async throws -> [String: DatabaseValue] {
        try await database.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT * FROM ledger")
            return Dictionary(uniqueKeysWithValues: row.map { row in row.map { ($0, $1) } } ?? [])
        }
    }

    /// What a killed process had sent counts at its worst, what it settled at its cost, and the rest is free again.
    @Test func aCrashIsReconciled() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let first = SQLiteLedger(database: database, spill: directory.path + "/w", instance: "one")
        let slices = [try await take(first, "9", limit: "10"), try await take(first, "9", limit: "10")]
        #expect(slices.map(\.amount.text) == ["9", "1"])
        let problems = [
            await reserve(first, Self.row("1", .reserved, cost: "2")),
            await reserve(first, Self.row("2", .reserved, cost: "3")),
        ]
        #expect(problems == [nil, nil])
        first.write(Self.row("1", .settled, cost: "0.5"))
        first.write(Self.row("1", .estimated, cost: "9"))
        let second = SQLiteLedger(database: database, spill: directory.path + "/w", instance: "two")
        let open = try await second.reconcile()
        #expect(open == 1)
        let grant = try await take(second, "10", limit: "10")
        #expect(grant.amount.text == "6.5" && grant.elsewhere.text == "3.5")
        let rows = try await database.read { db in
            try Row.fetchAll(db, sql: "SELECT id, state, cost FROM ledger ORDER BY id").map { row in
                [row["id"] as String, row["state"] as String, row["cost"] as String]
            }
        }
        #expect(rows == [["1", "settled", "0.5"], ["2", "estimated", "3"]])
        try database.close()
    }

    @Test func sumsAreExactAndGrouped() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let ledger = SQLiteLedger(database: database, spill: directory.path + "/w", instance: "one")
        for number in 0..<10 { ledger.write(Self.row("\(number)", .settled, cost: "0.1")) }
        ledger.write(Self.row("e", .estimated, cost: "0.000000000000000001"))
        ledger.write(Self.row("u", .settled, cost: nil))
        // Behind everything that was written before.
        _ = try await database.write { _ in 0 }
        let lines = try await ledger.usage(UsageQuery(groups: [.team, .day]))
        let known = try #require(lines.first(where: { $0.currency == "USD" }))
        #expect(known.names == ["t", "1970-01-02"] && known.attempts == 11 && known.estimated == 1)
        #expect(known.cost.text == "1.000000000000000001" && known.usage.input == 110 && known.usage.cachedInput == 44)
        #expect(lines.first(where: { $0.currency == nil })?.unknown == 1)
        let earlier = try await ledger.usage(UsageQuery(groups: [.key], from: 0, to: 86_400))
        #expect(earlier.isEmpty)
        try database.close()
    }

    /// A row that the database does not take waits in the file, outlives the process, and is written once.
    @Test func rowsWaitInAFile() async throws {
        let directory = try TemporaryDirectory()
        let row = Self.row("1", .settled, cost: "0.25")
        #expect(LedgerLine.row(Array(LedgerLine.text(row).utf8)[...]) == row)
        let spill = LedgerSpill(path: directory.path + "/w")
        let problem: String? = await withCheckedContinuation { continuation in
            spill.add(row) { continuation.resume(returning: $0) }
        }
        #expect(problem == nil && spill.counts.spilled == 1)
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let ledger = SQLiteLedger(database: database, spill: directory.path + "/w", instance: "one")
        #expect(ledger.waiting.spilled == 1)
        let written = try await ledger.recover()
        #expect(written == 1)
        #expect(ledger.waiting.spilled == 0 && ledger.waiting.lost == 0)
        let lines = try await ledger.usage(UsageQuery(groups: [.key]))
        #expect(lines.first?.cost.text == "0.25")
        try database.close()
    }
}
