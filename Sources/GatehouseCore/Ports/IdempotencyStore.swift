package import NIOCore

/// A call by the name that its caller gave it (`Idempotency-Key`).
package struct IdempotencyName: Sendable, Hashable {
    /// Bytes that a key may have.
    package static let keyLength = 1...255

    package let owner: String
    package let key: String

    package init(owner: String, key: String) {
        self.owner = owner
        self.key = key
    }
}

/// What is known of a named call.
package struct IdempotencyEntry: Sendable, Equatable {
    /// Of the request.
    package let digest: [UInt8]
    package let state: State

    package enum State: Sendable, Equatable {
        /// It began, and nobody knows how it ended.
        case begun
        /// It ended, and its answer is not kept.
        case lost
        case answered(head: ByteBuffer, body: ByteBuffer)
    }

    package init(digest: [UInt8], state: State) {
        self.digest = digest
        self.state = state
    }
}

/// Named calls and their answers, for as long as they are kept.
package protocol IdempotencyStore: AnyObject, Sendable {
    /// Bytes of the longest answer that is kept.
    var maximumSize: Int { get }

    /// A digest of a request that no other request has.
    func digest(of parts: [ByteBuffer]) -> [UInt8]

    func find(_ name: IdempotencyName, on eventLoop: any EventLoop) -> EventLoopFuture<IdempotencyEntry?>

    /// Says that a call begins; once this has succeeded that is known also after a crash. Fails where the name is known.
    func begin(_ name: IdempotencyName, digest: [UInt8], on eventLoop: any EventLoop) -> EventLoopFuture<Void>

    /// Keeps the answer of a call that has begun.
    ///
    /// - Parameters:
    ///   - body: `nil`: too long.
    ///   - onEnd: Called when it can be found, or never will be.
    func keep(_ name: IdempotencyName, head: ByteBuffer, body: ByteBuffer?, onEnd: @escaping @Sendable () -> Void)

    /// The call was not carried out: it may be made again.
    func forget(_ name: IdempotencyName, onEnd: @escaping @Sendable () -> Void)
}
