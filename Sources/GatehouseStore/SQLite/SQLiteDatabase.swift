import GRDB
import GatehouseCore
import Glibc

/// The database of one gateway: a file, with a log beside it that makes what is told to be kept survive a loss of power.
package final class SQLiteDatabase: Sendable {
    /// How long a request waits for somebody else's lock.
    private static let patience = 2.0
    private static let readers = 4

    let pool: DatabasePool
    private let writer: GroupCommit

    /// Opens the database, makes it where there is none, and brings its tables up to date.
    ///
    /// - Parameters:
    ///   - path: Of the file.
    ///   - onFatal: Called once the database can no longer be relied on; the gateway should end.
    /// - Throws: When it cannot be opened, is damaged, or was written by a newer version.
    package init(
        path: String, onFatal: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(StoreError) {
        do {
            // Nobody else may read what callers said.
            let mask = umask(0o077)
            defer { umask(mask) }
            pool = try DatabasePool(path: path, configuration: Self.configuration)
            // A commit is on the disk when it is told. Said here: a pool has its own opinion of it once it is open.
            try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
            try pool.read { db in try Self.check(db, path) }
            try SQLiteSchema.migrator.migrate(pool)
        } catch {
            throw Self.problem(error, path)
        }
        writer = GroupCommit(pool: pool, onFatal: onFatal)
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(patience)
        configuration.maximumReaderCount = readers
        configuration.foreignKeysEnabled = true
        // A transaction that a broken disk will not even take back must not end the process.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
            db.add(function: MoneySum.function)
        }
        return configuration
    }

    /// Looks for damage, within bounds: a large database is not read through at each start.
    static func check(_ db: Database, _ path: String) throws {
        if try SQLiteSchema.migrator.hasBeenSuperseded(db) {
            throw StoreError(
                .newer, path, "was written by a newer version of Gatehouse; run that one, or restore a backup of before"
            )
        }
        guard try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0 <= checkedPages else { return }
        let found = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? ""
        guard found == "ok" else { throw StoreError(.io, path, "is damaged (\(found)); restore a backup") }
    }

    private static let checkedPages = 50_000

    static func problem(_ error: any Error, _ path: String) -> StoreError {
        if let own = error as? StoreError { return own }
        guard let failure = error as? DatabaseError else { return StoreError(.io, path, "cannot be opened (\(error))") }
        return switch failure.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: StoreError(.io, path, "is damaged or no database; restore a backup")
        case .SQLITE_FULL: StoreError(.io, path, "cannot be written: the disk is full")
        case .SQLITE_BUSY: StoreError(.io, path, "is locked by another program")
        default: StoreError(.io, path, "cannot be opened: \(failure.message ?? failure.resultCode.description)")
        }
    }

    /// Reads on a thread that may wait, from a state in which every transaction is whole.
    func read<Value: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Value
    ) async throws(GatehouseError) -> Value {
        do {
            return try await pool.read(work)
        } catch {
            throw SQLiteFailure.error(error)
        }
    }

    /// Writes; returns when it is on the disk. See `GroupCommit`.
    func write<Value: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Value
    ) async throws(GatehouseError) -> Value {
        try await writer.write(work)
    }

    /// Writes, without waiting for it.
    func writeBehind(
        _ work: @escaping @Sendable (Database) throws -> Void,
        onEnd: @escaping @Sendable (GatehouseError?) -> Void = { _ in }
    ) {
        writer.enqueue(work, onEnd: onEnd)
    }

    /// Why it cannot be read now, or could not be written when somebody last tried; `nil` where it can. Waits for no lock.
    package func problem() async -> String? {
        if let problem = writer.problem { return problem.message }
        do throws(GatehouseError) {
            return try await read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM sqlite_schema") } == nil
                ? "The database cannot be read." : nil
        } catch {
            return error.message
        }
    }

    /// Waits for what is being written, and moves it from the log into the file.
    package func close() throws(StoreError) {
        do {
            _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
            try pool.close()
        } catch {
            throw StoreError(.io, pool.path, "cannot be written: \(error)")
        }
    }
}
