import GRDB
package import GatehouseCore
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// The ledger in the database: a row for each attempt, what budgets were given out, and what is held of them.
///
/// What cannot be written goes to a file and is written when that is possible again. This instance is the only one of its
/// database: what leases of others held is settled when it starts.
package final class SQLiteLedger: LedgerStore {
    /// Rows that may wait for the database; beyond them they go to the file.
    static let maximumPending = 20_000

    private let database: SQLiteDatabase
    private let spill: LedgerSpill
    /// Of this run of the gateway.
    private let instance: String
    private let pending = Atomic<Int>(0)
    private let batch = Mutex(Batch())
    private let onLoss: @Sendable (String) -> Void

    /// Rows that go to the disk together: a savepoint and a look for the statement for each would cost more than the row.
    private struct Batch {
        var rows: [LedgerRow] = []
        /// Somebody will take them.
        var isPlanned = false
    }

    private final class Taken: Sendable {
        let rows = Mutex<[LedgerRow]?>(nil)
        let refused = Mutex<[LedgerRow]>([])
    }

    /// - Parameters:
    ///   - spill: Path of the file for rows that the database does not take.
    ///   - instance: Unlike that of any earlier run.
    ///   - onLoss: Called when something could not be kept where it belongs.
    package init(
        database: SQLiteDatabase, spill: String, instance: String,
        onLoss: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.database = database
        self.spill = LedgerSpill(path: spill)
        self.instance = instance
        self.onLoss = onLoss
    }

    package var waiting: LedgerWaiting {
        var waiting = LedgerWaiting()
        waiting.pending = max(0, pending.load(ordering: .relaxed))
        (waiting.spilled, waiting.lost) = spill.counts
        return waiting
    }

    // MARK: Rows

    package func reserve(_ row: LedgerRow, onEnd: @escaping @Sendable (GatehouseError?) -> Void) {
        guard pending.load(ordering: .relaxed) < Self.maximumPending else {
            return onEnd(
                GatehouseError(.storageBusy, "The disk is slower than calls come. Try again.", retryAfter: 2))
        }
        pending.wrappingAdd(1, ordering: .relaxed)
        let instance = instance
        database.writeBehind { db in
            try LedgerTable.put(row, db)
            try LedgerTable.hold(row, instance, db)
        } onEnd: { [self] failure in
            pending.wrappingSubtract(1, ordering: .relaxed)
            CrashPoint.reached("ledger.reserved")
            onEnd(failure)
        }
    }

    package func write(_ row: LedgerRow) {
        // Rows that go to the file must not overtake each other, nor wait on an event loop.
        guard pending.load(ordering: .relaxed) < Self.maximumPending else { return put(aside: row) }
        pending.wrappingAdd(1, ordering: .relaxed)
        if row.holds.isEmpty { join(row) } else { settle(row) }
    }

    /// Of an attempt that no budget holds anything for: with all that come within a moment, for each transaction costs as
    /// much as many rows do.
    private func join(_ row: LedgerRow) {
        let (isFirst, isLast) = batch.withLock { batch in
            batch.rows.append(row)
            defer { batch.isPlanned = true }
            return (!batch.isPlanned, batch.rows.count == Self.largestBatch)
        }
        if isLast { return writeBatch() }
        guard isFirst else { return }
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return writeBatch() }
        loop.scheduleTask(in: Self.moment) { self.flush() }
    }

    private static let largestBatch = 1000
    private static let moment = TimeAmount.milliseconds(25)

    /// What waits for others is on its way when this returns.
    package func flush() {
        if batch.withLock({ !$0.rows.isEmpty }) { writeBatch() }
    }

    private func takeBatch() -> [LedgerRow] {
        batch.withLock { batch in
            defer { batch = Batch() }
            return batch.rows
        }
    }

    private func writeBatch() {
        let taken = Taken()
        database.writeBehind { [self] db in
            let rows = takeBatch()
            taken.rows.withLock { $0 = rows }
            let insert = try LedgerInsert(db)
            for row in rows where try !insert.put(row) { taken.refused.withLock { $0.append(row) } }
        } onEnd: { [self] failure in
            // There may have been no transaction to take them.
            let rows = taken.rows.withLock { $0 ?? takeBatch() }
            pending.wrappingSubtract(rows.count, ordering: .relaxed)
            guard failure == nil else {
                for row in rows { put(aside: row, failure) }
                return
            }
            for row in taken.refused.withLock({ $0 }) { onLoss("the database refuses the row \(row.id)") }
            CrashPoint.reached("ledger.settled")
        }
    }

    private func settle(_ row: LedgerRow) {
        let instance = instance
        database.writeBehind { db in
            try LedgerTable.put(row, db)
            try LedgerTable.settle(row, instance, db)
        } onEnd: { [self] failure in
            pending.wrappingSubtract(1, ordering: .relaxed)
            if let failure { put(aside: row, failure) } else { CrashPoint.reached("ledger.settled") }
        }
    }

    package func drop(_ row: LedgerRow) {
        database.writeBehind { db in try LedgerTable.drop(row, db) }
    }

    private func put(aside row: LedgerRow, _ failure: GatehouseError? = nil) {
        spill.add(row) { [onLoss] problem in
            onLoss(problem ?? "a row of the ledger waits in a file (\(failure?.message ?? "the database is slow"))")
        }
    }

    /// Writes what waits in the file, as far as the database takes it; how many rows. To be called now and then.
    package func recover() async throws(GatehouseError) -> Int {
        try await spill.empty { [self] (row) throws(GatehouseError) in
            let instance = instance
            try await database.write { db in
                try LedgerTable.put(row, db)
                try LedgerTable.settle(row, instance, db)
            }
        }
    }

    // MARK: Budgets

    package func take(
        _ wanted: Money, of budget: BudgetName, limit: Money,
        onEnd: @escaping @Sendable (Result<BudgetGrant, GatehouseError>) -> Void
    ) {
        let instance = instance
        let box = SharedGrant()
        database.writeBehind { db in
            let taken = try LedgerTable.take(wanted, budget, limit, instance, db)
            box.value.withLock { $0 = taken }
        } onEnd: { failure in
            let taken = box.value.withLock { $0 }
            if let taken, failure == nil { return onEnd(.success(taken)) }
            onEnd(
                .failure(failure ?? GatehouseError(.storageUnavailable, "The database cannot be used.", retryAfter: 5)))
        }
    }

    private final class SharedGrant: Sendable {
        let value = Mutex<BudgetGrant?>(nil)
    }

    /// What earlier runs left: attempts that nobody settled stand for their worst case from now on, and what their leases did
    /// not use is free again. How many attempts. To be called once, before the first call.
    package func reconcile() async throws(GatehouseError) -> Int {
        let instance = instance
        return try await database.write { db in try LedgerTable.reconcile(notOf: instance, db) }
    }

    /// Forgets rows that are older; how many.
    package func sweep(before time: Int) async throws(GatehouseError) -> Int {
        try await database.write { db in
            try db.execute(sql: "DELETE FROM ledger WHERE time < ? AND state != 'reserved'", arguments: [time])
            return db.changesCount
        }
    }

    // MARK: Views

    package func usage(_ query: UsageQuery) async throws(GatehouseError) -> [UsageLine] {
        flush()
        // Behind what is on its way; where nothing can be written, what is there is told all the same.
        do { try await database.write { _ in } } catch _ {}
        return try await database.read { db in try LedgerTable.usage(query, db) }
    }
}
