package import GatehouseCore

/// What is taken of uploads.
package struct FileSettings: Sendable, Equatable {
    /// Bytes of one file.
    package var maximumSize: Int
    /// Endings of names, lower-case, with their dot.
    package var endings: [String]
    /// Seconds that a file is kept.
    package var ttl: Int

    package init(maximumSize: Int, endings: [String], ttl: Int) {
        self.maximumSize = maximumSize
        self.endings = endings
        self.ttl = ttl
    }
}

/// A file that a caller wants to upload, before its first byte.
package struct UploadPlan: Sendable {
    package var owner: String
    package var session: String?
    /// As the caller wrote it.
    package var name: String
    package var declaredType: String?
    /// Bytes that it has, or has at most, where the caller said so.
    package var length: Int?

    package init(owner: String, session: String? = nil, name: String, declaredType: String? = nil, length: Int? = nil) {
        self.owner = owner
        self.session = session
        self.name = name
        self.declaredType = declaredType
        self.length = length
    }
}

/// Takes uploads: what their names, types and contents must be, and how long they are kept.
package final class FileService: Sendable {
    /// What a content is by its first bytes, as a media type; called with at most 4 KiB. It may wait for a disk.
    package typealias Sniffer = @Sendable ([UInt8]) async -> String?

    package let store: any FileStore
    package let settings: FileSettings
    let sniff: Sniffer
    let clock: @Sendable () -> Int
    private let rules: FileRules
    private let onEnd: @Sendable (GatehouseError.Code?) -> Void

    /// - Parameters:
    ///   - clock: Seconds since 1970.
    ///   - onEnd: Called once for each upload that was begun, with why it was not kept.
    package init(
        store: any FileStore, settings: FileSettings, sniff: @escaping Sniffer, clock: @escaping @Sendable () -> Int,
        onEnd: @escaping @Sendable (GatehouseError.Code?) -> Void = { _ in }
    ) {
        self.store = store
        self.settings = settings
        self.sniff = sniff
        self.clock = clock
        self.onEnd = onEnd
        rules = FileRules(endings: settings.endings)
    }

    /// Begins an upload. All that can be told before the content is told here.
    ///
    /// - Throws: `invalid_filename`, `file_type_not_allowed`, `type_mismatch`, `file_too_large`, and what the store throws.
    ///
    /// - Parameter draft: The name under which what has come outlives the process; `nil` where it need not.
    package func begin(_ plan: UploadPlan, under draft: String? = nil) async throws(GatehouseError) -> FileUpload {
        do throws(GatehouseError) {
            let (name, type, size) = try admit(plan)
            let file =
                if let draft {
                    try await store.begin(owner: plan.owner, atMost: size, under: draft)
                } else {
                    try await store.begin(owner: plan.owner, atMost: size)
                }
            return FileUpload(self, file, plan, ContentCheck(type, name: name), type, name, limit: size)
        } catch {
            onEnd(error.code)
            throw error
        }
    }

    /// Goes on with an upload that an earlier process began; gives how much of it is here.
    ///
    /// - Throws: `file_not_found` where nothing is here, and what `begin` throws.
    func resume(
        _ plan: UploadPlan, under draft: String
    ) async throws(GatehouseError) -> (upload: FileUpload, size: Int) {
        let (name, type, size) = try admit(plan)
        var check = ContentCheck(type, name: name)
        let file = try await store.resume(owner: plan.owner, atMost: size, under: draft) {
            bytes throws(GatehouseError) in try check.take(bytes)
        }
        return (FileUpload(self, file, plan, check, type, name, limit: size), file.size)
    }

    private func admit(_ plan: UploadPlan) throws(GatehouseError) -> (FileName, FileType, Int) {
        let name = try FileName(plan.name)
        let type = try rules.admit(name, declaredType: plan.declaredType)
        let size = plan.length ?? settings.maximumSize
        guard size <= settings.maximumSize else { throw tooLarge }
        return (name, type, size)
    }

    var tooLarge: GatehouseError {
        GatehouseError(.fileTooLarge, "The file is larger than \(settings.maximumSize) bytes.", param: "file")
    }

    func ended(_ code: GatehouseError.Code?) { onEnd(code) }

    /// Seconds since 1970 when a file ends that is uploaded now.
    ///
    /// - Parameter wish: Seconds that the caller wants it to be kept; longer than all others it is not.
    func end(wish: Int?) -> Int { clock() + min(wish ?? settings.ttl, settings.ttl) }

    /// An id that nobody guesses.
    static func makeID() -> String { FileReferences.prefix + RandomLetters.make(24) }
}
