package import NIOCore

/// Small pieces of JSON text.
package enum JSONText {
    /// `text` as a JSON string, quotes included.
    package static func quoted(_ text: String) -> [UInt8] { quoted(bytes: text.utf8) }

    static func quoted(bytes: some Collection<UInt8>) -> [UInt8] {
        var out: [UInt8] = [UInt8(ascii: "\"")]
        out.reserveCapacity(bytes.count + 16)
        for byte in bytes { append(byte, to: &out) }
        out.append(UInt8(ascii: "\""))
        return out
    }

    /// Whether no byte of a string needs an escape. Looks at eight of them at a time.
    static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = 0
        while text.count &- index >= 8 {
            let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quote = (word ^ (ones &* 0x22)) &- ones
            let slash = (word ^ (ones &* 0x5C)) &- ones
            let delete = (word ^ (ones &* 0x7F)) &- ones
            let control = word &- (ones &* 0x20)
            guard (quote | slash | delete | control) & ~word & (ones &* 0x80) == 0 else { return false }
            index &+= 8
        }
        return text[index...].allSatisfy {
            $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0x7F
        }
    }

    private static func append(_ byte: UInt8, to out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
        case 0x0A: out += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case 0x0D: out += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
        case 0x09: out += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
        case 0..<0x20, 0x7F:
            let digits = Array("0123456789abcdef".utf8)
            out += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: out.append(byte)
        }
    }

    /// Writes `text` as a JSON string, quotes included. U+2028 and U+2029 need no escape in JSON.
    package static func write(_ text: String, to buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { bytes in
            guard isPlain(UnsafeRawBufferPointer(bytes)) else {
                buffer.writeBytes(quoted(bytes: bytes))
                return
            }
            buffer.writeInteger(UInt8(ascii: "\""))
            buffer.writeBytes(bytes)
            buffer.writeInteger(UInt8(ascii: "\""))
        }
    }

    /// One sentence for the caller who sent it.
    package static func explain(_ error: JSONSyntaxError) -> String {
        let place = "at byte \(error.offset)"
        return switch error.kind {
        case .unexpectedEnd: "The body is not JSON: it ends \(place), in the middle of a value."
        case .unexpectedByte: "The body is not JSON: unexpected character \(place)."
        case .controlCharacter: "The body is not JSON: a control character stands unescaped in a string \(place)."
        case .invalidEscape: "The body is not JSON: invalid escape \(place)."
        case .loneSurrogate: "The body holds half of a surrogate pair \(place)."
        case .invalidNumber: "The body holds a number that is malformed or too large \(place)."
        case .invalidUTF8: "The body is not UTF-8 \(place)."
        case .tooDeep: "The body is nested deeper than \(JSONScanner.maximumDepth) levels \(place)."
        case .duplicateKey: "The body repeats a key of the same object \(place)."
        case .tooManyMembers:
            "An object of the body has more than \(JSONKeyTracker.maximumMembers) members (\(place))."
        case .trailingBytes: "Something follows the JSON value \(place)."
        case .notAnObject: "The body must be a JSON object."
        }
    }
}

/// Whether bytes are UTF-8.
package enum UTF8Check {
    /// The offset of the first byte that is not UTF-8; `nil` when all is well.
    package static func firstInvalid(_ bytes: Span<UInt8>) -> Int? {
        do {
            _ = try UTF8Span(validating: bytes)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }
}
