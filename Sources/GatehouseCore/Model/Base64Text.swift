package import NIOCore

/// Base64 as the vendors' APIs take it.
package enum Base64Text {
    /// The text in the standard alphabet and padded (RFC 4648 §4). JSON of protocol buffers allows the alphabet for URLs
    /// (§5) as well, and Google's client libraries write it; other vendors refuse that.
    package static func standard(_ text: String) -> String {
        let isPadded = text.utf8.count.isMultiple(of: 4)
        guard !isPadded || text.utf8.contains(where: { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) else {
            return text
        }
        var bytes = Array(text.utf8)
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: "-") { bytes[index] = UInt8(ascii: "+") }
            if bytes[index] == UInt8(ascii: "_") { bytes[index] = UInt8(ascii: "/") }
        }
        while !bytes.count.isMultiple(of: 4) { bytes.append(UInt8(ascii: "=")) }
        return String(decoding: bytes, as: UTF8.self)
    }

    package static func encoded(_ bytes: ByteBuffer) -> String {
        let view = bytes.readableBytesView
        return String(unsafeUninitializedCapacity: (view.count + 2) / 3 * 4) { text in
            var count = 0
            var bits: UInt32 = 0
            var held = 0
            for byte in view {
                bits = bits << 8 | UInt32(byte)
                held += 1
                guard held == 3 else { continue }
                for shift: UInt32 in [18, 12, 6, 0] {
                    text[count] = alphabet[Int(bits >> shift & 63)]
                    count += 1
                }
                (bits, held) = (0, 0)
            }
            guard held > 0 else { return count }
            bits <<= UInt32(8 * (3 - held))
            for place in 0..<4 {
                text[count] = place <= held ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "=")
                count += 1
            }
            return count
        }
    }

    static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The bytes of a text in either alphabet, padded or not; `nil` for anything else, also for blanks and line breaks.
    package static func decoded(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        var padding = 0
        for character in text.utf8 {
            if character == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            held += 6
            guard held >= 8 else { continue }
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
        let isWhole = held < 6 && bits & (1 << UInt32(held) - 1) == 0
        let isPadded = padding == 0 || padding < 3 && text.utf8.count.isMultiple(of: 4)
        return isWhole && isPadded ? bytes : nil
    }

    /// The six bits of a character in either alphabet.
    static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
