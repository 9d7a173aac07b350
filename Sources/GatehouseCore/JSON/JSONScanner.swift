/// Why a text is not JSON that this gateway takes, and where.
package struct JSONSyntaxError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case unexpectedEnd, unexpectedByte, controlCharacter, invalidEscape, loneSurrogate, invalidNumber, invalidUTF8
        case tooDeep, duplicateKey, tooManyMembers, trailingBytes, notAnObject
    }

    package var kind: Kind
    /// The byte at which reading stopped, from 0.
    package var offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

/// What a JSON value is, told by its first byte.
package enum JSONKind: Sendable, Equatable {
    case object, array, string, number, bool, null
}

/// Walks over JSON text (RFC 8259) and checks it, without making values of it.
///
/// The caller keeps the bytes and the index, so that nothing is copied or allocated. Nesting is counted, not recursed:
/// no text can exhaust the stack. Stricter than the RFC where two parsers could disagree: lone surrogates, numbers that
/// overflow a double and numbers of more than 512 bytes are refused, and so are repeated keys when `keys` is given.
package enum JSONScanner {
    /// The deepest nesting taken, the outermost value counting as 1.
    package static let maximumDepth = 64

    /// Steps over white space.
    @inline(__always)
    package static func skipSpace(_ bytes: Span<UInt8>, _ index: inout Int) {
        while index < bytes.count, isSpace(bytes[index]) { index += 1 }
    }

    /// Whether JSON allows the byte between its tokens (RFC 8259 §2).
    @inline(__always)
    package static func isSpace(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20, 0x0A, 0x0D, 0x09: true
        default: false
        }
    }

    /// The byte at `index`, or the error that there is none.
    @inline(__always)
    package static func peek(_ bytes: Span<UInt8>, _ index: Int) throws(JSONSyntaxError) -> UInt8 {
        guard index < bytes.count else { throw JSONSyntaxError(.unexpectedEnd, at: index) }
        return bytes[index]
    }

    @inline(__always)
    package static func expect(
        _ byte: UInt8, _ bytes: Span<UInt8>, _ index: inout Int
    ) throws(JSONSyntaxError) {
        guard try peek(bytes, index) == byte else { throw JSONSyntaxError(.unexpectedByte, at: index) }
        index += 1
    }

    /// Steps over one value and checks it whole.
    ///
    /// - Parameters:
    ///   - index: At the value or at white space before it; afterwards behind its last byte.
    ///   - depth: How many containers are open around it.
    ///   - keys: When given, repeated keys within one object are refused.
    @discardableResult
    package static func skipValue(
        _ bytes: Span<UInt8>, _ index: inout Int, depth: Int = 0, keys: inout JSONKeyTracker?
    ) throws(JSONSyntaxError) -> JSONKind {
        skipSpace(bytes, &index)
        let kind = try kind(of: peek(bytes, index), at: index)
        guard kind == .object || kind == .array else {
            try skipScalar(kind, bytes, &index)
            return kind
        }
        var open = Containers(depth: depth)
        repeat {
            while try openOrSkip(bytes, &index, &open, &keys) {}
        } while try closeOrAdvance(bytes, &index, &open, &keys)
        return kind
    }

    /// Steps over one value without looking for repeated keys.
    @discardableResult
    package static func skipValue(
        _ bytes: Span<UInt8>, _ index: inout Int, depth: Int = 0
    ) throws(JSONSyntaxError) -> JSONKind {
        var keys: JSONKeyTracker?
        return try skipValue(bytes, &index, depth: depth, keys: &keys)
    }

    @inline(__always)
    private static func kind(of byte: UInt8, at index: Int) throws(JSONSyntaxError) -> JSONKind {
        switch byte {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: throw JSONSyntaxError(.unexpectedByte, at: index)
        }
    }

    /// Steps over a value that has no members, told by its first byte.
    @inline(__always)
    private static func skipScalar(
        _ kind: JSONKind, _ bytes: Span<UInt8>, _ index: inout Int
    ) throws(JSONSyntaxError) {
        switch kind {
        case .string: _ = try skipString(bytes, &index)
        case .number: try skipNumber(bytes, &index)
        case .null: try skipLiteral("null", bytes, &index)
        case .bool: try skipLiteral(bytes[index] == UInt8(ascii: "t") ? "true" : "false", bytes, &index)
        case .object, .array: throw JSONSyntaxError(.unexpectedByte, at: index)
        }
    }

    /// Which containers are open, a bit each: 1 is an object.
    private struct Containers {
        var kinds: UInt64 = 0
        var count = 0
        let outer: Int

        init(depth: Int) { outer = depth }

        var inObject: Bool { kinds & 1 == 1 }

        mutating func push(object: Bool, at index: Int) throws(JSONSyntaxError) {
            guard count + outer < JSONScanner.maximumDepth else { throw JSONSyntaxError(.tooDeep, at: index) }
            kinds = kinds << 1 | (object ? 1 : 0)
            count += 1
        }

        mutating func pop() {
            kinds >>= 1
            count -= 1
        }
    }

    /// At a value: opens a container that has members (true), or steps over the whole value (false).
    private static func openOrSkip(
        _ bytes: Span<UInt8>, _ index: inout Int, _ open: inout Containers, _ keys: inout JSONKeyTracker?
    ) throws(JSONSyntaxError) -> Bool {
        skipSpace(bytes, &index)
        let kind = try kind(of: peek(bytes, index), at: index)
        switch kind {
        case .object:
            try open.push(object: true, at: index)
            index += 1
            keys?.enterObject()
            skipSpace(bytes, &index)
            if try peek(bytes, index) == UInt8(ascii: "}") {
                index += 1
                open.pop()
                keys?.leaveObject()
                return false
            }
            try skipKey(bytes, &index, &keys)
            return true
        case .array:
            try open.push(object: false, at: index)
            index += 1
            skipSpace(bytes, &index)
            if try peek(bytes, index) == UInt8(ascii: "]") {
                index += 1
                open.pop()
                return false
            }
            return true
        default:
            try skipScalar(kind, bytes, &index)
            return false
        }
    }

    /// Behind a value: closes what ends here; true when another value follows, false when the outermost has ended.
    private static func closeOrAdvance(
        _ bytes: Span<UInt8>, _ index: inout Int, _ open: inout Containers, _ keys: inout JSONKeyTracker?
    ) throws(JSONSyntaxError) -> Bool {
        while open.count > 0 {
            skipSpace(bytes, &index)
            let byte = try peek(bytes, index)
            if byte == UInt8(ascii: ",") {
                index += 1
                if open.inObject {
                    skipSpace(bytes, &index)
                    try skipKey(bytes, &index, &keys)
                }
                return true
            }
            guard byte == (open.inObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                throw JSONSyntaxError(.unexpectedByte, at: index)
            }
            index += 1
            if open.inObject { keys?.leaveObject() }
            open.pop()
        }
        return false
    }

    private static func skipKey(
        _ bytes: Span<UInt8>, _ index: inout Int, _ keys: inout JSONKeyTracker?
    ) throws(JSONSyntaxError) {
        let key = try skipString(bytes, &index)
        if keys != nil { try keys?.add(key, in: bytes) }
        skipSpace(bytes, &index)
        try expect(UInt8(ascii: ":"), bytes, &index)
    }

    private static func skipLiteral(
        _ literal: StaticString, _ bytes: Span<UInt8>, _ index: inout Int
    ) throws(JSONSyntaxError) {
        for offset in 0..<literal.utf8CodeUnitCount {
            try expect(literal.utf8Start[offset], bytes, &index)
        }
    }
}
