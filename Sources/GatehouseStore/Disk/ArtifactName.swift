/// The names of artifacts: as callers see them, and as files on the disk.
enum ArtifactName {
    private static let depth = 8
    /// Bytes of a name as a file of the disk; file systems take 255.
    private static let limit = 240

    /// A path made harmless: of each part the control characters, backslashes and leading dots are replaced, empty parts go.
    /// `nil` for what is too deep or too long to be named.
    static func normalized(_ path: String) -> String? {
        let parts = path.split(separator: "/").filter { $0 != "." && $0 != ".." }.map(harmless)
        guard !parts.isEmpty, parts.count <= depth else { return nil }
        let name = parts.joined(separator: "/")
        return encoded(name).utf8.count <= limit ? name : nil
    }

    private static func harmless(_ part: Substring) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in part.unicodeScalars {
            let isHidden = scalars.isEmpty && (scalar == "." || scalar == "~")
            let isUnseen = scalar.properties.generalCategory == .format || scalar.properties.generalCategory == .control
            scalars.append(isHidden || isUnseen || scalar == "\\" || scalar == "\u{FFFD}" ? "_" : scalar)
        }
        return String(scalars)
    }

    /// A name as one file's name, reversibly: what is no letter, digit, point in the middle, `_` or `-` becomes `%XX`.
    static func encoded(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "_-".utf8.contains(byte)
            if isPlain || byte == UInt8(ascii: "."), !text.isEmpty || byte != UInt8(ascii: ".") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return text
    }

    /// What `encoded` made it of; `nil` for a file of another kind.
    static func decoded(_ file: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(file.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        let name = String(decoding: bytes, as: UTF8.self)
        return encoded(name) == file ? name : nil
    }
}
