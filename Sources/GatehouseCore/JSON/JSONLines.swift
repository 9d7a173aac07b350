import NIOCore

/// Cuts a byte stream into lines of JSON, whatever the sizes in which the bytes come. Lines end in LF; white space
/// around them, and lines of nothing else, do not count. A line longer than `maximumLine` bytes is refused.
struct JSONLines: Sendable {
    static let defaultMaximumLine = 8 << 20

    private let maximumLine: Int
    private var pending = ByteBuffer()
    /// Up to where the first line was searched for its end, from the first untaken byte.
    private var searched = 0

    init(maximumLine: Int = JSONLines.defaultMaximumLine) { self.maximumLine = maximumLine }

    /// Adds what was received. Without copying when everything before was taken.
    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole line, or `nil` until more bytes come.
    ///
    /// - Throws: `Failure(.protocol)` for a line that is too long or no JSON.
    mutating func next() throws(Failure) -> JSONValue? {
        while let end = lineEnd() {
            let line = pending.readSlice(length: end) ?? ByteBuffer()
            pending.moveReaderIndex(forwardBy: 1)
            searched = 0
            if let value = try Self.parse(line) { return value }
        }
        guard pending.readableBytes <= maximumLine else { throw tooLong }
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        return nil
    }

    /// What is left, as a last line whose end is missing.
    mutating func last() throws(Failure) -> JSONValue? {
        let line = pending
        pending = ByteBuffer()
        searched = 0
        return try Self.parse(line)
    }

    private var tooLong: Failure { Failure(.protocol, detail: "line longer than \(maximumLine) bytes") }

    private mutating func lineEnd() -> Int? {
        let end = Self.firstLineFeed(in: pending.readableBytesUInt8Span, from: searched)
        searched = end
        return end < pending.readableBytes ? end : nil
    }

    /// The first LF at or behind `start`; the count when there is none.
    private static func firstLineFeed(in bytes: Span<UInt8>, from start: Int) -> Int {
        var index = LineSearch.firstBreak(in: bytes, from: start)
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
            index = LineSearch.firstBreak(in: bytes, from: index + 1)
        }
        return index
    }

    private static func parse(_ line: ByteBuffer) throws(Failure) -> JSONValue? {
        var start = 0
        JSONScanner.skipSpace(line.readableBytesUInt8Span, &start)
        guard start < line.readableBytes else { return nil }
        do {
            return try JSONValue(parsing: line.readableBytesView)
        } catch {
            throw Failure(.protocol, detail: "line is no JSON: \(error.kind) at \(error.offset)")
        }
    }
}
