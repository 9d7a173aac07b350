/// Base64 (RFC 4648) of bytes that Bedrock wants or gives encoded.
enum BedrockBlob {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let pad = UInt8(ascii: "=")

    static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count / 3 * 4 + 4)
        var bits: UInt32 = 0
        var held = 0
        for byte in text.utf8 {
            bits = bits << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            for shift in [18, 12, 6, 0] as [UInt32] { out.append(alphabet[Int(bits >> shift & 63)]) }
            (bits, held) = (0, 0)
        }
        if held > 0 {
            bits <<= UInt32(8 * (3 - held))
            out.append(alphabet[Int(bits >> 18 & 63)])
            out.append(alphabet[Int(bits >> 12 & 63)])
            out.append(held == 2 ? alphabet[Int(bits >> 6 & 63)] : pad)
            out.append(pad)
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The text that `encoded` stands for; `nil` unless it is canonical Base64 of UTF-8.
    static func text(_ encoded: String) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(encoded.utf8.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        for byte in encoded.utf8 where byte != pad {
            guard let value = value(byte) else { return nil }
            bits = bits << 6 | value
            held += 6
            guard held >= 8 else { continue }
            held -= 8
            out.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
        let text = String(decoding: out, as: UTF8.self)
        // Repaired UTF-8, loose padding and the like do not give the same again.
        return encode(text) == encoded ? text : nil
    }

    private static func value(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
