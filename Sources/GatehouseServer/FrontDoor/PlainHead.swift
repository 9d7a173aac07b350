import GatehouseCore

/// The head of a call, read from its bytes, where no two readers can understand it in two ways.
///
/// Nearly all calls look alike: `POST` to a route of the data plane, HTTP/1.1, a host, a key, one length. What is odd in
/// any way, has chunks, asks for anything else of HTTP or is not complete is none of these: it is for the parser, which
/// takes or refuses it as it always does. So this reader refuses nothing, and what it takes the parser would take.
struct PlainHead {
    /// Bytes beyond which a head is for the parser.
    static let maximumSize = 8 << 10
    static let maximumFields = 64

    let operation: GatehouseCore.Operation
    /// Bytes of the head, the empty line included.
    private(set) var size = 0
    private(set) var bodySize = 0
    /// Where in the bytes the secret is that the caller shows.
    private(set) var token = 0..<0
    private(set) var requestID: Range<Int>?
    private(set) var session: Range<Int>?
    private(set) var idempotencyKey: Range<Int>?
    /// `anthropic-beta`, each line.
    private(set) var betas: [Range<Int>] = []
    private var seen: Seen = []

    /// Fields that must be there once, or may be there once only.
    private struct Seen: OptionSet {
        let rawValue: UInt8

        static let host = Seen(rawValue: 1)
        static let length = Seen(rawValue: 2)
        static let authorization = Seen(rawValue: 4)
        static let apiKey = Seen(rawValue: 8)
        static let type = Seen(rawValue: 16)
        static let requestID = Seen(rawValue: 32)
        static let session = Seen(rawValue: 64)
    }

    /// `nil` for what the parser must read.
    ///
    /// - Parameters:
    ///   - maximumSize: Less when less is allowed.
    ///   - maximumFields: The same.
    init?(
        _ bytes: Span<UInt8>, maximumSize: Int = Self.maximumSize, maximumFields: Int = Self.maximumFields
    ) {
        guard let (operation, start) = Self.requestLine(bytes) else { return nil }
        self.operation = operation
        let limit = min(bytes.count, maximumSize)
        var index = start
        var fields = 0
        while index < limit, bytes[index] != 0x0D {
            guard fields < maximumFields, let colon = Self.nameEnd(bytes, from: index),
                let value = Self.value(bytes, from: colon + 1), take(index..<colon, value, of: bytes)
            else { return nil }
            index = value.upperBound + 2
            fields += 1
        }
        size = index + 2
        guard size <= limit, bytes[index + 1] == 0x0A,
            seen.isSuperset(of: [.host, .length]), !token.isEmpty
        else { return nil }
    }

    /// The routes of callers whose requests are JSON and whose paths say nothing but the route.
    private static func requestLine(_ bytes: Span<UInt8>) -> (GatehouseCore.Operation, Int)? {
        guard bytes.has("POST ", at: 0) else { return nil }
        func found(_ operation: GatehouseCore.Operation, _ line: StaticString) -> (GatehouseCore.Operation, Int)? {
            bytes.has(line, at: 5) ? (operation, 5 + line.utf8CodeUnitCount) : nil
        }
        return found(.chatCompletions, "/v1/chat/completions HTTP/1.1\r\n")
            ?? found(.messages, "/v1/messages HTTP/1.1\r\n")
            ?? found(.responses, "/v1/responses HTTP/1.1\r\n")
            ?? found(.embeddings, "/v1/embeddings HTTP/1.1\r\n")
            ?? found(.completions, "/v1/completions HTTP/1.1\r\n")
            ?? found(.countTokens, "/v1/messages/count_tokens HTTP/1.1\r\n")
    }

    // MARK: Fields

    /// Takes a field; `false` when it is none that a plain request has, or not for the first time.
    private mutating func take(_ name: Range<Int>, _ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        switch name.count {
        case 4 where bytes.hasName("host", at: name): isFirst(.host) && Self.isHost(bytes, value)
        case 6 where bytes.hasName("expect", at: name): false
        case 7 where bytes.hasName("upgrade", at: name): false
        case 9 where bytes.hasName("x-api-key", at: name): isFirst(.apiKey) && takeKey(value)
        case 10 where bytes.hasName("connection", at: name): bytes.hasName("keep-alive", at: value)
        case 12 where bytes.hasName("content-type", at: name): isFirst(.type) && Self.isJSON(bytes, value)
        case 12 where bytes.hasName("x-request-id", at: name): isFirst(.requestID) && take(requestID: value)
        case 12 where bytes.hasName("x-session-id", at: name): isFirst(.session) && take(session: value)
        case 13 where bytes.hasName("authorization", at: name): isFirst(.authorization) && takeBearer(value, bytes)
        case 14 where bytes.hasName("content-length", at: name): isFirst(.length) && takeLength(value, bytes)
        case 14 where bytes.hasName("x-goog-api-key", at: name): isFirst(.apiKey) && takeKey(value)
        case 14 where bytes.hasName("anthropic-beta", at: name): take(beta: value)
        case 15 where bytes.hasName("idempotency-key", at: name): take(idempotencyKey: value)
        case 16 where bytes.hasName("content-encoding", at: name): false
        case 16 where bytes.hasName("proxy-connection", at: name): false
        case 17 where bytes.hasName("transfer-encoding", at: name): false
        case 17 where bytes.hasName("x-gatehouse-cache", at: name): false
        case 19 where bytes.hasName("x-gatehouse-timeout", at: name): false
        case 19 where bytes.hasName("x-gatehouse-session", at: name): false
        default: true
        }
    }

    private mutating func isFirst(_ field: Seen) -> Bool { seen.insert(field).inserted }

    private mutating func take(requestID value: Range<Int>) -> Bool {
        requestID = value
        return true
    }

    private mutating func take(session value: Range<Int>) -> Bool {
        session = value
        return true
    }

    private mutating func take(beta value: Range<Int>) -> Bool {
        betas.append(value)
        return true
    }

    /// One name of usual length.
    private mutating func take(idempotencyKey value: Range<Int>) -> Bool {
        guard idempotencyKey == nil, IdempotencyName.keyLength.contains(value.count) else { return false }
        idempotencyKey = value
        return true
    }

    /// Whoever shows both means the bearer token.
    private mutating func takeKey(_ value: Range<Int>) -> Bool {
        if !seen.contains(.authorization) { token = value }
        return true
    }

    private mutating func takeBearer(_ value: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        let start = value.lowerBound + 7
        guard start < value.upperBound, bytes[start - 1] == 0x20,
            bytes.hasName("bearer", at: value.lowerBound..<start - 1)
        else { return false }
        token = start..<value.upperBound
        return true
    }

    /// One number, of so few digits that it cannot overflow.
    private mutating func takeLength(_ value: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard (1...10).contains(value.count) else { return false }
        bodySize = 0
        for index in value {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return false }
            bodySize = bodySize * 10 + Int(digit)
        }
        return true
    }

    private static func isJSON(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        let type: StaticString = "application/json"
        guard value.count >= type.utf8CodeUnitCount, bytes.has(type, at: value.lowerBound) else { return false }
        return value.count == type.utf8CodeUnitCount || bytes[value.lowerBound + type.utf8CodeUnitCount] == 0x3B
    }

    /// A name or an IPv4 address, and perhaps a port.
    private static func isHost(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
        var end = value.lowerBound
        while end < value.upperBound, isNameByte(bytes[end]) || bytes[end] == UInt8(ascii: ".") { end += 1 }
        guard (1...255).contains(end - value.lowerBound) else { return false }
        if end == value.upperBound { return true }
        let digits = value.upperBound - end - 1
        guard bytes[end] == UInt8(ascii: ":"), (1...5).contains(digits) else { return false }
        var port = 0
        for index in end + 1..<value.upperBound {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return false }
            port = port * 10 + Int(digit)
        }
        return (1...65_535).contains(port)
    }

    // MARK: Lines

    /// The colon behind a name of letters, digits, `-` and `_`.
    private static func nameEnd(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < bytes.count, isNameByte(bytes[index]) { index += 1 }
        return index > start && index < bytes.count && bytes[index] == UInt8(ascii: ":") ? index : nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    /// A value of visible ASCII and spaces before CR LF, without the space before it. Space behind it is not plain: not
    /// everybody takes it away.
    private static func value(_ bytes: Span<UInt8>, from start: Int) -> Range<Int>? {
        let end = valueEnd(bytes, from: start)
        guard end + 1 < bytes.count, bytes[end] == 0x0D, bytes[end + 1] == 0x0A else { return nil }
        var start = start
        while start < end, bytes[start] == 0x20 { start += 1 }
        return start == end || bytes[end - 1] != 0x20 ? start..<end : nil
    }

    /// Where the first byte is that is neither visible ASCII nor a space. Looks at eight at a time.
    private static func valueEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = start
        while bytes.count &- index >= 8 {
            let word = UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            // The highest bit of each byte that is below a space, DEL or beyond ASCII; above the lowest one it may be wrong.
            let found = (((word &- (ones &* 0x20)) & ~word) | word | (word &+ ones)) & (ones &* 0x80)
            if found != 0 {
                index &+= found.trailingZeroBitCount / 8
                break
            }
            index &+= 8
        }
        while index < bytes.count, 0x20...0x7E ~= bytes[index] { index += 1 }
        return index
    }
}
