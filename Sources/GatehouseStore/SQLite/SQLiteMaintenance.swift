import GRDB
import Glibc

/// Work on a database from outside of a running gateway.
package enum SQLiteMaintenance {
    /// What a database has been through.
    package struct Report: Sendable, Equatable {
        /// Steps that were taken before, and now, in their order.
        package var known: [String]
        package var taken: [String]
    }

    /// Brings the tables of a database up to date, and makes it where there is none.
    ///
    /// - Throws: When it is damaged, cannot be opened, or was written by a newer version.
    package static func migrate(_ path: String) throws(StoreError) -> Report {
        let known = try steps(path)
        let database = try SQLiteDatabase(path: path)
        let all: [String]
        do {
            all = try database.pool.read { db in try SQLiteSchema.migrator.appliedMigrations(db) }
            try database.close()
        } catch {
            throw SQLiteDatabase.problem(error, path)
        }
        return Report(known: known, taken: all.filter { !known.contains($0) })
    }

    /// Looks at a database and changes nothing: how many steps it has been through; `nil` where there is none.
    ///
    /// - Throws: When it is damaged, cannot be opened, or was written by a newer version.
    package static func inspect(_ path: String) throws(StoreError) -> Int? {
        guard access(path, F_OK) == 0 else { return nil }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.read { db in try SQLiteDatabase.check(db, path) }
        } catch {
            throw SQLiteDatabase.problem(error, path)
        }
        return try steps(path).count
    }

    private static func steps(_ path: String) throws(StoreError) -> [String] {
        guard access(path, F_OK) == 0 else { return [] }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            return try queue.read { db in try SQLiteSchema.migrator.appliedMigrations(db) }
        } catch {
            throw SQLiteDatabase.problem(error, path)
        }
    }

    /// Copies a database to a new file, also while a gateway uses it.
    ///
    /// - Throws: When there is no database, or something is at the target already.
    package static func backup(_ path: String, to target: String) throws(StoreError) {
        guard access(path, F_OK) == 0 else { throw StoreError(.io, path, "is not there; nothing was ever kept") }
        guard access(target, F_OK) != 0 else {
            throw StoreError(.unsafe, target, "is there already; choose another name")
        }
        let draft = target + ".part"
        unlink(draft)
        do {
            try copy(path, to: draft)
        } catch {
            unlink(draft)
            throw error
        }
        try settle(draft, as: target)
    }

    /// Puts a copy that `backup` made in the place of a database. What was there is kept beside it.
    ///
    /// - Returns: Where the former database is; `nil` where there was none.
    /// - Throws: When the copy is damaged or of a newer version, or a gateway uses the database.
    package static func restore(_ path: String, from source: String) throws(StoreError) -> String? {
        guard access(source, F_OK) == 0 else { throw StoreError(.io, source, "is not there") }
        try checkUnused(path)
        let draft = path + ".restored"
        for ending in ["", "-wal", "-shm"] { unlink(draft + ending) }
        try copy(source, to: draft)
        // Opening it looks for damage, and for a newer version.
        do {
            try SQLiteDatabase(path: draft).close()
        } catch {
            for ending in ["", "-wal", "-shm"] { unlink(draft + ending) }
            throw SQLiteDatabase.problem(error, source)
        }
        var former: String?
        if access(path, F_OK) == 0 {
            let aside = path + ".before-restore"
            for ending in ["-wal", "-shm"] { unlink(path + ending) }
            try settle(path, as: aside)
            former = aside
        }
        try settle(draft, as: path)
        return former
    }

    /// A database that another program has open cannot be put aside. Its log is moved into it on the way.
    private static func checkUnused(_ path: String) throws(StoreError) {
        guard access(path, F_OK) == 0 else { return }
        do {
            var configuration = Configuration()
            configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "BEGIN EXCLUSIVE; COMMIT")
                _ = try? db.checkpoint(.truncate)
            }
            try queue.close()
        } catch {
            let isBusy = [.SQLITE_BUSY, .SQLITE_LOCKED].contains((error as? DatabaseError)?.resultCode)
            guard isBusy else { throw SQLiteDatabase.problem(error, path) }
            throw StoreError(.io, path, "is in use; stop the gateway first")
        }
    }

    private static func copy(_ path: String, to target: String) throws(StoreError) {
        do {
            let mask = umask(0o077)
            defer { umask(mask) }
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let source = try DatabaseQueue(path: path, configuration: configuration)
            let copy = try DatabaseQueue(path: target)
            try source.backup(to: copy)
            // A copy is one file: whoever moves it must not have to know of a log beside it.
            try copy.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA journal_mode = DELETE") }
            try copy.close()
        } catch {
            throw SQLiteDatabase.problem(error, path)
        }
    }

    /// Gives a file its name, all at once and safe on the disk.
    private static func settle(_ draft: String, as path: String) throws(StoreError) {
        for name in [draft, String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))] {
            let file = open(name.isEmpty ? "." : name, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw StoreError(.io, name, "cannot be opened: \(PrivateFile.reason())") }
            defer { close(file) }
            guard fsync(file) == 0 else { throw StoreError(.io, name, "cannot be written: \(PrivateFile.reason())") }
            if name == draft, rename(draft, path) != 0 {
                throw StoreError(.io, path, "cannot be put in place: \(PrivateFile.reason())")
            }
        }
    }
}
