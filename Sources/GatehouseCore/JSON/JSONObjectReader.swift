/// Reads the members of one object in order; the values are stepped over or looked into as the caller likes.
///
///     var object = try JSONObjectReader(bytes, at: 0)
///     while let key = try object.nextKey(bytes) {
///         if object.isKey(key, "model", bytes) { … } else { try object.skipValue(bytes) }
///     }
package struct JSONObjectReader {
    /// The index of the next unread byte.
    package var index: Int
    /// Behind the opening brace.
    package let bodyStart: Int
    /// How many members were read.
    package private(set) var count = 0
    private var ended = false
    /// Containers open around a member's value, this object included.
    private let depth: Int
    private var keys: JSONKeyTracker?

    /// - Parameter uniqueKeys: refuse keys that come twice, here and in every object below.
    package init(
        _ bytes: Span<UInt8>, at start: Int, depth: Int = 0, uniqueKeys: Bool = false
    ) throws(JSONSyntaxError) {
        index = start
        JSONScanner.skipSpace(bytes, &index)
        guard try JSONScanner.peek(bytes, index) == UInt8(ascii: "{") else {
            throw JSONSyntaxError(.notAnObject, at: index)
        }
        guard depth < JSONScanner.maximumDepth else { throw JSONSyntaxError(.tooDeep, at: index) }
        index += 1
        bodyStart = index
        self.depth = depth + 1
        if uniqueKeys {
            keys = JSONKeyTracker()
            keys?.enterObject()
        }
    }

    /// The next key, with `index` at its value; `nil` behind the closing brace.
    package mutating func nextKey(_ bytes: Span<UInt8>) throws(JSONSyntaxError) -> JSONStringRange? {
        guard !ended else { return nil }
        JSONScanner.skipSpace(bytes, &index)
        var byte = try JSONScanner.peek(bytes, index)
        if byte == UInt8(ascii: "}") {
            index += 1
            ended = true
            return nil
        }
        if count > 0 {
            try JSONScanner.expect(UInt8(ascii: ","), bytes, &index)
            JSONScanner.skipSpace(bytes, &index)
            byte = try JSONScanner.peek(bytes, index)
        }
        let key = try JSONScanner.skipString(bytes, &index)
        if keys != nil { try keys?.add(key, in: bytes) }
        JSONScanner.skipSpace(bytes, &index)
        try JSONScanner.expect(UInt8(ascii: ":"), bytes, &index)
        JSONScanner.skipSpace(bytes, &index)
        count += 1
        return key
    }

    /// Steps over the value at `index` and tells what and where it was.
    package mutating func skipValue(
        _ bytes: Span<UInt8>
    ) throws(JSONSyntaxError) -> (kind: JSONKind, range: Range<Int>) {
        let start = index
        let kind = try JSONScanner.skipValue(bytes, &index, depth: depth, keys: &keys)
        return (kind, start..<index)
    }

    /// Whether a key is `name`, escapes resolved.
    @inline(__always)
    package static func isKey(_ key: JSONStringRange, _ name: StaticString, _ bytes: Span<UInt8>) -> Bool {
        // Most keys are of another length, which is told without a look at them.
        guard key.content.count == name.utf8CodeUnitCount || key.hasEscapes else { return false }
        return isSame(key, name, bytes)
    }

    private static func isSame(_ key: JSONStringRange, _ name: StaticString, _ bytes: Span<UInt8>) -> Bool {
        guard key.hasEscapes else { return bytes.has(name, at: key.content.lowerBound) }
        return JSONScanner.unescaped(bytes, key.content).elementsEqual(
            UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// Refuses anything but white space behind the object.
    package func expectEnd(_ bytes: Span<UInt8>) throws(JSONSyntaxError) {
        var index = index
        JSONScanner.skipSpace(bytes, &index)
        guard index == bytes.count else { throw JSONSyntaxError(.trailingBytes, at: index) }
    }
}
