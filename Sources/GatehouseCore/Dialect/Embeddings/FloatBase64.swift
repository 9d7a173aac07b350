/// Vectors as OpenAI's `encoding_format: base64` writes them: 32-bit floats, little-endian, in base64 (RFC 4648 §4).
enum FloatBase64 {
    private static let alphabet = Base64Text.alphabet
    private static let padding = UInt8(ascii: "=")

    static func encode(_ vector: [Float]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((vector.count * 4 + 2) / 3 * 4)
        var bits: UInt32 = 0
        var held = 0
        for number in vector {
            let pattern = number.bitPattern
            for shift: UInt32 in [0, 8, 16, 24] {
                bits = bits << 8 | (pattern >> shift & 0xFF)
                held += 1
                guard held == 3 else { continue }
                for shift: UInt32 in [18, 12, 6, 0] { text.append(alphabet[Int(bits >> shift & 63)]) }
                (bits, held) = (0, 0)
            }
        }
        if held > 0 {
            bits <<= UInt32(8 * (3 - held))
            for place in 0..<4 {
                text.append(place <= held ? alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)] : padding)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` when the text is no base64, no whole number of floats, or one of them is not finite.
    static func decode(_ text: String) -> [Float]? {
        var numbers: [Float] = []
        numbers.reserveCapacity(text.utf8.count / 16 * 3)
        var bits: UInt32 = 0
        var held = 0
        var pattern: UInt32 = 0
        var bytes = 0
        var isPadded = false
        for character in text.utf8 {
            if character == padding {
                isPadded = true
                continue
            }
            guard !isPadded, let value = standardValue(of: character) else { return nil }
            bits = bits << 6 | value
            held += 6
            guard held >= 8 else { continue }
            held -= 8
            pattern |= (bits >> UInt32(held) & 0xFF) << UInt32(8 * bytes)
            bytes += 1
            guard bytes == 4 else { continue }
            let number = Float(bitPattern: pattern)
            guard number.isFinite else { return nil }
            numbers.append(number)
            (pattern, bytes) = (0, 0)
        }
        return bytes == 0 && !numbers.isEmpty ? numbers : nil
    }

    private static func standardValue(of character: UInt8) -> UInt32? {
        character == UInt8(ascii: "-") || character == UInt8(ascii: "_") ? nil : Base64Text.value(of: character)
    }
}
