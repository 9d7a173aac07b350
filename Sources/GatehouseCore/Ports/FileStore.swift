package import NIOCore

/// A file that a caller uploaded, as it is kept.
package struct FileRecord: Sendable, Equatable {
    package var id: String
    /// The name of the key it belongs to.
    package var owner: String
    /// The caller's session that it was uploaded to; `nil` for none.
    package var session: String?
    /// As it is shown, made harmless.
    package var name: String
    package var mediaType: String
    package var size: Int
    /// SHA-256 of the content, in hexadecimal digits.
    package var digest: String
    /// OpenAI's word for what it is for.
    package var purpose: String
    /// Seconds since 1970; `expires` is `nil` for what is kept until it is deleted.
    package var created: Int
    package var expires: Int?

    package init(
        id: String, owner: String, session: String?, name: String, mediaType: String, purpose: String, created: Int,
        expires: Int?
    ) {
        self.id = id
        self.owner = owner
        self.session = session
        self.name = name
        self.mediaType = mediaType
        self.purpose = purpose
        self.created = created
        self.expires = expires
        size = 0
        digest = ""
    }
}

/// Which files of an owner are asked for, and in which order.
package struct FileQuery: Sendable, Equatable {
    package var owner: String
    package var session: String?
    package var purpose: String?
    /// The id of the last file of the page before.
    package var after: String?
    package var limit: Int
    package var isAscending: Bool

    package init(
        owner: String, session: String? = nil, purpose: String? = nil, after: String? = nil, limit: Int = 100,
        isAscending: Bool = false
    ) {
        self.owner = owner
        self.session = session
        self.purpose = purpose
        self.after = after
        self.limit = limit
        self.isAscending = isAscending
    }
}

/// How much of a disk may be used, and how much of it by one owner.
package struct FileQuota: Sendable, Equatable {
    /// Bytes and number of all files of one owner.
    package var bytes: Int
    package var count: Int
    /// Bytes that must stay free on the disk.
    package var floor: Int

    package init(bytes: Int, count: Int, floor: Int) {
        self.bytes = bytes
        self.count = count
        self.floor = floor
    }
}

/// Keeps uploaded files. An owner finds its own only: another's is to it as if it did not exist.
package protocol FileStore: AnyObject, Sendable {
    /// Makes room for a file that is about to come.
    ///
    /// - Parameters:
    ///   - size: The most bytes that it may have; they count for the owner until the draft has ended.
    /// - Throws: `file_quota_exceeded`, `insufficient_storage`, `storage_busy`, `storage_unavailable`.
    func begin(owner: String, atMost size: Int) async throws(GatehouseError) -> any FileDraft

    /// The same for a file that may come over a long time: what has been written outlives the process, under this name.
    func begin(owner: String, atMost size: Int, under name: String) async throws(GatehouseError) -> any FileDraft

    /// Goes on with such a file, and gives what there is of it to be read again.
    ///
    /// - Throws: `file_not_found` where there is none, and what `begin` throws.
    func resume(
        owner: String, atMost size: Int, under name: String, _ read: (ByteBuffer) throws(GatehouseError) -> Void
    ) async throws(GatehouseError) -> any FileDraft

    /// Removes what there is of such a file, where nobody brings it.
    func removeDraft(_ name: String) async

    /// `nil` where the owner has no such file, or has it no more.
    func find(_ id: String, owner: String) async throws(GatehouseError) -> FileRecord?

    /// The newest file of a session that has this name.
    func find(named name: String, session: String, owner: String) async throws(GatehouseError) -> FileRecord?

    /// - Throws: `file_not_found` where `after` is none of the owner's.
    func list(_ query: FileQuery) async throws(GatehouseError) -> [FileRecord]

    /// Whether there was one. Its content is gone when this returns, unless another file of the owner has the same.
    func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool

    /// The content; `nil` where there is no such file any more.
    func open(_ record: FileRecord) async throws(GatehouseError) -> (any FileContent)?
}

/// A file that is being taken in. Nobody sees it before it is kept.
package protocol FileDraft: AnyObject, Sendable {
    /// Bytes so far.
    var size: Int { get }

    func write(_ bytes: ByteBuffer) async throws(GatehouseError)

    /// When this returns, what was written survives a loss of power, where the draft has a name.
    func save() async throws(GatehouseError)

    /// Keeps the file: when this returns it survives a loss of power.
    ///
    /// - Parameter isUnique: Whether its name must be another than those of its session's other files; it is changed where
    ///   it is not.
    /// - Returns: The record with size, digest and the final name.
    func keep(_ record: FileRecord, isUnique: Bool) async throws(GatehouseError) -> FileRecord

    /// Forgets it. Without effect on one that was kept.
    func discard() async
}

/// A file that is being read. It stays whole while it is held, whatever happens to the file.
package protocol FileContent: AnyObject, Sendable {
    var size: Int { get }
    /// Where it lies on this host; for programs of this host only.
    var path: String { get }

    /// Up to `count` bytes from `offset`; fewer at the end.
    func read(at offset: Int, count: Int) async throws(GatehouseError) -> ByteBuffer
}
