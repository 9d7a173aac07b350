import GRDB
import GRDBSQLite
import GatehouseCore

/// Inserts new rows of the ledger by SQLite's own calls. There is one for each attempt, and by way of GRDB's arguments its 27
/// values cost more than its place in the table does.
struct LedgerInsert {
    private static let sql = """
        INSERT INTO ledger (\(LedgerTable.columns.map { "\"\($0)\"" }.joined(separator: ", ")))
        VALUES (\(LedgerTable.columns.map { _ in "?" }.joined(separator: ", ")))
        """
    /// SQLite makes a copy of its own.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private let statement: Statement

    init(_ db: Database) throws {
        statement = try db.cachedStatement(sql: Self.sql)
    }

    /// - Returns: `false` for a row that the table does not take: nothing of it is there.
    /// - Throws: `DatabaseError` where nothing can be written.
    func put(_ row: LedgerRow) throws -> Bool {
        let handle = statement.sqliteStatement
        bind(row, to: handle)
        let code = sqlite3_step(handle)
        let words = code == SQLITE_DONE ? nil : sqlite3_errmsg(sqlite3_db_handle(handle)).map { String(cString: $0) }
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        switch code {
        case SQLITE_DONE: return true
        case let code where code & 0xFF == SQLITE_CONSTRAINT: return false
        default: throw DatabaseError(resultCode: ResultCode(rawValue: code), message: words)
        }
    }

    /// In the order of the columns.
    private func bind(_ row: LedgerRow, to handle: SQLiteStatement) {
        var place: Int32 = 0
        func text(_ value: String?) {
            place += 1
            guard let value else { return }
            sqlite3_bind_text(handle, place, value, Int32(clamping: value.utf8.count), Self.transient)
        }
        func number(_ value: Int?) {
            place += 1
            if let value { sqlite3_bind_int64(handle, place, Int64(value)) }
        }
        text(row.id)
        number(row.time)
        text(row.request)
        text(row.key)
        text(row.membership.user)
        text(row.membership.team)
        text(row.membership.organization)
        text(row.operation)
        text(row.provider)
        text(row.model)
        text(row.account)
        number(row.attempt)
        text(row.outcome)
        text(row.state.rawValue)
        let usage = row.usage
        number(usage?.input)
        number(usage?.output)
        number(usage?.cachedInput)
        number(usage?.cacheWrite)
        number(usage?.cacheWriteHour)
        number(usage?.reasoning)
        number(usage?.audioInput)
        number(usage?.audioOutput)
        number(usage?.imageInput)
        text(row.cost?.text)
        text(row.currency)
        text(row.reported?.unit)
        text(row.reported?.amount)
    }
}
