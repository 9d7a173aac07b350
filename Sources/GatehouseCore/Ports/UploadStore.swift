/// An upload that comes in several requests, as it is kept beside what has come of it.
package struct UploadRecord: Sendable, Equatable {
    package var id: String
    /// The name of the key it belongs to.
    package var owner: String
    package var session: String?
    /// As the caller wrote it.
    package var name: String
    package var declaredType: String?
    package var length: Int
    package var purpose: String
    /// Seconds since 1970 when somebody last came for it.
    package var used: Int
    /// The file that it has become.
    package var file: String?

    package init(id: String, owner: String, name: String, length: Int, purpose: String, used: Int) {
        self.id = id
        self.owner = owner
        self.name = name
        self.length = length
        self.purpose = purpose
        self.used = used
    }
}

/// Keeps what is known of uploads on their way. An owner finds its own only.
package protocol UploadStore: AnyObject, Sendable {
    /// - Throws: `file_quota_exceeded` where the owner has `limit` of them that are not whole.
    func begin(_ record: UploadRecord, atMost limit: Int) async throws(GatehouseError)

    func find(_ id: String, owner: String) async throws(GatehouseError) -> UploadRecord?

    /// Somebody has come for it, or it has become a file.
    func keep(_ record: UploadRecord) async throws(GatehouseError)

    func delete(_ id: String) async throws(GatehouseError)

    /// Ids of those that nobody has come for since.
    func forgotten(since time: Int) async throws(GatehouseError) -> [String]
}
