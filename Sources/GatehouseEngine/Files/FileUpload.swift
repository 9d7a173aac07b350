package import GatehouseCore
package import NIOCore

/// One file on its way in. It is used by one task; whoever drops it has abandoned it.
package final class FileUpload {
    private let service: FileService
    private let draft: any FileDraft
    private let plan: UploadPlan
    private let type: FileType
    private let name: FileName
    private let limit: Int
    private var check: ContentCheck
    /// What was taken and is not written yet: small pieces go together.
    private var pending = ByteBuffer()
    private var taken = 0
    private var isOver = false

    private static let piece = 64 << 10

    init(
        _ service: FileService, _ draft: any FileDraft, _ plan: UploadPlan, _ check: ContentCheck, _ type: FileType,
        _ name: FileName, limit: Int
    ) {
        self.service = service
        self.draft = draft
        self.plan = plan
        self.check = check
        self.type = type
        self.name = name
        self.limit = limit
        taken = draft.size
    }

    /// Takes the next bytes of the content; returns when more may come.
    ///
    /// - Throws: `file_too_large`, `type_mismatch`, and what the disk throws.
    package func take(_ bytes: ByteBuffer) async throws(GatehouseError) {
        taken += bytes.readableBytes
        guard taken <= limit else { throw service.tooLarge }
        try check.take(bytes)
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
        if pending.readableBytes >= Self.piece { try await flush() }
    }

    private func flush() async throws(GatehouseError) {
        guard pending.readableBytes > 0 else { return }
        try await draft.write(pending)
        pending = ByteBuffer()
    }

    /// What has come is on the disk when this returns.
    package func save() async throws(GatehouseError) {
        try await flush()
        try await draft.save()
    }

    /// Keeps the file; when this returns it survives a loss of power.
    ///
    /// - Parameters:
    ///   - session: The caller's session, where it is not that of the plan.
    ///   - seconds: How long the caller wants it to be kept.
    ///   - isUnique: Whether it gets another name where its session has a file of this name.
    package func keep(
        purpose: String, session: String? = nil, seconds: Int? = nil, isUnique: Bool = false
    ) async throws(GatehouseError) -> FileRecord {
        do throws(GatehouseError) {
            try await flush()
            try check.finish(sniffed: await service.sniff(check.head))
            let record = FileRecord(
                id: FileService.makeID(), owner: plan.owner, session: session ?? plan.session, name: name.text,
                mediaType: type.mediaType, purpose: purpose, created: service.clock(),
                expires: service.end(wish: seconds))
            let kept = try await draft.keep(record, isUnique: isUnique)
            end(nil)
            return kept
        } catch {
            await abandon(error.code)
            throw error
        }
    }

    /// Forgets what came, because of an error or because the caller left.
    package func abandon(_ code: GatehouseError.Code = .requestTimeout) async {
        guard !isOver else { return }
        await draft.discard()
        end(code)
    }

    private func end(_ code: GatehouseError.Code?) {
        guard !isOver else { return }
        isOver = true
        service.ended(code)
    }
}
