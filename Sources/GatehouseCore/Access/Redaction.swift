/// Takes out of a text what its reader must not learn: secrets that are known, what looks like one, addresses of mail, and
/// whose home it is.
///
/// It is for texts that leave the house, such as a transcript in a report of a bug. Rather a word too many is lost than one
/// too few: the shapes of tokens are those that vendors print, and any long word that looks drawn by chance.
package struct Redaction: Sendable {
    package static let secret = "<secret>"
    package static let mail = "<email>"
    package static let home = "<home>"

    /// Known secrets, the longest first, so that one that holds another goes as a whole.
    private let secrets: [[UInt8]]
    private let homes: [[UInt8]]

    /// Secrets of fewer bytes are left: they would tear holes into every word.
    private static let fewestBytes = 6

    package init(secrets: [Secret] = [], homes: [String] = []) {
        self.secrets = Self.sorted(secrets.map { $0.reveal() }, fewest: Self.fewestBytes)
        self.homes = Self.sorted(homes.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }, fewest: 2)
    }

    private static func sorted(_ texts: [String], fewest: Int) -> [[UInt8]] {
        Set(texts).map { Array($0.utf8) }.filter { $0.count >= fewest }.sorted { $0.count > $1.count }
    }

    package func clean(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets { bytes = Self.replace(secret, in: bytes, with: Self.secret) { _ in true } }
        for home in homes {
            bytes = Self.replace(home, in: bytes, with: Self.home) { next in next.map { !Self.isOfName($0) } ?? true }
        }
        return String(decoding: Self.withoutTokens(bytes), as: UTF8.self)
    }

    /// - Parameter ends: Whether a match counts, by the byte behind it.
    private static func replace(
        _ pattern: [UInt8], in bytes: [UInt8], with word: String, ends: (UInt8?) -> Bool
    ) -> [UInt8] {
        guard let first = pattern.first, bytes.count >= pattern.count else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let end = index + pattern.count
            if bytes[index] == first, end <= bytes.count, bytes[index..<end].elementsEqual(pattern),
                ends(end < bytes.count ? bytes[end] : nil)
            {
                result += word.utf8
                index = end
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    // MARK: Shapes

    /// Looks at each word of letters, digits and what tokens are also made of.
    private static func withoutTokens(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            guard isOfToken(bytes[index]) else {
                result.append(bytes[index])
                index += 1
                continue
            }
            let end = bytes[index...].firstIndex { !isOfToken($0) } ?? bytes.endIndex
            // What an escape of JSON leaves in front of a word is none of it: `\nsk-…`.
            let isEscaped = result.last == UInt8(ascii: "\\")
            let start = isEscaped ? index + 1 : index
            if isEscaped { result.append(bytes[index]) }
            result += replacement(of: bytes[start..<end], before: result)
            index = end
        }
        return result
    }

    private static func replacement(of word: ArraySlice<UInt8>, before: [UInt8]) -> [UInt8] {
        if isMail(word) { return Array(mail.utf8) }
        // The scheme of `Authorization: Bearer …` is none; what follows it is.
        if isScheme(word) { return Array(word) }
        if isToken(word) || word.count >= fewestBytes && isAnnounced(by: before, word) { return Array(secret.utf8) }
        // `NAME=value` is one word; so is `https://user:password@host` behind its slashes.
        if let split = word.lastIndex(of: UInt8(ascii: "=")), split > word.startIndex, split + 1 < word.endIndex {
            let name = Array(word[..<split]), value = word[(split + 1)...]
            if isToken(value) || isCredentialName(name) { return name + Array("=\(secret)".utf8) }
        }
        return Array(word)
    }

    /// Beginnings that vendors give to their tokens.
    private static let prefixes = [
        "sk-", "pk-", "rk-", "sk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
        "xapp-", "AIza", "ya29.", "1//", "AKIA", "ASIA", "hf_", "gsk_", "xai-", "pplx-", "r8_", "nvapi-", "gh-admin-",
        "gh-", "eyJ", "key_", "tvly-", "csk-", "or-v1-",
    ].map { Array($0.utf8) }

    private static func isToken(_ word: ArraySlice<UInt8>) -> Bool {
        if word.count >= 16, prefixes.contains(where: { word.starts(with: $0) }), word.contains(where: isDigit) {
            return true
        }
        return word.count >= 40 && looksDrawn(word)
    }

    /// Upper case, lower case and digits, or nothing but digits of base 16, without the pauses of a path or an id.
    private static func looksDrawn(_ word: ArraySlice<UInt8>) -> Bool {
        guard !word.contains(UInt8(ascii: "/")), word.contains(where: isDigit) else { return false }
        if word.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0) }) { return true }
        return word.contains { (0x41...0x5A).contains($0) } && word.contains { (0x61...0x7A).contains($0) }
    }

    private static func isMail(_ word: ArraySlice<UInt8>) -> Bool {
        let parts = word.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[0].contains(UInt8(ascii: "/")) else { return false }
        let labels = parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty }), let top = labels.last, top.count >= 2 else {
            return false
        }
        return top.allSatisfy { (0x61...0x7A).contains($0 | 0x20) }
    }

    /// What announces a credential: `Bearer …`, `"apiKey": "…"`, `password=…`.
    private static let credentialWords = [
        "authorization", "apikey", "api_key", "api-key", "token", "secret", "password", "passwd", "cookie",
        "credential", "credentials", "refresh_token", "access_token", "client_secret", "id_token", "accesstoken",
        "refreshtoken", "authtoken", "auth_token", "session_key", "private_key",
    ].map { Array($0.utf8) }

    /// Whether the text so far ends with such a word, and nothing but marks between it and what comes.
    private static func isAnnounced(by before: [UInt8], _ word: ArraySlice<UInt8>) -> Bool {
        let tail = before.suffix(64)
        guard let last = tail.lastIndex(where: { isOfName($0) }) else { return false }
        let marks = before[(last + 1)...]
        guard !marks.isEmpty, marks.count <= 6, marks.allSatisfy({ " \t:=\"'\\".utf8.contains($0) }) else {
            return false
        }
        let begin = tail[...last].lastIndex { !isOfName($0) }.map { $0 + 1 } ?? tail.startIndex
        let name = tail[begin...last]
        if isScheme(name) { return word.count >= 12 || name.count == 6 }
        // In prose such words are followed by others; as the name of a member they are not.
        guard marks.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "=") }) else { return false }
        return isCredentialName(Array(name))
    }

    private static func isScheme(_ word: ArraySlice<UInt8>) -> Bool {
        let lower = word.map { $0 | 0x20 }
        return lower.elementsEqual("bearer".utf8) || lower.elementsEqual("basic".utf8)
    }

    private static func isCredentialName(_ name: [UInt8]) -> Bool {
        let lower = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return credentialWords.contains { word in
            lower == word
                || lower.count > word.count && lower.suffix(word.count).elementsEqual(word)
                    && [UInt8(ascii: "_"), UInt8(ascii: "-")].contains(lower[lower.count - word.count - 1])
        } || lower.suffix(4).elementsEqual("_key".utf8)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isOfName(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func isOfToken(_ byte: UInt8) -> Bool {
        isOfName(byte) || ".+/=@~%".utf8.contains(byte)
    }
}
