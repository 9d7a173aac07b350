package import NIOCore

/// Takes messages of `application/vnd.amazon.eventstream` out of bytes that come cut anywhere.
///
/// A message is a prelude (its own length, the headers' length, a checksum of both), headers, payload, and a checksum
/// of all before it; numbers are big-endian. It holds at most one message and what came behind it.
package struct EventStreamParser: Sendable {
    /// Bytes of one message, all told.
    package static let maximumMessage = 16 << 20
    private static let maximumHeaders = 128 << 10
    private static let prelude = 12
    private static let trailer = 4

    private var pending = ByteBuffer()
    /// The lengths of the message at the front, once its prelude was checked.
    private var lengths: (message: Int, headers: Int)?

    package init() {}

    /// Nothing is left of a message that is not whole.
    package var isAtBoundary: Bool { pending.readableBytes == 0 }

    package mutating func append(_ bytes: ByteBuffer) {
        guard pending.readableBytes > 0 else {
            pending = bytes
            return
        }
        pending.discardReadBytes()
        pending.writeImmutableBuffer(bytes)
    }

    /// The next whole message; `nil` until more bytes came.
    ///
    /// - Throws: `Failure(.protocol)` for a wrong checksum or length, `Failure(.outputTooLarge)` for a message beyond
    ///   the limit. The stream cannot be read on then.
    package mutating func next() throws(Failure) -> EventStreamMessage? {
        if lengths == nil { lengths = try readPrelude() }
        guard let lengths, pending.readableBytes >= lengths.message else { return nil }
        let body = lengths.message - Self.trailer
        let sum = CRC32.checksum(pending.readableBytesUInt8Span.extracting(0..<body))
        guard var message = pending.readSlice(length: lengths.message) else { return nil }
        self.lengths = nil
        message.moveReaderIndex(forwardBy: Self.prelude)
        guard var headers = message.readSlice(length: lengths.headers),
            let payload = message.readSlice(length: body - Self.prelude - lengths.headers),
            message.readInteger() == sum
        else { throw Failure(.protocol, detail: "event stream: wrong checksum of a message") }
        var found: [EventStreamHeader] = []
        while headers.readableBytes > 0 {
            guard let header = EventStreamHeader(from: &headers) else {
                throw Failure(.protocol, detail: "event stream: a header cannot be read")
            }
            found.append(header)
        }
        return EventStreamMessage(headers: found, payload: payload)
    }

    private func readPrelude() throws(Failure) -> (message: Int, headers: Int)? {
        let start = pending.readerIndex
        guard let message: UInt32 = pending.getInteger(at: start),
            let headers: UInt32 = pending.getInteger(at: start + 4),
            let sum: UInt32 = pending.getInteger(at: start + 8)
        else { return nil }
        guard CRC32.checksum(pending.readableBytesUInt8Span.extracting(0..<8)) == sum else {
            throw Failure(.protocol, detail: "event stream: wrong checksum of a prelude")
        }
        guard message <= Self.maximumMessage, headers <= Self.maximumHeaders else {
            throw Failure(.outputTooLarge, detail: "event stream: a message of \(message) bytes")
        }
        guard Int(message) >= Self.prelude + Int(headers) + Self.trailer else {
            throw Failure(.protocol, detail: "event stream: lengths contradict each other")
        }
        return (Int(message), Int(headers))
    }
}
