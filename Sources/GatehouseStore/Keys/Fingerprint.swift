/// The digest of a whole token, of 32 bytes.
struct Fingerprint: Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Missing bytes are zeros; there are none of a digest.
    init(_ bytes: UnsafeRawBufferPointer) {
        func word(_ index: Int) -> UInt64 {
            bytes.count >= index * 8 + 8 ? bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) : 0
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// Looks at all words always.
    static func == (left: Fingerprint, right: Fingerprint) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3)
        return difference == 0
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}
