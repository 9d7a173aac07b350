package import NIOCore

/// Keeps conversations under the ids of the answers that ended them, for callers that go on from an answer by naming it.
///
/// An owner finds its own conversations only: another's is to it as if it did not exist.
package protocol ConversationStore: AnyObject, Sendable {
    /// Bytes of the largest conversation that is kept; 0 when none is.
    var maximumSize: Int { get }

    /// The conversation that ended with this answer, as JSON; `nil` when there is none, or no more.
    ///
    /// - Parameter eventLoop: Where the future is fulfilled; whoever asks is on it.
    func conversation(_ id: String, owner: String, on eventLoop: any EventLoop) -> EventLoopFuture<ByteBuffer?>

    /// Keeps a conversation. It is found from the moment this returns: a store that writes elsewhere writes behind.
    func keep(_ conversation: ByteBuffer, id: String, owner: String)

    /// Somebody goes on from a conversation that was found elsewhere.
    func touch(_ id: String, owner: String)

    /// It is not found any more from the moment this returns.
    func forget(_ id: String, owner: String)

    /// The same, and waits until it is gone from the disk as well.
    func delete(_ id: String, owner: String) async throws(GatehouseError)
}

extension ConversationStore {
    package func touch(_ id: String, owner: String) {}
    package func forget(_ id: String, owner: String) {}
    package func delete(_ id: String, owner: String) async throws(GatehouseError) { forget(id, owner: owner) }
}
