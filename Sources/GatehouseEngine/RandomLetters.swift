/// What ids are made of that nobody may guess.
enum RandomLetters {
    /// So many letters and digits, with five bits of chance in each.
    static func make(_ count: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        return String(decoding: (0..<count).map { _ in letters[Int.random(in: 0..<letters.count)] }, as: UTF8.self)
    }
}
