/// What a model's name tells of what it takes.
///
/// Names that say nothing (`gemini-flash-latest`, a tuned model's number) count as the newest generation.
struct GeminiModel: Sendable, Equatable {
    enum Tier: Sendable { case pro, flash, lite, other }

    /// Major and minor, as in `gemini-2.5-pro`; `nil` where the name does not say.
    let version: (major: Int, minor: Int)?
    let tier: Tier

    init(_ name: String) {
        let last = name.split(separator: "/").last ?? ""
        let words = last.split(separator: "-")
        tier =
            words.contains("lite") ? .lite : words.contains("flash") ? .flash : words.contains("pro") ? .pro : .other
        guard words.first == "gemini" else {
            version = nil
            return
        }
        // `gemini-2.5-pro`, `gemini-live-2.5-flash`; `gemini-pro` and `gemini-pro-vision` are the first generation.
        if last == "gemini-pro" || last.hasPrefix("gemini-pro-vision") || last.hasPrefix("gemini-ultra") {
            version = (1, 0)
        } else {
            version = words.dropFirst().prefix(2).lazy.compactMap(Self.number).first
        }
    }

    static func == (left: GeminiModel, right: GeminiModel) -> Bool {
        left.version?.major == right.version?.major && left.version?.minor == right.version?.minor
            && left.tier == right.tier
    }

    func isAtLeast(_ major: Int, _ minor: Int = 0) -> Bool {
        guard let version else { return true }
        return version.major > major || (version.major == major && version.minor >= minor)
    }

    private static func number(_ word: Substring) -> (major: Int, minor: Int)? {
        let digits = word.split(separator: ".", maxSplits: 1)
        guard let first = digits.first, let major = Int(first) else { return nil }
        // `gemini-exp-1206` is a date.
        guard major < 100 else { return nil }
        return (major, digits.count > 1 ? Int(digits[1]) ?? 0 : 0)
    }
}
