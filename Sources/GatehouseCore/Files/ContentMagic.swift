/// What the first bytes of files tell.
enum ContentMagic {
    /// More than any of these looks at.
    static let needed = 64

    /// Whether a file that begins so can be of this type.
    ///
    /// - Parameter head: The first bytes: `needed`, or all that there are.
    static func matches(_ type: FileType, _ head: [UInt8]) -> Bool {
        switch type.mediaType {
        case "image/png":
            return has(head, [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) && has(head, "IHDR", at: 12)
        case "image/jpeg": return has(head, [0xFF, 0xD8, 0xFF])
        case "image/gif": return (has(head, "GIF87a") || has(head, "GIF89a")) && !isScript(head.dropFirst(6))
        case "image/webp": return has(head, "RIFF") && has(head, "WEBP", at: 8) && !isScript(head.dropFirst(4))
        case "image/bmp": return has(head, "BM") && !isScript(head.dropFirst(2))
        case "image/avif", "image/heic", "audio/mp4", "video/mp4": return has(head, "ftyp", at: 4)
        case "video/quicktime":
            return ["ftyp", "moov", "mdat", "wide", "free", "skip"].contains { has(head, $0, at: 4) }
        case "application/pdf": return has(head, "%PDF-")
        case "application/zip": return has(head, [0x50, 0x4B, 3, 4]) || has(head, [0x50, 0x4B, 5, 6])
        case "application/gzip": return has(head, [0x1F, 0x8B, 8])
        case "audio/wav": return has(head, "RIFF") && has(head, "WAVE", at: 8) && !isScript(head.dropFirst(4))
        case "audio/flac": return has(head, "fLaC")
        case "audio/ogg": return has(head, "OggS")
        case "audio/mpeg": return has(head, "ID3") || head.count > 1 && head[0] == 0xFF && head[1] & 0xE0 == 0xE0
        case "video/webm": return has(head, [0x1A, 0x45, 0xDF, 0xA3])
        default: break
        }
        switch type.family {
        case .office: return has(head, [0x50, 0x4B, 3, 4])
        // The mark of UTF-7 goes on with one of four.
        case .text: return !isPage(head) && !(has(head, "+/v") && head.count > 3 && "89+/".utf8.contains(head[3]))
        case .other: return !isKnown(head) && !isPage(head)
        default: return true
        }
    }

    /// A picture whose sizes read as the beginning of a comment or an assignment is a program at the same time.
    private static func isScript(_ rest: ArraySlice<UInt8>) -> Bool {
        if rest.starts(with: "/*".utf8) || rest.starts(with: "//".utf8) { return true }
        return rest.first == UInt8(ascii: "=") && rest.dropFirst().prefix(6).allSatisfy { (0x09...0x7E).contains($0) }
    }

    /// Something that has an ending of its own, or is a program.
    private static func isKnown(_ head: [UInt8]) -> Bool {
        let text = ["GIF8", "%PDF", "#!", "MZ", "\u{7F}ELF", "fLaC", "OggS", "RIFF"]
        let binary: [[UInt8]] = [
            [0x89, 0x50, 0x4E, 0x47], [0xFF, 0xD8, 0xFF], [0xFE, 0xED, 0xFA, 0xCE], [0xFE, 0xED, 0xFA, 0xCF],
            [0xCF, 0xFA, 0xED, 0xFE], [0xCE, 0xFA, 0xED, 0xFE], [0xCA, 0xFE, 0xBA, 0xBE],
        ]
        return text.contains { has(head, $0) } || binary.contains { has(head, $0) }
    }

    /// Begins as a page that browsers would show, behind blanks.
    private static func isPage(_ head: [UInt8]) -> Bool {
        var rest = head[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        rest = rest.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let start = rest.prefix(16).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return ["<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<svg"].contains {
            start.starts(with: $0.utf8)
        }
    }

    private static func has(_ head: [UInt8], _ text: String, at start: Int = 0) -> Bool {
        head.dropFirst(start).starts(with: text.utf8)
    }

    private static func has(_ head: [UInt8], _ bytes: [UInt8]) -> Bool { head.starts(with: bytes) }

    /// Where readers of PDF look for its beginning. They take it with anything in front.
    static let pdfSearch = 1024

    /// Whether readers of PDF would take it although it is no such file.
    static func hidesPDF(_ head: [UInt8]) -> Bool {
        let searched = head.prefix(pdfSearch + 8)
        guard searched.count > 6 else { return false }
        return (0..<(searched.count - 5)).contains { index in
            searched[index] == UInt8(ascii: "%") && searched[index...].starts(with: "%PDF-".utf8)
        }
    }
}
