import GatehouseCore

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

    /// A name as one file's name, reversibly.
    static func encoded(_ name: String) -> String { PercentEncoding.encoded(name) }

    /// What `encoded` made it of; `nil` for a file of another kind.
    static func decoded(_ file: String) -> String? {
        guard let name = PercentEncoding.decoded(file[...]), encoded(name) == file, normalized(name) == name else {
            return nil
        }
        return name
    }
}
