import GRDB
import GatehouseCore
import Glibc
import Testing

@testable import GatehouseStore

/// The database itself: what it refuses, and what its writers hear.
@Suite struct SQLiteDatabaseTests {
    @Test func nobodyElseMayReadIt() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let database = try SQLiteDatabase(path: path)
        for file in [path, path + "-wal"] {
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600, "\(file)")
        }
        try database.close()
    }

    /// The connection that writes; 2 is FULL. With less a commit may be lost with the power.
    @Test func aCommitIsOnTheDiskWhenItIsTold() throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let level = try database.pool.writeWithoutTransaction { db in try Int.fetchOne(db, sql: "PRAGMA synchronous") }
        #expect(level == 2)
        try database.close()
    }

    @Test func oneOfANewerVersionIsLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let database = try SQLiteDatabase(path: path)
        try database.pool.write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('99 the future')")
        }
        try database.close()
        expect(.newer, path)
    }

    @Test func oneThatIsDamagedIsRefused() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let database = try SQLiteDatabase(path: path)
        try database.pool.write { db in
            for number in 0..<500 {
                try db.execute(
                    sql: "INSERT INTO conversation VALUES ('ann', ?, zeroblob(500), 1, 1)", arguments: ["\(number)"])
            }
        }
        try database.close()
        let file = open(path, O_WRONLY)
        var noise = [UInt8](repeating: 0xA5, count: 4096)
        for page in 4..<12 { pwrite(file, &noise, noise.count, off_t(page * 4096)) }
        close(file)
        expect(.io, path)
        let other = directory.path + "/b.db"
        let text = open(other, O_WRONLY | O_CREAT, 0o600)
        write(text, "no database, but a text that is long enough to be looked at as one, which it is not.", 80)
        close(text)
        expect(.io, other)
    }

    private func expect(_ code: StoreError.Code, _ path: String) {
        #expect(refusal { _ = try SQLiteDatabase(path: path) } == code)
    }

    @Test func manyWritersShareTransactionsAndOneThatFailsFailsAlone() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let kept = await withTaskGroup(of: Bool.self) { tasks in
            for number in 0..<300 {
                tasks.addTask {
                    let refusal = await code {
                        try await database.write { db in
                            try db.execute(
                                sql: "INSERT INTO conversation VALUES ('ann', ?, x'00', 1, 1)", arguments: ["\(number)"]
                            )
                            // What this one wrote before must go with it.
                            if number % 3 == 0 { throw GatehouseError(.invalidValue, "No.") }
                        }
                    }
                    #expect(refusal == (number % 3 == 0 ? .invalidValue : nil))
                    return refusal == nil
                }
            }
            return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(kept == 200)
        let count = try await database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM conversation") }
        #expect(count == 200)
    }

    @Test func aLockOfAnotherProgramIsToldAndForgotten() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let database = try SQLiteDatabase(path: path)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: path, configuration: configuration)
        let insert: @Sendable (Database) throws -> Void = { db in
            try db.execute(sql: "INSERT INTO conversation VALUES ('ann', '1', x'00', 1, 1)")
        }
        try await other.writeWithoutTransaction { db in
            try db.beginTransaction(.exclusive)
        }
        #expect(await code { try await database.write(insert) } == .storageBusy)
        try await other.writeWithoutTransaction { db in try db.rollback() }
        try await database.write(insert)
    }

    /// SQLite says that its disk is full: what was in the same transaction is not told to be kept.
    @Test func aFullDiskIsToldToAllAndForgotten() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        try await database.write { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "PRAGMA max_page_count = \(pages + 4)")
        }
        let insert: @Sendable (Database) throws -> Void = { db in
            try db.execute(sql: "INSERT INTO conversation VALUES ('ann', hex(randomblob(9)), zeroblob(100000), 1, 1)")
        }
        #expect(await code { try await database.write(insert) } == .insufficientStorage)
        try await database.write { db in try db.execute(sql: "PRAGMA max_page_count = 100000") }
        try await database.write(insert)
    }

    // MARK: From outside

    private func count(_ path: String) async throws -> Int? {
        let database = try SQLiteDatabase(path: path)
        defer { try? database.close() }
        return try await database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM conversation") }
    }

    private static let insert: @Sendable (Database) throws -> Void = { db in
        try db.execute(sql: "INSERT INTO conversation VALUES ('ann', hex(randomblob(8)), x'00', 1, 1)")
    }

    @Test func aBackupOfOneInUseCanBeRestoredOnceItIsNot() async throws {
        let directory = try TemporaryDirectory()
        let (path, copy) = (directory.path + "/a.db", directory.path + "/b.db")
        let database = try SQLiteDatabase(path: path)
        try await database.write(Self.insert)
        try SQLiteMaintenance.backup(path, to: copy)
        #expect(directory.mode(of: "b.db") == 0o600)
        #expect(directory.names.filter { $0.hasPrefix("b.db") } == ["b.db"])
        try await database.write(Self.insert)
        #expect(refusal { _ = try SQLiteMaintenance.restore(path, from: copy) } == .io)
        #expect(refusal { try SQLiteMaintenance.backup(path, to: copy) } == .unsafe)
        try database.close()
        let former = try #require(try SQLiteMaintenance.restore(path, from: copy))
        #expect(try await count(path) == 1)
        #expect(try await count(former) == 2)
    }

    @Test func whatIsNoBackupIsNotRestored() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let database = try SQLiteDatabase(path: path)
        try await database.write(Self.insert)
        try database.close()
        directory.write(String(repeating: "no database ", count: 1000), to: "b.db")
        #expect(refusal { _ = try SQLiteMaintenance.restore(path, from: directory.path + "/b.db") } == .io)
        #expect(refusal { _ = try SQLiteMaintenance.restore(path, from: directory.path + "/c.db") } == .io)
        #expect(try await count(path) == 1)
        #expect(directory.names.allSatisfy { !$0.contains("restored") })
    }

    @Test func stepsAreToldOnce() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.db"
        let first = try SQLiteMaintenance.migrate(path)
        #expect(first.known.isEmpty && first.taken.first == "1 files")
        #expect(try SQLiteMaintenance.migrate(path) == .init(known: first.taken, taken: []))
    }

    private func refusal(_ work: () throws -> Void) -> StoreError.Code? {
        do {
            try work()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }
}
