import NIOCore

/// Reads the response to one POST as its bytes arrive, HTTP/1.1 or 1.0 (RFC 9112), as strictly as is wanted of a
/// client: what two readers could understand in two ways is refused.
///
/// Bytes are given with `receive`, and then `next` is called until it has nothing more. However they are cut, the same
/// comes out; only bodies come in other pieces.
struct HTTPResponseReader {
    enum Event {
        /// The final head is known: see `head`. Interim responses are skipped (RFC 9110 §15.2).
        case head
        /// Some of the body, never empty.
        case body(ByteBuffer)
        /// The response is over: see `isReusable`.
        case end
    }

    private enum Phase {
        case statusLine
        case fields
        /// Bytes of a body of known length that are still to come.
        case length(Int)
        case untilClose
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        case complete
        case ended
        case failed(HTTPResponseError)
    }

    /// Bytes of all heads and of the trailers.
    static let maximumHead = 64 << 10
    /// Fields of the head and of the trailers.
    static let maximumFields = 200
    /// Bytes of the line with a chunk's size and extensions.
    static let maximumChunkLine = 1 << 10
    /// Chunks that came together are joined up to this size: beyond it copying costs more than handing on twice.
    static let maximumJoined = 16 << 10

    private(set) var head = HTTPReplyHead()
    private var framing = HTTPResponseFraming()
    private var phase = Phase.statusLine
    private var buffer = ByteBuffer()
    /// How much of `buffer` has been looked at without finding the end of a line.
    private var scanned = 0
    private var headBytes = 0
    private var fields = 0

    /// Whether the response ends when the connection does (RFC 9112 §6.3).
    var endsAtClose: Bool {
        if case .untilClose = phase { true } else { false }
    }

    /// After the end: whether the connection can serve again. It cannot when bytes came that nobody asked for.
    var isReusable: Bool {
        if case .ended = phase { framing.keepsAlive && buffer.readableBytes == 0 } else { false }
    }

    /// The head, once: it is handed on without being copied.
    mutating func takeHead() -> HTTPReplyHead {
        var taken = HTTPReplyHead()
        swap(&taken, &head)
        return taken
    }

    mutating func receive(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        // What has been read must not pile up before a line that is always cut.
        if buffer.readerIndex > 0 { buffer.discardReadBytes() }
        buffer.writeImmutableBuffer(bytes)
    }

    /// What comes next; `nil` when more bytes are needed, and after the end. After an error there is only that error.
    mutating func next() throws(HTTPResponseError) -> Event? {
        do throws(HTTPResponseError) {
            if let event = try step() { return event }
        } catch {
            phase = .failed(error)
            throw error
        }
        // The channel can use its buffer again when nobody else has it.
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        return nil
    }

    private mutating func step() throws(HTTPResponseError) -> Event? {
        switch phase {
        case .statusLine, .fields:
            return try readHead() ? .head : nil
        case .length(let left):
            guard let bytes = take(left) else { return nil }
            phase = left == bytes.readableBytes ? .complete : .length(left - bytes.readableBytes)
            return .body(bytes)
        case .untilClose:
            return take(.max).map { .body($0) }
        case .chunkSize, .chunk, .chunkEnd, .trailers:
            if let bytes = try readChunks() { return .body(bytes) }
            guard case .complete = phase else { return nil }
        case .complete: break
        case .ended: return nil
        case .failed(let error): throw error
        }
        phase = .ended
        return .end
    }

    private mutating func take(_ limit: Int) -> ByteBuffer? {
        let count = min(limit, buffer.readableBytes)
        return count > 0 ? buffer.readSlice(length: count) : nil
    }

    // MARK: Heads

    /// - Returns: Whether the final head is complete.
    private mutating func readHead() throws(HTTPResponseError) -> Bool {
        // Held beside `self`, so that all of the head is read from one view of it.
        let held = buffer
        let bytes = held.readableBytesUInt8Span
        var start = 0
        var isFinal = false
        while !isFinal {
            if case .statusLine = phase, !HTTPResponseFraming.mayBeStatusLine(bytes, at: start) { throw .statusLine }
            guard let line = try nextLine(bytes, at: start, limit: Self.maximumHead - headBytes) else { break }
            if case .statusLine = phase {
                try framing.readStatusLine(bytes, line)
                phase = .fields
            } else if !line.isEmpty {
                let (name, value) = try readField(bytes, line)
                if try !framing.add(name, value, of: bytes) { head.add(name, value, of: bytes) }
            } else {
                isFinal = try endHead()
            }
            headBytes += line.count + 2
            start = line.upperBound + 2
        }
        buffer.moveReaderIndex(forwardBy: start)
        return isFinal
    }

    private mutating func readField(
        _ bytes: Span<UInt8>, _ line: Range<Int>
    ) throws(HTTPResponseError) -> (name: Range<Int>, value: Range<Int>) {
        fields += 1
        guard fields <= Self.maximumFields else { throw .tooLarge }
        return try HTTPLine.field(bytes, line)
    }

    /// Decides how the body is delimited (RFC 9112 §6.3).
    ///
    /// - Returns: Whether this was the final head.
    private mutating func endHead() throws(HTTPResponseError) -> Bool {
        if framing.isChunked, framing.contentLength != nil { throw .bothLengths }
        head.status = framing.status
        switch framing.status {
        // Nothing was offered that could be switched to.
        case 101: throw .switchedProtocols
        case 100..<200:
            (head, framing, phase, fields) = (HTTPReplyHead(), HTTPResponseFraming(), .statusLine, 0)
            return false
        case 204, 304: phase = .complete
        default:
            if framing.isChunked {
                phase = .chunkSize
            } else if let length = framing.contentLength {
                phase = length > 0 ? .length(length) : .complete
            } else {
                phase = .untilClose
            }
        }
        return true
    }

    // MARK: Chunks

    /// The payloads of the chunks that are there, joined when they are small: each piece costs whoever takes it more
    /// than copying it costs here.
    private mutating func readChunks() throws(HTTPResponseError) -> ByteBuffer? {
        var payload: ByteBuffer?
        var isCopy = false
        do throws(HTTPResponseError) {
            while let left = try nextChunk() {
                let count = min(left, buffer.readableBytes)
                if let payload, payload.readableBytes + count > Self.maximumJoined { break }
                guard let piece = take(count) else { break }
                phase = left == count ? .chunkEnd : .chunk(left - count)
                guard var all = payload else {
                    payload = piece
                    continue
                }
                payload = nil
                if !isCopy {
                    isCopy = true
                    all = Self.copy(all, room: min(Self.maximumJoined, count + buffer.readableBytes))
                }
                all.writeImmutableBuffer(piece)
                payload = all
            }
        } catch {
            // What came before the error is whole.
            guard payload != nil else { throw error }
            phase = .failed(error)
        }
        return payload
    }

    private static func copy(_ bytes: ByteBuffer, room: Int) -> ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: bytes.readableBytes + room)
        copy.writeImmutableBuffer(bytes)
        return copy
    }

    /// Goes on to the payload of a chunk (RFC 9112 §7.1).
    ///
    /// - Returns: How much of it is to come; `nil` when none of it is there yet, or after the last chunk.
    private mutating func nextChunk() throws(HTTPResponseError) -> Int? {
        if case .chunk(let left) = phase { return buffer.readableBytes > 0 ? left : nil }
        let held = buffer
        let bytes = held.readableBytesUInt8Span
        var start = 0
        if case .chunkEnd = phase {
            if bytes.count > 0, bytes[0] != 0x0D { throw .chunkEnd }
            guard bytes.count > 1 else { return nil }
            guard bytes[1] == 0x0A else { throw .chunkEnd }
            start = 2
            phase = .chunkSize
        }
        if case .chunkSize = phase, let line = try nextLine(bytes, at: start, limit: Self.maximumChunkLine) {
            let size = try HTTPLine.chunkSize(bytes, line)
            start = line.upperBound + 2
            phase = size > 0 ? .chunk(size) : .trailers
        }
        if case .trailers = phase { start = try readTrailers(bytes, from: start) }
        buffer.moveReaderIndex(forwardBy: start)
        if case .chunk(let left) = phase, buffer.readableBytes > 0 { return left }
        return nil
    }

    /// Skips the trailers: the gateway reads none.
    ///
    /// - Returns: Where in `bytes` the first line begins that is not complete.
    private mutating func readTrailers(_ bytes: Span<UInt8>, from start: Int) throws(HTTPResponseError) -> Int {
        var start = start
        while let line = try nextLine(bytes, at: start, limit: Self.maximumHead - headBytes) {
            headBytes += line.count + 2
            start = line.upperBound + 2
            if line.isEmpty {
                phase = .complete
                break
            }
            let (name, _) = try readField(bytes, line)
            guard !HTTPResponseFraming.isFraming(name, of: bytes) else { throw .trailer }
        }
        return start
    }

    /// The line at `start`, which may be `limit` bytes with its end; `nil` when its end has not come.
    private mutating func nextLine(
        _ bytes: Span<UInt8>, at start: Int, limit: Int
    ) throws(HTTPResponseError) -> Range<Int>? {
        try HTTPLine.next(bytes, at: start, scanned: &scanned, limit: limit)
    }
}

/// Why a response is refused.
enum HTTPResponseError: String, Error {
    case statusLine = "not an HTTP status line"
    case version = "HTTP version is not 1.0 or 1.1"
    case lineEnd = "control byte in a line of the response"
    case fieldName = "invalid header field"
    case tooLarge = "header block or chunk line is too large"
    case contentLength = "invalid content-length"
    case transferEncoding = "transfer-encoding is not chunked"
    case bothLengths = "content-length beside transfer-encoding"
    case switchedProtocols = "switched protocols unasked"
    case chunkSize = "invalid chunk size"
    case chunkEnd = "chunk does not end with its size"
    case trailer = "framing field in a trailer"
}
