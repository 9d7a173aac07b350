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
    package var attempts = 0
    /// The session that the target's files are kept with, where it may make some.
    package var artifacts: String?
    /// The run that goes on without the caller.
    package var run: String?
    package var retryAfter: Int?
    /// Fields of the caller that the target did not see.
    package var dropped: [String] = []
    /// The caller's budgets that are nearly spent.
    package var budgetWarnings: [String] = []
    /// A stream is a JSON array, not server-sent events.
    package var isArray = false
    /// What is left of the caller's limits, where it has some.
    package var limits: RateLimitStatus?
    /// What the cache had to do with it; `nil` where there is none.
    package var cache: CacheOutcome?
    /// It was given before, to a request of the same name.
    package var isReplayed = false
    /// Of an answer that is neither JSON nor a stream of a dialect.
    package var contentType: String?

    package init(status: Int, requestID: String) {
        self.status = status
        self.requestID = requestID
    }
}
