import GRDB
import GatehouseCore
import Synchronization

/// Writes of many callers in few transactions: what came while one was on its way to the disk goes together with the next.
///
/// Each piece of work has a savepoint of its own: one that fails takes nothing of the others back. Callers hear of success
/// only when the transaction is on the disk.
final class GroupCommit: Sendable {
    /// Runs the work, and gives what is to be told once it is known whether the transaction was kept.
    private typealias Job = @Sendable (Database) -> Settlement
    /// Called with why the whole transaction failed, or with `nil`.
    private typealias Settlement = @Sendable (GatehouseError?) -> Void

    private struct Queue {
        var jobs: [(run: Job, refuse: Settlement)] = []
        var isDraining = false
        /// Why the last transaction was not kept; `nil` where it was.
        var problem: GatehouseError?
    }

    /// Pieces of work in one transaction.
    private static let batch = 256

    private let pool: DatabasePool
    private let queue = Mutex(Queue())
    private let onFatal: @Sendable (String) -> Void

    init(pool: DatabasePool, onFatal: @escaping @Sendable (String) -> Void) {
        self.pool = pool
        self.onFatal = onFatal
    }

    /// Why the last transaction was not kept; `nil` where it was.
    var problem: GatehouseError? { queue.withLock { $0.problem } }

    /// Runs `work` in a transaction, and returns when that is kept.
    ///
    /// - Throws: What `work` threw where that is a `GatehouseError`, else what the database's failure means to a caller.
    func write<Value: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Value
    ) async throws(GatehouseError) -> Value {
        let result: Result<Value, GatehouseError> = await withCheckedContinuation { continuation in
            submit { [onFatal] db in
                do {
                    let value = try Self.inSavepoint(db, work)
                    return { failure in continuation.resume(returning: failure.map { .failure($0) } ?? .success(value))
                    }
                } catch {
                    SQLiteFailure.fatal(error).map(onFatal)
                    let own = SQLiteFailure.error(error)
                    return { failure in continuation.resume(returning: .failure(failure ?? own)) }
                }
            } refuse: { failure in
                continuation.resume(returning: .failure(failure ?? SQLiteFailure.full))
            }
        }
        return try result.get()
    }

    /// As `write`, for those who do not wait; `onEnd` is called once it is kept, or with why it is not.
    func enqueue(
        _ work: @escaping @Sendable (Database) throws -> Void,
        onEnd: @escaping @Sendable (GatehouseError?) -> Void = { _ in }
    ) {
        submit { db in
            do {
                try Self.inSavepoint(db, work)
                return onEnd
            } catch {
                let own = SQLiteFailure.error(error)
                return { failure in onEnd(failure ?? own) }
            }
        } refuse: {
            onEnd($0)
        }
    }

    private static func inSavepoint<Value>(_ db: Database, _ work: (Database) throws -> Value) throws -> Value {
        var value: Value?
        try db.inSavepoint {
            value = try work(db)
            return .commit
        }
        guard let value else { throw DatabaseError(resultCode: .SQLITE_ABORT) }
        return value
    }

    private func submit(_ run: @escaping Job, refuse: @escaping Settlement) {
        let mustStart = queue.withLock { queue in
            queue.jobs.append((run, refuse))
            defer { queue.isDraining = true }
            return !queue.isDraining
        }
        if mustStart { pool.asyncWriteWithoutTransaction { [self] db in drain(db) } }
    }

    private func drain(_ db: Database) {
        while true {
            let jobs = queue.withLock { queue in
                let next = Array(queue.jobs.prefix(Self.batch))
                queue.jobs.removeFirst(next.count)
                if next.isEmpty { queue.isDraining = false }
                return next
            }
            if jobs.isEmpty { return }
            run(jobs, db)
        }
    }

    private func run(_ jobs: [(run: Job, refuse: Settlement)], _ db: Database) {
        var settlements: [Settlement] = []
        do {
            try db.beginTransaction(.immediate)
            for job in jobs {
                settlements.append(job.run(db))
                // Some failures take the whole transaction back, whatever one wants.
                guard db.isInsideTransaction else { throw DatabaseError(resultCode: .SQLITE_FULL) }
            }
            try db.commit()
            queue.withLock { $0.problem = nil }
            for settle in settlements { settle(nil) }
        } catch {
            if db.isInsideTransaction { try? db.rollback() }
            SQLiteFailure.fatal(error).map(onFatal)
            let failure = SQLiteFailure.error(error)
            queue.withLock { $0.problem = failure }
            for settle in settlements { settle(failure) }
            for job in jobs.dropFirst(settlements.count) { job.refuse(failure) }
        }
    }
}
