package import GatehouseCore
import Glibc
package import NIOCore

/// Uploaded files: their contents below one folder, what is known of them in the database.
///
/// A content is on the disk before its row is, and its row is gone before it is. What a crash leaves behind is therefore a
/// content without a row, never a row without a content; the sweep finds it.
package final class DiskFileStore: FileStore {
    let database: SQLiteDatabase
    let blobs: BlobFolder
    let reservations = FileReservations()
    private let quota: FileQuota
    private let clock: @Sendable () -> Int

    /// - Parameters:
    ///   - folder: Absolute; it is made where it is not there.
    ///   - clock: Seconds since 1970.
    package init(
        database: SQLiteDatabase, folder: String, quota: FileQuota,
        clock: @escaping @Sendable () -> Int = { time(nil) }
    ) throws(StoreError) {
        self.database = database
        self.quota = quota
        self.clock = clock
        blobs = try BlobFolder(path: folder)
    }

    package func begin(owner: String, atMost size: Int) async throws(GatehouseError) -> any FileDraft {
        try await draft(owner, size) { [self] place throws(GatehouseError) in try DiskFileDraft(self, place) }
    }

    package func begin(
        owner: String, atMost size: Int, under name: String
    ) async throws(GatehouseError) -> any FileDraft {
        try await draft(owner, size) { [self] place throws(GatehouseError) in
            try DiskFileDraft(self, place, under: name, isNew: true)
        }
    }

    package func resume(
        owner: String, atMost size: Int, under name: String, _ read: (ByteBuffer) throws(GatehouseError) -> Void
    ) async throws(GatehouseError) -> any FileDraft {
        let draft = try await draft(owner, size) { [self] place throws(GatehouseError) in
            try DiskFileDraft(self, place, under: name, isNew: false)
        }
        while let piece = try await draft.reread() { try read(piece) }
        return draft
    }

    package func removeDraft(_ name: String) async {
        await BlockingWork.run { [blobs] in _ = blobs.remove(BlobFolder.draftName(name)) }
    }

    private func draft(
        _ owner: String, _ size: Int,
        _ make: @escaping @Sendable (FileReservations.Place) throws(GatehouseError) -> DiskFileDraft
    ) async throws(GatehouseError) -> DiskFileDraft {
        let place = FileReservations.Place(owner: owner, bytes: size)
        // First taken, then counted: of two that come at once none is overlooked.
        reservations.take(place)
        do throws(GatehouseError) {
            try await checkRoom(owner)
            return try await BlockingWork.run { () throws(GatehouseError) in try make(place) }
        } catch {
            reservations.giveBack(place)
            throw error
        }
    }

    private func checkRoom(_ owner: String) async throws(GatehouseError) {
        let kept = try await database.read { db in try FileTable.sum(of: owner, db) }
        let promised = reservations.sum(of: owner)
        guard kept.bytes + promised.bytes <= quota.bytes else {
            throw GatehouseError(
                .fileQuotaExceeded, "The files of this key would take more than \(quota.bytes) bytes. Delete some.")
        }
        guard kept.count + promised.count <= quota.count else {
            throw GatehouseError(
                .fileQuotaExceeded, "This key would have more than \(quota.count) files. Delete some.")
        }
        let floor = quota.floor
        let blobs = blobs
        let free = await BlockingWork.run { blobs.free }
        guard let free else { throw BlobFolder.error(EIO) }
        guard free - reservations.total >= floor else { throw SQLiteFailure.full }
    }

    package func find(_ id: String, owner: String) async throws(GatehouseError) -> FileRecord? {
        let now = clock()
        return try await database.read { db in try FileTable.find(id, owner: owner, now: now, db) }
    }

    package func find(
        named name: String, session: String, owner: String
    ) async throws(GatehouseError) -> FileRecord? {
        let now = clock()
        return try await database.read { db in
            try FileTable.find(named: name, session: session, owner: owner, now: now, db)
        }
    }

    package func list(_ query: FileQuery) async throws(GatehouseError) -> [FileRecord] {
        let now = clock()
        return try await database.read { db in try FileTable.list(query, now: now, db) }
    }

    package func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool {
        let blob = try await database.write { db in try FileTable.delete(id, owner: owner, db) }
        guard let blob else { return false }
        CrashPoint.reached("delete.forgotten")
        _ = try await removeUnreferenced([blob])
        return true
    }

    package func open(_ record: FileRecord) async throws(GatehouseError) -> (any FileContent)? {
        let name = BlobFolder.name(owner: record.owner, digest: record.digest)
        let blobs = blobs
        let opened = await BlockingWork.run { blobs.open(name) }
        guard let opened else { return nil }
        let content = DiskFileContent(opened.file, size: opened.size, path: blobs.path + "/" + name)
        guard opened.size == record.size else {
            throw GatehouseError(.storageUnavailable, "The file is damaged. Upload it again.")
        }
        return content
    }

    // MARK: Sweeping

    /// What one look through the store found and did.
    package struct Sweep: Sendable, Equatable {
        /// Files whose time was over, and those whose content was missing.
        package var expired = 0
        package var lost = 0
        /// Contents and drafts that belonged to no file.
        package var orphans = 0

        /// Whether there was anything to do.
        package var isWork: Bool { self != Sweep() }
    }

    /// Seconds that a content without a row is left alone: its row may be on its way.
    private static let mercy = 3600
    private static let piece = 200

    /// Removes what has run out, and what belongs to nothing any more, in both directions. To be called at the start and
    /// now and then.
    package func sweep() async throws(GatehouseError) -> Sweep {
        var sweep = Sweep()
        let now = clock()
        while true {
            let blobs = try await database.write { db in
                try FileTable.deleteExpired(now: now, atMost: Self.piece, db)
            }
            sweep.expired += blobs.count
            _ = try await removeUnreferenced(blobs)
            if blobs.count < Self.piece { break }
        }
        sweep.orphans = try await sweepOrphans(before: now - Self.mercy)
        sweep.lost = try await sweepLost()
        return sweep
    }

    /// Removes contents that no file has. Within the transaction in which that is seen: nobody else writes meanwhile.
    func removeUnreferenced(_ names: [String]) async throws(GatehouseError) -> Int {
        guard !names.isEmpty else { return 0 }
        return try await database.write { [blobs] db in
            var removed = 0
            for name in names where try !FileTable.isReferenced(name, db) {
                if blobs.remove(name) { removed += 1 }
            }
            return removed
        }
    }

    private func sweepOrphans(before limit: Int) async throws(GatehouseError) -> Int {
        var removed = 0
        for part in 0...255 {
            let old = await BlockingWork.run { [blobs] in
                blobs.names(in: BlobFolder.hex([UInt8(part)])).filter { blobs.age($0) ?? .max < limit }
            }
            for start in stride(from: 0, to: old.count, by: Self.piece) {
                removed += try await removeUnreferenced(Array(old[start..<min(start + Self.piece, old.count)]))
            }
        }
        let drafts = await BlockingWork.run { [blobs] in
            blobs.lastingDrafts().filter { blobs.age(BlobFolder.draftName($0)) ?? .max < limit }
        }
        for id in drafts {
            guard try await !database.read({ db in try FileTable.isUpload(id, db) }) else { continue }
            await removeDraft(id)
            removed += 1
        }
        return removed
            + (await BlockingWork.run { [blobs] in
                blobs.drafts().filter { blobs.age($0) ?? .max < limit && blobs.remove($0) }.count
            })
    }

    /// Rows whose content is not there any more can serve nobody.
    private func sweepLost() async throws(GatehouseError) -> Int {
        var lost = 0
        var last = ""
        while true {
            let start = last
            let names = try await database.read { db in
                try FileTable.blobs(after: start, atMost: Self.piece, db)
            }
            guard let end = names.last else { return lost }
            last = end
            let missing = await BlockingWork.run { [blobs] in names.filter { !blobs.exists($0) } }
            for name in missing {
                lost += try await database.write { [blobs] db in
                    blobs.exists(name) ? 0 : try FileTable.delete(blob: name, db)
                }
            }
        }
    }
}
