import GRDB
import GatehouseCore

/// What a caller is told of a failure of the database, and whether the gateway can go on.
enum SQLiteFailure {
    /// What a failure of SQLite, or of work that ran on it, is to a caller.
    static func error(_ failure: any Error) -> GatehouseError {
        if let own = failure as? GatehouseError { return own }
        guard let database = failure as? DatabaseError else {
            return GatehouseError(.storageUnavailable, "The database cannot be used. Try later.", retryAfter: 5)
        }
        return switch database.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            GatehouseError(.storageBusy, "The database is locked by somebody else. Try again.", retryAfter: 2)
        case .SQLITE_FULL: full
        default: GatehouseError(.storageUnavailable, "The database cannot be used. Try later.", retryAfter: 5)
        }
    }

    static let full = GatehouseError(
        .insufficientStorage, "There is no room left to keep this. Try later.", retryAfter: 60)

    /// Why nothing that was written lately can be relied on any more; `nil` where that is not so. A disk that failed to
    /// flush may have thrown away what it was given, and says so only once.
    static func fatal(_ failure: any Error) -> String? {
        guard let database = failure as? DatabaseError else { return nil }
        return switch database.extendedResultCode {
        case .SQLITE_IOERR_FSYNC, .SQLITE_IOERR_DIR_FSYNC: "the disk failed to keep what was written (\(database))"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: "the database is damaged (\(database))"
        default: nil
        }
    }
}
