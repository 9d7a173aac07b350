import Crypto
import GatehouseCore
import Glibc
import NIOCore
import Synchronization

/// A file that is being taken in: written and hashed piece by piece, on threads that may wait for the disk.
final class DiskFileDraft: FileDraft {
    private struct State {
        var file: Int32
        /// Where it outlives the process, or the file system has no files without names.
        var name: String?
        var isLasting = false
        var size = 0
        var hash = SHA256()
        var isOver = false
    }

    private let store: DiskFileStore
    private let reservation: FileReservations.Place
    private let state: Mutex<State>

    init(_ store: DiskFileStore, _ reservation: FileReservations.Place) throws(GatehouseError) {
        self.store = store
        self.reservation = reservation
        let draft = try store.blobs.makeDraft()
        state = Mutex(State(file: draft.file, name: draft.name))
    }

    /// One that outlives the process: a new one, or what there is of it.
    init(
        _ store: DiskFileStore, _ reservation: FileReservations.Place, under id: String, isNew: Bool
    ) throws(GatehouseError) {
        self.store = store
        self.reservation = reservation
        let name = BlobFolder.draftName(id)
        state = Mutex(State(file: try store.blobs.openDraft(name, isNew: isNew), name: name, isLasting: true))
    }

    deinit {
        // Who lets go of it without a word has discarded it, unless somebody may come for it again.
        end(keepsLasting: true)
    }

    /// The next bytes of what is there already; `nil` at its end. They are hashed again, and written behind.
    func reread() async throws(GatehouseError) -> ByteBuffer? {
        try await BlockingWork.run { [self] () throws(GatehouseError) -> ByteBuffer? in
            try state.withLock { state throws(GatehouseError) -> ByteBuffer? in
                guard !state.isOver else { throw BlobFolder.error(EBADF) }
                var piece = ByteBuffer()
                let count = piece.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.piece) { space in
                    max(0, Glibc.read(state.file, space.baseAddress, Self.piece))
                }
                guard count > 0 else { return nil }
                piece.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
                state.size += count
                return piece
            }
        }
    }

    private static let piece = 256 << 10

    func save() async throws(GatehouseError) {
        try await BlockingWork.run { [self] () throws(GatehouseError) in
            try state.withLock { state throws(GatehouseError) in
                guard !state.isOver, fdatasync(state.file) == 0 else { throw BlobFolder.error(errno) }
            }
        }
    }

    var size: Int { state.withLock { $0.size } }

    func write(_ bytes: ByteBuffer) async throws(GatehouseError) {
        try await BlockingWork.run { [self] () throws(GatehouseError) in
            try state.withLock { state throws(GatehouseError) in
                guard !state.isOver else { throw BlobFolder.error(EBADF) }
                try bytes.withUnsafeReadableBytes { bytes throws(GatehouseError) in
                    try Self.write(bytes, to: state.file)
                    state.hash.update(bufferPointer: bytes)
                }
                state.size += bytes.readableBytes
            }
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to file: Int32) throws(GatehouseError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw BlobFolder.error(count == 0 ? ENOSPC : errno) }
            rest = rest.dropFirst(count)
        }
    }

    func keep(_ record: FileRecord, isUnique: Bool) async throws(GatehouseError) -> FileRecord {
        var record = record
        let (size, digest) = state.withLock { state in (state.size, BlobFolder.hex(Array(state.hash.finalize()))) }
        record.size = size
        record.digest = digest
        let final = record
        let blob = BlobFolder.name(owner: record.owner, digest: digest)
        try await BlockingWork.run { [self] () throws(GatehouseError) in
            try state.withLock { state throws(GatehouseError) in
                guard !state.isOver, fdatasync(state.file) == 0 else { throw BlobFolder.error(errno) }
                CrashPoint.reached("upload.synced")
                try store.blobs.link((state.file, state.name), as: blob)
                CrashPoint.reached("upload.linked")
            }
        }
        let kept = try await store.database.write { [self] db in
            // Its content may have been removed with the last file that had the same.
            if !store.blobs.exists(blob) {
                try state.withLock { state in try store.blobs.link((state.file, state.name), as: blob) }
            }
            return try FileTable.insert(final, blob: blob, isUnique: isUnique, db)
        }
        CrashPoint.reached("upload.kept")
        end()
        return kept
    }

    func discard() async {
        await BlockingWork.run { [self] in end() }
    }

    private func end(keepsLasting: Bool = false) {
        let (mustClose, file, name, isLasting) = state.withLock { state in
            defer { state.isOver = true }
            return (!state.isOver, state.file, state.name, state.isLasting)
        }
        guard mustClose else { return }
        close(file)
        if let name, !isLasting || !keepsLasting { store.blobs.remove(name) }
        store.reservations.giveBack(reservation)
    }
}
