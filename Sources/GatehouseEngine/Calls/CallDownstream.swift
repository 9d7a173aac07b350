package import GatehouseCore
package import NIOCore

/// Where a call's answer goes; confined to the call's event loop.
package protocol CallDownstream: AnyObject {
    /// Sends a whole response.
    func respond(_ head: CallResponseHead, body: ByteBuffer)
    /// Sends the head of a stream.
    func beginStream(_ head: CallResponseHead)
    /// Adds bytes of a stream; they may wait for `flush()`.
    func write(_ bytes: ByteBuffer)
    func flush()
    /// Ends a stream as its framing says.
    func endStream()
    /// Ends a stream so that the client must notice that it is not whole.
    func sever()
}

/// What the head of a response must say.
package struct CallResponseHead: Sendable {
    package var status: Int
    package var requestID: String
    /// The name of the target that answered, when there was one.
    package var provider: String?
    /// The model's name there.
    package var model: String?
    package var attempts: Int
    package var retryAfter: Int?
    /// Fields of the caller that the target did not see.
    package var dropped: [String] = []
    /// A stream is a JSON array, not server-sent events.
    package var isArray = false
    /// Of an answer that is neither JSON nor a stream of a dialect.
    package var contentType: String?
}

/// A request whose head and body are complete, from a caller who is known. A class, as everyone on the call's way looks
/// at it and none changes it; confined to the call's event loop.
package final class CallRequest {
    package let id: String
    package let operation: Operation
    package let principal: Principal
    package let snapshot: RoutingSnapshot
    package let body: ByteBuffer
    /// What the path says of model and stream, where it does.
    package var target: PathTarget?
    /// The caller's `anthropic-beta` values.
    package var betas: [String] = []
    /// Of the body, where it is not JSON.
    package var contentType: String?
    /// The caller showed that the request may be carried out twice (`Idempotency-Key`).
    package var mayRepeat = false
    /// What the answer's id is made of, where that must not be the call's own: a caller may show the same request id
    /// again and again.
    package var answerID: String?
    /// When its head came.
    package let start: NIODeadline

    package init(
        id: String, operation: Operation, principal: Principal, snapshot: RoutingSnapshot, body: ByteBuffer,
        start: NIODeadline
    ) {
        self.id = id
        self.operation = operation
        self.principal = principal
        self.snapshot = snapshot
        self.body = body
        self.start = start
    }
}
