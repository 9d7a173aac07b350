package import GatehouseCore
package import NIOCore

/// An upload that comes in several requests. What has come of it is in a file under its id, which outlives the process: who
/// comes for it again goes on behind that.
package actor ResumableUpload {
    package nonisolated let id: String
    package nonisolated let owner: String
    package nonisolated let length: Int
    private let service: FileService
    private let store: any UploadStore
    private var record: UploadRecord
    private var upload: FileUpload?
    private var isBusy = false
    private var isOpen = false
    /// Bytes that are here.
    package private(set) var offset = 0
    private var failure: GatehouseError?

    init(_ service: FileService, _ store: any UploadStore, _ record: UploadRecord) {
        self.service = service
        self.store = store
        self.record = record
        id = record.id
        owner = record.owner
        length = record.length
    }

    /// The file that it has become.
    package var file: String? { record.file }

    private var plan: UploadPlan {
        UploadPlan(
            owner: record.owner, session: record.session, name: record.name, declaredType: record.declaredType,
            length: record.length)
    }

    /// Begins it.
    func begin() async throws(GatehouseError) {
        upload = try await service.begin(plan, under: id)
        isOpen = true
    }

    /// Goes on with one that another process had begun. What has come is read again: nothing of it was looked at here.
    func open() async throws(GatehouseError) {
        guard !isOpen else { return }
        guard !isBusy else { throw Self.busy }
        isBusy = true
        defer { isBusy = false }
        if record.file != nil {
            offset = length
        } else {
            let (upload, size) = try await service.resume(plan, under: id)
            self.upload = upload
            offset = size
            // The process ended between its last byte and its row.
            if offset == length { try await settle() }
        }
        isOpen = true
    }

    private static let busy = GatehouseError(
        .uploadConflict, "Another request brings this upload.", param: "upload-offset", retryAfter: 1)

    /// Whether a request may go on from `offset`; `pause` must follow then.
    ///
    /// - Throws: `upload_conflict` where another one is at it, or the upload is elsewhere.
    package func resume(at offset: Int) throws(GatehouseError) {
        if let failure { throw failure }
        guard !isBusy else { throw Self.busy }
        guard offset == self.offset, file == nil else {
            throw GatehouseError(
                .uploadConflict, "The upload is at \(self.offset), not there.", param: "upload-offset")
        }
        isBusy = true
    }

    /// Takes the next bytes.
    package func take(_ bytes: ByteBuffer) async throws(GatehouseError) {
        do throws(GatehouseError) {
            guard offset + bytes.readableBytes <= length else {
                throw GatehouseError(.fileTooLarge, "More came than Upload-Length says.", param: "upload-length")
            }
            try await upload?.take(bytes)
            offset += bytes.readableBytes
        } catch {
            // Too much says nothing of what came before it.
            if error.code != .fileTooLarge { await fail(error) }
            throw error
        }
    }

    /// The request is over. What has come is on the disk when this returns; where that is all, the file is kept.
    package func pause() async throws(GatehouseError) {
        defer { isBusy = false }
        try await settle()
    }

    private func settle() async throws(GatehouseError) {
        guard file == nil, let upload else { return }
        do throws(GatehouseError) {
            if offset == length {
                record.file = try await upload.keep(purpose: record.purpose, isUnique: true).id
                self.upload = nil
            } else {
                try await upload.save()
            }
            record.used = service.clock()
            try await store.keep(record)
        } catch {
            await fail(error)
            throw error
        }
    }

    private func fail(_ error: GatehouseError) async {
        failure = error
        await upload?.abandon(error.code)
        upload = nil
    }

    func abandon() async {
        await upload?.abandon()
        upload = nil
    }

    /// Nobody has come for it for so long.
    func isForgotten(since time: Int) -> Bool { !isBusy && record.used <= time }
}
