import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc
import Logging

/// The ledger: what earlier runs left of it is dealt with before the first call.
extension Storage {
    /// A name for this run that no earlier one had.
    static func makeInstance() -> String {
        "\(String(Int(time(nil)), radix: 36))\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    static func ledger(
        _ database: SQLiteDatabase, dataDirectory: String, instance: String, logger: Logger
    ) -> SQLiteLedger {
        SQLiteLedger(database: database, spill: dataDirectory + "/ledger.waiting", instance: instance) { problem in
            logger.error("The ledger is behind", metadata: ["reason": "\(problem)"])
        }
    }

    /// What calls need to be accounted for.
    func accounting(_ logger: Logger) async throws -> Accounting? {
        guard let ledger else { return nil }
        _ = try await ledger.recover()
        let count = try await ledger.reconcile()
        if count > 0 {
            logger.warning(
                "Attempts that ran when the gateway ended are taken for the most they can have cost",
                metadata: ["attempts": "\(count)"])
        }
        return Accounting(store: ledger, instance: instance, clock: { Int(time(nil)) })
    }

    /// Writes what had to wait, and forgets what is old.
    func sweepLedger() async throws(GatehouseError) {
        guard let ledger else { return }
        _ = try await ledger.recover()
        _ = try await ledger.sweep(before: Int(time(nil)) - ledgerDays * 86_400)
    }
}
