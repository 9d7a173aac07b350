package import GatehouseCore
import Synchronization

/// Uploads that come in several requests: what a broken connection or an earlier process brought stays, and the next request
/// goes on behind it.
package final class ResumableUploads: Sendable {
    /// Uploads of one key, and seconds that one waits for its next request.
    private static let perOwner = 20
    package static let patience = 3600

    private let service: FileService
    private let store: any UploadStore
    /// Those that somebody came for since the process began.
    private let uploads = Mutex<[String: ResumableUpload]>([:])

    package init(_ service: FileService, store: any UploadStore) {
        self.service = service
        self.store = store
    }

    package var maximumSize: Int { service.settings.maximumSize }

    /// When an upload that nobody comes for ends, in seconds since 1970.
    package func end() -> Int { service.clock() + Self.patience }

    /// Begins an upload of `length` bytes.
    package func begin(
        _ plan: UploadPlan, length: Int, purpose: String
    ) async throws(GatehouseError) -> ResumableUpload {
        var record = UploadRecord(
            id: RandomLetters.make(26), owner: plan.owner, name: plan.name, length: length, purpose: purpose,
            used: service.clock())
        (record.session, record.declaredType) = (plan.session, plan.declaredType)
        try await store.begin(record, atMost: Self.perOwner)
        let upload = ResumableUpload(service, store, record)
        do throws(GatehouseError) {
            try await upload.begin()
        } catch {
            try? await store.delete(record.id)
            throw error
        }
        uploads.withLock { $0[upload.id] = upload }
        return upload
    }

    /// One of the owner's; `nil` where it has none of this id, or no more.
    package func find(_ id: String, owner: String) async throws(GatehouseError) -> ResumableUpload? {
        if let upload = known(id) {
            guard upload.owner == owner else { return nil }
            try await upload.open()
            return upload
        }
        guard let record = try await store.find(id, owner: owner),
            record.used > service.clock() - Self.patience
        else { return nil }
        let found = ResumableUpload(service, store, record)
        // Of two that come for it at once both get the same.
        let upload = uploads.withLock { uploads in
            if let other = uploads[id] { return other }
            uploads[id] = found
            return found
        }
        do throws(GatehouseError) {
            try await upload.open()
        } catch {
            // Nothing has come of it yet that could be in the way of a new look.
            if error.code != .uploadConflict { uploads.withLock { _ = $0.removeValue(forKey: id) } }
            if error.code == .fileNotFound { return nil }
            throw error
        }
        return upload
    }

    private func known(_ id: String) -> ResumableUpload? { uploads.withLock { $0[id] } }

    /// Forgets an upload; a file that was kept stays.
    package func remove(_ upload: ResumableUpload) async throws(GatehouseError) {
        uploads.withLock { _ = $0.removeValue(forKey: upload.id) }
        await upload.abandon()
        try await forget(upload.id)
    }

    /// The row goes first: what a crash leaves behind is a file that belongs to nothing, which the store sweeps.
    private func forget(_ id: String) async throws(GatehouseError) {
        try await store.delete(id)
        await service.store.removeDraft(id)
    }

    /// Forgets those that nobody has come for. To be called at the start and now and then.
    package func sweep() async throws(GatehouseError) {
        let time = service.clock() - Self.patience
        for upload in uploads.withLock({ Array($0.values) }) where await upload.isForgotten(since: time) {
            try await remove(upload)
        }
        for id in try await store.forgotten(since: time) where known(id) == nil { try await forget(id) }
    }
}
