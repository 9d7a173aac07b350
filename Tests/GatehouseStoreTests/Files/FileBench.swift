import GatehouseCore
import Glibc
import NIOCore
import Synchronization

@testable import GatehouseStore

/// A store in a folder of its own, with a clock that is set.
final class FileBench: Sendable {
    let directory: TemporaryDirectory
    let store: DiskFileStore
    private let quota: FileQuota
    private let clock: Clock
    private let serial = Atomic<Int>(0)

    private final class Clock: Sendable {
        let seconds = Atomic<Int>(1000)
    }

    init(quota: FileQuota = FileQuota(bytes: 1 << 30, count: 1000, floor: 0)) throws {
        directory = try TemporaryDirectory()
        let clock = Clock()
        (self.quota, self.clock) = (quota, clock)
        store = try Self.open(directory, quota, clock)
    }

    private static func open(
        _ directory: TemporaryDirectory, _ quota: FileQuota, _ clock: Clock
    ) throws -> DiskFileStore {
        try DiskFileStore(
            database: SQLiteDatabase(path: directory.path + "/gatehouse.db"), folder: directory.path + "/files",
            quota: quota
        ) { clock.seconds.load(ordering: .relaxed) }
    }

    static func with(
        quota: FileQuota = FileQuota(bytes: 1 << 30, count: 1000, floor: 0),
        _ body: (FileBench) async throws -> Void
    ) async throws {
        try await body(FileBench(quota: quota))
    }

    /// Another store of the same database and folder.
    func reopened() throws -> DiskFileStore { try Self.open(directory, quota, clock) }

    var now: Int {
        get { clock.seconds.load(ordering: .relaxed) }
        set { clock.seconds.store(newValue, ordering: .relaxed) }
    }

    func record(
        _ name: String, owner: String = "ann", session: String? = nil, purpose: String = "user_data", ttl: Int? = nil
    ) -> FileRecord {
        let number = serial.wrappingAdd(1, ordering: .relaxed).newValue
        return FileRecord(
            id: "file-\(number)", owner: owner, session: session, name: name, mediaType: "text/plain",
            purpose: purpose, created: now, expires: ttl.map { now + $0 })
    }

    func keep(_ content: String, _ record: FileRecord, isUnique: Bool = false) async throws -> FileRecord {
        let draft = try await store.begin(owner: record.owner, atMost: content.utf8.count)
        try await draft.write(ByteBuffer(string: content))
        return try await draft.keep(record, isUnique: isUnique)
    }

    func keep(_ content: String, name: String, owner: String = "ann") async throws -> FileRecord {
        try await keep(content, record(name, owner: owner))
    }

    func text(_ record: FileRecord) async throws -> String? {
        guard let content = try await store.open(record) else { return nil }
        return String(buffer: try await content.read(at: 0, count: content.size))
    }

    var blobCount: Int {
        (0...255).reduce(0) { $0 + store.blobs.names(in: BlobFolder.hex([UInt8($1)])).count }
    }

    /// Puts a file where contents lie.
    func plant(_ name: String) {
        close(openat(store.blobs.descriptor, name, O_CREAT | O_WRONLY, 0o600))
    }
}

/// The code of what `work` throws; `nil` when it throws nothing.
func code(of work: () async throws -> Void) async -> GatehouseError.Code? {
    do {
        try await work()
        return nil
    } catch {
        return (error as? GatehouseError)?.code
    }
}
