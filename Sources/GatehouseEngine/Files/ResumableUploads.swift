package import GatehouseCore
package import NIOCore
import Synchronization

/// Uploads that come in several requests: what a broken connection brought stays, and the next request goes on behind it.
/// They live in this process: after a restart they are begun anew.
package final class ResumableUploads: Sendable {
    /// One of them.
    package actor Upload {
        package nonisolated let id: String
        package nonisolated let owner: String
        package nonisolated let length: Int
        private let service: FileService
        private let plan: UploadPlan
        private let purpose: String
        private var upload: FileUpload?
        private var isBusy = false
        private(set) var used: Int
        /// Bytes that are here.
        package private(set) var offset = 0
        package private(set) var file: FileRecord?
        private var failure: GatehouseError?

        init(_ service: FileService, _ plan: UploadPlan, length: Int, purpose: String, id: String) {
            self.service = service
            self.plan = plan
            self.purpose = purpose
            self.length = length
            self.id = id
            owner = plan.owner
            used = service.clock()
        }

        func begin() async throws(GatehouseError) { upload = try await service.begin(plan) }

        /// Whether a request may go on from `offset`; `pause` must follow then.
        ///
        /// - Throws: `upload_conflict` where another one is at it, or the upload is elsewhere.
        package func resume(at offset: Int) throws(GatehouseError) {
            if let failure { throw failure }
            guard !isBusy, offset == self.offset, file == nil else {
                throw GatehouseError(
                    .uploadConflict,
                    isBusy ? "Another request brings this upload." : "The upload is at \(self.offset), not there.",
                    param: "upload-offset")
            }
            isBusy = true
            used = service.clock()
        }

        /// Takes the next bytes.
        package func take(_ bytes: ByteBuffer) async throws(GatehouseError) {
            guard offset + bytes.readableBytes <= length else {
                throw GatehouseError(.fileTooLarge, "More came than Upload-Length says.", param: "upload-length")
            }
            do throws(GatehouseError) {
                try await upload?.take(bytes)
                offset += bytes.readableBytes
                used = service.clock()
            } catch {
                await fail(error)
                throw error
            }
        }

        /// The request is over; where all has come, the file is kept.
        package func pause() async throws(GatehouseError) {
            isBusy = false
            guard offset == length, file == nil, let upload else { return }
            do throws(GatehouseError) {
                file = try await upload.keep(purpose: purpose, isUnique: true)
                self.upload = nil
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
        func isForgotten(since time: Int) -> Bool { !isBusy && used <= time }
    }

    /// Uploads of one key, and seconds that one waits for its next request.
    private static let perOwner = 20
    package static let patience = 3600

    private let service: FileService
    private let uploads = Mutex<[String: Upload]>([:])

    package init(_ service: FileService) {
        self.service = service
    }

    package var maximumSize: Int { service.settings.maximumSize }

    /// When an upload that nobody comes for ends, in seconds since 1970.
    package func end() -> Int { service.clock() + Self.patience }

    /// Begins an upload of `length` bytes.
    package func begin(_ plan: UploadPlan, length: Int, purpose: String) async throws(GatehouseError) -> Upload {
        guard uploads.withLock({ $0.values.count { $0.owner == plan.owner } }) < Self.perOwner else {
            throw GatehouseError(
                .fileQuotaExceeded, "This key has \(Self.perOwner) uploads on their way. End or abandon some.")
        }
        let upload = Upload(service, plan, length: length, purpose: purpose, id: RandomLetters.make(26))
        try await upload.begin()
        uploads.withLock { $0[upload.id] = upload }
        return upload
    }

    /// One of the owner's.
    package func find(_ id: String, owner: String) -> Upload? {
        uploads.withLock { uploads in uploads[id].flatMap { $0.owner == owner ? $0 : nil } }
    }

    /// Forgets an upload; a file that was kept stays.
    package func remove(_ upload: Upload) async {
        uploads.withLock { _ = $0.removeValue(forKey: upload.id) }
        await upload.abandon()
    }

    /// Forgets those that nobody has come for. To be called now and then.
    package func sweep() async {
        let time = service.clock() - Self.patience
        for upload in uploads.withLock({ Array($0.values) }) where await upload.isForgotten(since: time) {
            await remove(upload)
        }
    }
}
