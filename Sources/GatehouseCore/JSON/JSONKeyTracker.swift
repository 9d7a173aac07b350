/// Remembers the keys of the objects that are open, to find one that comes twice.
///
/// Two parsers that read a repeated key differently (first or last wins) see two requests where one was checked; so a
/// repeated key is refused. Keys are compared with escapes resolved. An object may have 512 members: it bounds the work.
package struct JSONKeyTracker {
    package static let maximumMembers = 512

    private struct Key {
        var hash: UInt32
        var range: JSONStringRange
    }

    private var keys: [Key] = []
    /// Where the keys of each open object begin.
    private var starts: [Int] = []

    package init() {
        keys.reserveCapacity(16)
        starts.reserveCapacity(8)
    }

    mutating func enterObject() {
        starts.append(keys.count)
    }

    mutating func leaveObject() {
        guard let start = starts.popLast() else { return }
        keys.removeSubrange(start...)
    }

    /// Adds a key of the innermost object; throws when it was there already.
    mutating func add(_ key: JSONStringRange, in bytes: Span<UInt8>) throws(JSONSyntaxError) {
        let start = starts.last ?? 0
        guard keys.count - start < Self.maximumMembers else {
            throw JSONSyntaxError(.tooManyMembers, at: key.content.lowerBound)
        }
        let hash = Self.hash(key, in: bytes)
        for index in start..<keys.count where keys[index].hash == hash {
            if Self.same(keys[index].range, key, in: bytes) {
                throw JSONSyntaxError(.duplicateKey, at: key.content.lowerBound)
            }
        }
        keys.append(Key(hash: hash, range: key))
    }

    /// FNV-1a; collisions only cost a comparison.
    private static func hash(_ key: JSONStringRange, in bytes: Span<UInt8>) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        if key.hasEscapes {
            for byte in JSONScanner.unescaped(bytes, key.content) { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        } else {
            for index in key.content { hash = (hash ^ UInt32(bytes[index])) &* 16_777_619 }
        }
        return hash
    }

    private static func same(_ one: JSONStringRange, _ other: JSONStringRange, in bytes: Span<UInt8>) -> Bool {
        if !one.hasEscapes, !other.hasEscapes {
            guard one.content.count == other.content.count else { return false }
            for offset in 0..<one.content.count
            where bytes[one.content.lowerBound + offset] != bytes[other.content.lowerBound + offset] {
                return false
            }
            return true
        }
        return JSONScanner.unescaped(bytes, one.content) == JSONScanner.unescaped(bytes, other.content)
    }
}
