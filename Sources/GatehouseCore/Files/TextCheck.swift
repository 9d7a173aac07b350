/// Whether bytes that come in pieces are UTF-8 without NUL.
struct TextCheck: Sendable {
    /// Bytes that the character still needs.
    private var missing = 0
    /// What the next of them may be.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// No character is unfinished.
    var isWhole: Bool { missing == 0 }

    /// `false` when this cannot be the beginning of such a text.
    mutating func take(_ bytes: Span<UInt8>) -> Bool {
        let raw = bytes.bytes
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = 0
        while index < bytes.count {
            while missing == 0, bytes.count &- index >= 8 {
                let word = raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
                guard word & highs == 0, (word &- ones) & ~word & highs == 0 else { break }
                index &+= 8
            }
            guard index < bytes.count else { return true }
            guard step(bytes[index]) else { return false }
            index &+= 1
        }
        return true
    }

    private mutating func step(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard byte >= lowest, byte <= highest else { return false }
            missing -= 1
            (lowest, highest) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0x01...0x7F: return true
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE, 0xEF: missing = 2
        // Halves of surrogate pairs.
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, highest) = (3, 0x8F)
        default: return false
        }
        return true
    }
}
