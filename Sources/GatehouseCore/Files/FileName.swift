// Strings are normalized by the standard library itself, which compares them so; Foundation's way is not linked.
@_spi(_Unicode) import Swift

/// The name of a file as its sender wrote it, made harmless: it is kept and shown, and never becomes a path.
///
/// No part of it leads to another folder or hides the file, nothing in it is unseen or turns the direction of the text,
/// and every system could have a file of this name. Two names that differ only in how they were composed are the same.
package struct FileName: Sendable, Hashable {
    /// 1 to 255 bytes.
    package let text: String
    /// What follows the last dot, in lower case and with the dot; empty when there is none.
    package let ending: String

    private static let limit = 255
    private static let rawLimit = 8 << 10
    /// A longer one is not kept when a name is cut.
    private static let endingLimit = 32

    /// - Parameter raw: As it came: percent-encoded, or a whole path.
    /// - Throws: `invalid_filename` for a name that a system keeps for a device, and one of more than 8 KiB.
    package init(_ raw: String) throws(GatehouseError) {
        guard raw.utf8.count <= Self.rawLimit else { throw Self.invalid("is longer than 8 KiB") }
        let decoded = PercentEncoding.decoded(raw[...]) ?? raw
        let name = Self.trimmed(Self.replaced(Self.normalized(Self.seen(Self.lastPart(decoded)))))
        let whole = Self.cut(name.isEmpty ? "file" : name)
        guard !Self.isDevice(whole) else { throw Self.invalid("is one that Windows keeps for a device") }
        text = whole
        ending = Self.ending(of: whole).lowercased()
    }

    /// An ending that programs run or browsers show, in front of the last one: `.php` of `a.php.png`.
    package var hiddenEnding: String? {
        text.unicodeScalars.split(separator: ".").dropFirst().dropLast().lazy
            .map { String($0).lowercased().trimmedOfBlanks }
            .first { Self.dangerous.contains($0) }.map { "." + $0 }
    }

    // MARK: Steps

    private static func lastPart(_ text: String) -> Substring.UnicodeScalarView {
        let scalars = text.unicodeScalars
        guard let slash = scalars.lastIndex(where: { $0 == "/" || $0 == "\\" }) else { return scalars[...] }
        return scalars[scalars.index(after: slash)...]
    }

    /// Without control characters and without what has no shape of its own; what joins letters and signs stays.
    private static func seen(_ scalars: Substring.UnicodeScalarView) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in scalars {
            switch scalar.properties.generalCategory {
            case _ where scalar == "\0": kept.append("_")
            case .control, .lineSeparator, .paragraphSeparator, .surrogate: continue
            case .format where scalar != "\u{200C}" && scalar != "\u{200D}": continue
            default: kept.append(scalar)
            }
        }
        return String(kept)
    }

    /// In normalization form C.
    static func normalized(_ text: String) -> String {
        var composed = String.UnicodeScalarView()
        for scalar in text._nfc { composed.append(scalar) }
        return String(composed)
    }

    private static func replaced(_ text: String) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            kept.append(#"/\:*?"<>|"#.unicodeScalars.contains(scalar) ? "_" : scalar)
        }
        return String(kept)
    }

    /// Without dots and blanks at its ends; a hyphen in front, which commands take for an option, becomes a line.
    private static func trimmed(_ text: String) -> String {
        var rest = text.unicodeScalars[...]
        while let first = rest.first, isEdge(first) { rest.removeFirst() }
        while let last = rest.last, isEdge(last) { rest.removeLast() }
        return rest.first == "-" ? "_" + String(rest.dropFirst()) : String(rest)
    }

    private static func isEdge(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "." || scalar.properties.isWhitespace
    }

    /// With its dot, as it is written.
    private static func ending(of text: String) -> String {
        let scalars = text.unicodeScalars
        guard let dot = scalars.lastIndex(of: ".") else { return "" }
        return String(scalars[dot...])
    }

    /// Cut between two scalars in front of the ending.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > limit else { return text }
        let whole = ending(of: text)
        let ending = whole.utf8.count <= endingLimit ? whole : ""
        var rest = text.unicodeScalars.dropLast(ending.unicodeScalars.count)[...]
        var count = 0
        var end = rest.startIndex
        while end < rest.endIndex, count + UTF8.width(rest[end]) <= limit - ending.utf8.count {
            count += UTF8.width(rest[end])
            rest.formIndex(after: &end)
        }
        rest = rest[..<end]
        while let last = rest.last, isEdge(last) { rest.removeLast() }
        return (rest.isEmpty ? "file" : String(rest)) + ending
    }

    /// Windows takes such a name for the device, whatever follows its first dot.
    private static func isDevice(_ text: String) -> Bool {
        let base = String(text.unicodeScalars.prefix { $0 != "." }).trimmedOfBlanks.uppercased()
        guard base.hasPrefix("COM") || base.hasPrefix("LPT") else { return devices.contains(base) }
        let rest = base.unicodeScalars.dropFirst(3)
        return rest.count == 1 && rest.allSatisfy { "0123456789¹²³".unicodeScalars.contains($0) }
    }

    private static let devices: Set<String> = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]

    /// What servers run, systems start on a click, and browsers run scripts of. `.com` and `.pl` are ends of domains too.
    private static let dangerous: Set<String> = [
        "php", "php3", "php4", "php5", "php7", "php8", "phtml", "phar", "phps", "asp", "aspx", "ashx", "asmx", "cfm",
        "jsp", "jspx", "jsw", "jsv", "cgi", "fcgi", "shtml", "shtm", "stm", "html", "htm", "xhtml", "xht", "mhtml",
        "svg", "svgz", "swf", "js", "mjs", "jse", "vbs", "vbe", "wsf", "wsh", "hta", "exe", "scr", "pif", "bat", "cmd",
        "msi", "msp", "ps1", "psm1", "lnk", "reg", "dll", "cpl", "jar", "jnlp", "sh", "bash", "htaccess",
    ]

    private static func invalid(_ rule: String) -> GatehouseError {
        GatehouseError(.invalidFilename, "The name of the file \(rule).", param: "file")
    }
}

extension String {
    fileprivate var trimmedOfBlanks: String {
        var rest = unicodeScalars[...]
        while let last = rest.last, last.properties.isWhitespace { rest.removeLast() }
        while let first = rest.first, first.properties.isWhitespace { rest.removeFirst() }
        return String(rest)
    }
}
