/// Ids for function calls that came without one: the same call always gets the same, and calls of different turns
/// differ.
enum OllamaCallID {
    /// - Parameters:
    ///   - turn: What tells the turn from others: when it was made, or where it stands.
    ///   - index: The number of the call within the turn.
    static func make(turn: String, index: Int, name: String, arguments: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for text in [turn, String(index), name, arguments] {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
            hash = (hash ^ 0xFF) &* 0x0000_0100_0000_01B3
        }
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        var id = Array("call_".utf8)
        for _ in 0..<12 {
            id.append(digits[Int(hash % 36)])
            hash /= 36
        }
        return String(decoding: id, as: UTF8.self)
    }
}
