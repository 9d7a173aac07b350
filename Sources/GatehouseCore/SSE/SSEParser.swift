package import NIOCore

/// One event of a stream, by its place in the parser's bytes.
package struct SSEFrame: Sendable, Equatable {
    /// What the event carries.
    package enum Payload: Sendable, Equatable {
        /// No `data` line: a comment, a lone blank line, other fields.
        case none
        /// One `data` line: the offsets of its value from the parser's first byte.
        case line(Range<Int>)
        /// Several `data` lines, joined with line feeds as the standard says.
        case joined(ByteBuffer)
    }

    /// Offsets from the parser's first untaken byte, the closing blank line included.
    package var range: Range<Int>
    package var payload: Payload
}

/// Cuts a byte stream into server-sent events (WHATWG HTML §9.2), whatever the sizes in which the bytes come.
///
/// The bytes are kept as they came, so that a relay can pass whole runs of events on without copying: read events with
/// `next()`, then take them away with `take(upTo:)`. Lines may end in LF, CR LF or CR. An event that grows beyond
/// `maximumFrame` bytes is refused.
package struct SSEParser: Sendable {
    package static let defaultMaximumFrame = 8 << 20

    package let maximumFrame: Int
    private var pending = ByteBuffer()
    /// Where the frame being read begins, from the first untaken byte.
    private var frameStart = 0
    /// Where the line being read begins.
    private var lineStart = 0
    /// Up to where the line being read was searched.
    private var searched = 0
    /// The first `data` line of the frame being read. Nearly always the only one: no array is needed for it.
    private var data: Range<Int>?
    private var moreData: [Range<Int>] = []
    /// A CR ended the last line; an LF right behind it belongs to it.
    private var skipLineFeed = false
    /// No line has ended: a byte order mark may stand here, and nowhere else.
    private var isAtFirstLine = true

    package init(maximumFrame: Int = SSEParser.defaultMaximumFrame) {
        self.maximumFrame = maximumFrame
    }

    /// Bytes of an event that has not ended.
    package var unfinishedBytes: Int { pending.readableBytes - frameStart }

    /// Where the next frame begins, from the first untaken byte.
    package var cursor: Int { frameStart }

    /// Adds what was received. Without copying when everything before was taken.
    package mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole event, or `nil` until more bytes come.
    ///
    /// - Throws: `Failure(.protocol)` when an event is larger than `maximumFrame`.
    package mutating func next() throws(Failure) -> SSEFrame? {
        while let end = lineEnd() {
            let line = lineStart..<end.content
            lineStart = end.next
            searched = end.next
            if line.isEmpty {
                isAtFirstLine = false
                return closeFrame()
            }
            if let value = dataValue(line) { addData(value) }
            isAtFirstLine = false
        }
        guard unfinishedBytes <= maximumFrame else {
            throw Failure(.protocol, detail: "event larger than \(maximumFrame) bytes")
        }
        return nil
    }

    /// Treats what is left as a last event whose blank line is missing; for the end of a stream.
    package mutating func last() -> SSEFrame? {
        guard unfinishedBytes > 0 else { return nil }
        if lineStart < pending.readableBytes, let value = dataValue(lineStart..<pending.readableBytes) {
            addData(value)
        }
        lineStart = pending.readableBytes
        searched = lineStart
        return closeFrame()
    }

    /// Looks at the bytes of a range that a frame named.
    package func withBytes<Result, Problem: Error>(
        _ range: Range<Int>, _ body: (Span<UInt8>) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        let all = pending.readableBytesUInt8Span
        let lower = min(max(0, range.lowerBound), all.count)
        return try body(all.extracting(lower..<max(lower, min(range.upperBound, all.count))))
    }

    /// The bytes of a range that a frame named, without copying.
    package func bytes(_ range: Range<Int>) -> ByteBuffer {
        let lower = min(max(0, range.lowerBound), pending.readableBytes)
        let length = max(0, min(range.upperBound, pending.readableBytes) - lower)
        return pending.getSlice(at: pending.readerIndex + lower, length: length) ?? ByteBuffer()
    }

    /// Takes the bytes before `offset` away, and gives them. Not beyond `cursor`.
    package mutating func take(upTo offset: Int) -> ByteBuffer {
        let slice = pending.readSlice(length: min(offset, pending.readableBytes)) ?? ByteBuffer()
        let taken = slice.readableBytes
        frameStart -= taken
        lineStart -= taken
        searched -= taken
        data = data.map { $0.lowerBound - taken..<$0.upperBound - taken }
        for index in moreData.indices {
            moreData[index] = moreData[index].lowerBound - taken..<moreData[index].upperBound - taken
        }
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        return slice
    }

    private mutating func closeFrame() -> SSEFrame {
        var payload = SSEFrame.Payload.none
        if let first = data {
            payload = moreData.isEmpty ? .line(first) : .joined(joined(first))
            data = nil
            moreData = []
        }
        let frame = SSEFrame(range: frameStart..<lineStart, payload: payload)
        frameStart = lineStart
        return frame
    }

    private mutating func addData(_ value: Range<Int>) {
        if data == nil { data = value } else { moreData.append(value) }
    }

    private func joined(_ first: Range<Int>) -> ByteBuffer {
        var joined = pending.getSlice(at: pending.readerIndex + first.lowerBound, length: first.count) ?? ByteBuffer()
        for range in moreData {
            joined.writeInteger(UInt8(ascii: "\n"))
            if let part = pending.getSlice(at: pending.readerIndex + range.lowerBound, length: range.count) {
                joined.writeImmutableBuffer(part)
            }
        }
        return joined
    }

    /// The end of the line at `lineStart`: where its content ends and where the next line begins.
    private mutating func lineEnd() -> (content: Int, next: Int)? {
        if skipLineFeed, lineStart < pending.readableBytes {
            skipLineFeed = false
            if byte(lineStart) == UInt8(ascii: "\n") {
                // A line feed that came after the carriage return of a line already closed.
                if frameStart == lineStart { frameStart += 1 }
                lineStart += 1
                searched = max(searched, lineStart)
            }
        }
        let end = LineSearch.firstBreak(in: pending.readableBytesUInt8Span, from: searched)
        guard end < pending.readableBytes else {
            searched = end
            return nil
        }
        if byte(end) == UInt8(ascii: "\n") { return (end, end + 1) }
        if end + 1 < pending.readableBytes {
            return (end, byte(end + 1) == UInt8(ascii: "\n") ? end + 2 : end + 1)
        }
        skipLineFeed = true
        return (end, end + 1)
    }

    private func byte(_ offset: Int) -> UInt8 {
        pending.readableBytesUInt8Span[offset]
    }

    /// Where the value of a `data` line lies; `nil` for any other line.
    private func dataValue(_ line: Range<Int>) -> Range<Int>? {
        let bytes = pending.readableBytesUInt8Span
        let name: StaticString = "data"
        var line = line
        if isAtFirstLine, line.count >= 7, bytes[line.lowerBound] == 0xEF, bytes[line.lowerBound + 1] == 0xBB,
            bytes[line.lowerBound + 2] == 0xBF
        {
            line = line.lowerBound + 3..<line.upperBound
        }
        guard line.count >= 4 else { return nil }
        for offset in 0..<4 where bytes[line.lowerBound + offset] != name.utf8Start[offset] { return nil }
        if line.count == 4 { return line.upperBound..<line.upperBound }
        guard bytes[line.lowerBound + 4] == UInt8(ascii: ":") else { return nil }
        var start = line.lowerBound + 5
        if start < line.upperBound, bytes[start] == UInt8(ascii: " ") { start += 1 }
        return start..<line.upperBound
    }
}

/// Looks for line breaks eight bytes at a time.
enum LineSearch {
    /// The first CR or LF at or behind `start`; the count when there is none.
    static func firstBreak(in bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        let raw = bytes.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while index + 8 <= raw.byteCount {
            let word = UInt64(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let feed = word ^ (ones &* 0x0A)
            let carriage = word ^ (ones &* 0x0D)
            let found = (((feed &- ones) & ~feed) | ((carriage &- ones) & ~carriage)) & highs
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
        return index
    }
}
