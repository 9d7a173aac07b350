import GatehouseCore

/// What the head of a response says about where its body ends (RFC 9112 §6) and about what comes after it (§9.3).
struct HTTPResponseFraming {
    private(set) var status = 0
    private(set) var isChunked = false
    private(set) var contentLength: Int?
    private var isOld = false
    private var saysClose = false
    private var saysKeepAlive = false

    /// Whether the connection outlives the response, as far as the head tells.
    var keepsAlive: Bool {
        // Chunks under 1.0 are faulty framing: such a connection is not used again (RFC 9112 §6.1).
        isOld ? saysKeepAlive && !saysClose && !isChunked : !saysClose
    }

    /// Reads the rest of what begins with `HTTP/1.` (RFC 9112 §4). The reason does not matter, nor does the lack of
    /// the space before it.
    mutating func readStatusLine(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPResponseError) {
        let start = line.lowerBound
        guard line.count >= 12, bytes[start + 8] == 0x20, line.count == 12 || bytes[start + 12] == 0x20 else {
            throw .statusLine
        }
        switch bytes[start + 7] {
        case UInt8(ascii: "1"): isOld = false
        case UInt8(ascii: "0"): isOld = true
        default: throw .version
        }
        status = 0
        for index in start + 9..<start + 12 {
            guard let digit = Self.digit(bytes[index]) else { throw .statusLine }
            status = status * 10 + digit
        }
        guard status >= 100 else { throw .statusLine }
    }

    /// Whether a status line begins, or may yet begin, at `start`: what speaks another protocol may never end a line.
    static func mayBeStatusLine(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        let version: StaticString = "HTTP/1."
        let count = min(bytes.count - start, version.utf8CodeUnitCount)
        for offset in 0..<count where bytes[start + offset] != version.utf8Start[offset] { return false }
        return true
    }

    /// Takes what a field says about framing.
    ///
    /// - Parameters:
    ///   - name: Where in `bytes` its name is; a token.
    ///   - value: Where its value is, without the space around it.
    /// - Returns: Whether it was about framing.
    mutating func add(
        _ name: Range<Int>, _ value: Range<Int>, of bytes: Span<UInt8>
    ) throws(HTTPResponseError) -> Bool {
        switch name.count {
        case 10 where bytes.hasName("connection", at: name): readConnection(value, of: bytes)
        case 14 where bytes.hasName("content-length", at: name):
            // Also when it says the same twice: whoever put it there twice is not to be relied on.
            guard contentLength == nil else { throw .contentLength }
            contentLength = try Self.number(bytes, value)
        case 17 where bytes.hasName("transfer-encoding", at: name):
            // No other coding was asked for, and none may come after `chunked` (RFC 9112 §6.1).
            guard !isChunked, bytes.hasName("chunked", at: value) else { throw .transferEncoding }
            isChunked = true
        default: return false
        }
        return true
    }

    /// Whether the field is one that must not be in a trailer, as it would change where the body ends.
    static func isFraming(_ name: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        bytes.hasName("content-length", at: name) || bytes.hasName("transfer-encoding", at: name)
    }

    private mutating func readConnection(_ value: Range<Int>, of bytes: Span<UInt8>) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let option = HTTPLine.trimmed(bytes, start..<end)
            if bytes.hasName("close", at: option) { saysClose = true }
            if bytes.hasName("keep-alive", at: option) { saysKeepAlive = true }
            start = end + 1
        }
    }

    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HTTPResponseError) -> Int {
        guard !range.isEmpty else { throw .contentLength }
        var value = 0
        for index in range {
            guard let digit = digit(bytes[index]), value <= (Int.max - digit) / 10 else { throw .contentLength }
            value = value * 10 + digit
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- 0x30
        return value < 10 ? Int(value) : nil
    }
}

/// Lines of heads and chunks (RFC 9112 §2.2, §5, §7.1). All ranges are of `bytes`.
enum HTTPLine {
    /// Finds the line at `start`, without its end. A lone CR or LF and other control bytes are refused: where readers
    /// disagree about the end of a line, one sees what another does not.
    ///
    /// - Parameters:
    ///   - scanned: How many bytes from `start` on were looked at before without finding an end.
    ///   - limit: How long the line may be, with its end.
    /// - Returns: `nil` when its end has not come.
    static func next(
        _ bytes: Span<UInt8>, at start: Int, scanned: inout Int, limit: Int
    ) throws(HTTPResponseError) -> Range<Int>? {
        guard limit >= 2 else { throw .tooLarge }
        var index = start + scanned
        // Not further, so that what is wrong with a line does not depend on how much of it came together.
        let last = start + limit - 2
        index = plainEnd(bytes, from: index, to: min(bytes.count, last))
        while index < bytes.count {
            let byte = bytes[index]
            if byte >= 0x20 && byte != 0x7F || byte == 0x09 {
                guard index < last else { throw .tooLarge }
                index += 1
                continue
            }
            guard byte == 0x0D else { throw .lineEnd }
            guard index + 1 < bytes.count else { break }
            guard bytes[index + 1] == 0x0A else { throw .lineEnd }
            scanned = 0
            return start..<index
        }
        scanned = index - start
        return nil
    }

    /// Steps over bytes that need no look, eight at a time, as long as there are eight of them.
    private static func plainEnd(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = start
        while end &- index >= 8 {
            let word = UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let control = word &- (ones &* 0x20)
            let delete = (word ^ (ones &* 0x7F)) &- ones
            // The highest bit of each control byte; of those above the lowest one it may be wrong.
            let found = (control | delete) & ~word & (ones &* 0x80)
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index &+= 8
        }
        return index
    }

    /// Splits `name: value` (RFC 9112 §5). Space before the name (a folded line) or the colon is refused.
    static func field(
        _ bytes: Span<UInt8>, _ line: Range<Int>
    ) throws(HTTPResponseError) -> (name: Range<Int>, value: Range<Int>) {
        var colon = line.lowerBound
        while colon < line.upperBound, isToken(bytes[colon]) { colon += 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else {
            throw .fieldName
        }
        return (line.lowerBound..<colon, trimmed(bytes, colon + 1..<line.upperBound))
    }

    /// The size of a chunk; extensions are thrown away (RFC 9112 §7.1.1).
    static func chunkSize(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPResponseError) -> Int {
        var size = 0
        var index = line.lowerBound
        while index < line.upperBound, let digit = hexDigit(bytes[index]) {
            guard size <= Int.max >> 4 else { throw .chunkSize }
            size = size << 4 | digit
            index += 1
        }
        guard index > line.lowerBound, index == line.upperBound || bytes[index] == UInt8(ascii: ";") else {
            throw .chunkSize
        }
        return size
    }

    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isSpace(bytes[start]) { start += 1 }
        while start < end, isSpace(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09
    }

    private static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte &- 0x30)
        case 0x41...0x46: Int(byte &- 0x37)
        case 0x61...0x66: Int(byte &- 0x57)
        default: nil
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }
}
