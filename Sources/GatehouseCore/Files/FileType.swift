/// What a file is, as far as its ending tells. `ContentCheck` sees to it that this is no lie.
package struct FileType: Sendable, Equatable {
    package enum Family: String, Sendable, CaseIterable {
        case text
        /// Text that browsers would run scripts of.
        case markup
        case image
        /// PDF.
        case document
        /// Zip files with documents in them.
        case office
        case archive
        case audio
        case video
        /// Nobody here knows what it is.
        case other
    }

    /// What is kept and served. Programs are served as plain text.
    package let mediaType: String
    package let family: Family

    /// Its bytes are UTF-8.
    package var isText: Bool { family == .text || family == .markup }

    /// As a header says it.
    package var contentType: String { isText ? mediaType + "; charset=utf-8" : mediaType }

    private init(mediaType: String, family: Family) {
        self.mediaType = mediaType
        self.family = family
    }

    static let opaque = FileType(mediaType: "application/octet-stream", family: .other)

    /// - Parameter ending: In lower case, with its dot. An unknown one is opaque.
    package init(ending: String) {
        self = Self.byEnding[ending] ?? Self.opaque
    }

    /// Reads what was kept: the inverse of `mediaType`.
    package init(mediaType: String) {
        self = Self.byMediaType[mediaType] ?? Self.opaque
    }

    // MARK: The table

    private struct Row {
        let endings: String
        let mediaType: String
        let family: Family
        /// Other names that senders have for it.
        var also = ""
    }

    private static let office = "application/vnd.openxmlformats-officedocument."

    private static let rows = [
        Row(endings: "txt text log ini cfg conf srt vtt rst tex diff patch", mediaType: "text/plain", family: .text),
        Row(
            endings: """
                swift c h cc cpp hpp cs java kt scala go rs rb py pl lua r sh bash sql css js mjs ts tsx jsx php proto
                """, mediaType: "text/plain", family: .text,
            also: "text/javascript application/javascript application/x-javascript application/x-sh application/sql "
                + "application/typescript video/mp2t application/x-httpd-php"),
        Row(endings: "md markdown", mediaType: "text/markdown", family: .text),
        Row(
            endings: "csv", mediaType: "text/csv", family: .text,
            also: "application/csv application/vnd.ms-excel"),
        Row(endings: "tsv", mediaType: "text/tab-separated-values", family: .text),
        Row(endings: "json", mediaType: "application/json", family: .text),
        Row(
            endings: "jsonl ndjson", mediaType: "application/jsonl", family: .text,
            also: "application/x-ndjson application/ndjson application/x-jsonlines application/json"),
        Row(endings: "yaml yml", mediaType: "application/yaml", family: .text, also: "application/x-yaml"),
        Row(endings: "toml", mediaType: "application/toml", family: .text),
        Row(endings: "xml", mediaType: "application/xml", family: .markup),
        Row(endings: "html htm", mediaType: "text/html", family: .markup, also: "application/xhtml+xml"),
        Row(endings: "svg", mediaType: "image/svg+xml", family: .markup),
        Row(endings: "pdf", mediaType: "application/pdf", family: .document, also: "application/x-pdf"),
        Row(endings: "png", mediaType: "image/png", family: .image, also: "image/x-png"),
        Row(endings: "jpg jpeg", mediaType: "image/jpeg", family: .image, also: "image/jpg image/pjpeg"),
        Row(endings: "gif", mediaType: "image/gif", family: .image),
        Row(endings: "webp", mediaType: "image/webp", family: .image),
        Row(endings: "bmp", mediaType: "image/bmp", family: .image, also: "image/x-ms-bmp image/x-bmp"),
        Row(endings: "avif", mediaType: "image/avif", family: .image),
        Row(endings: "heic", mediaType: "image/heic", family: .image, also: "image/heif"),
        Row(endings: "docx", mediaType: office + "wordprocessingml.document", family: .office),
        Row(endings: "xlsx", mediaType: office + "spreadsheetml.sheet", family: .office),
        Row(endings: "pptx", mediaType: office + "presentationml.presentation", family: .office),
        Row(endings: "odt", mediaType: "application/vnd.oasis.opendocument.text", family: .office),
        Row(endings: "ods", mediaType: "application/vnd.oasis.opendocument.spreadsheet", family: .office),
        Row(endings: "odp", mediaType: "application/vnd.oasis.opendocument.presentation", family: .office),
        Row(endings: "epub", mediaType: "application/epub+zip", family: .office),
        Row(
            endings: "zip", mediaType: "application/zip", family: .archive,
            also: "application/x-zip-compressed application/x-zip"),
        Row(endings: "gz", mediaType: "application/gzip", family: .archive, also: "application/x-gzip"),
        Row(
            endings: "wav", mediaType: "audio/wav", family: .audio,
            also: "audio/x-wav audio/wave audio/vnd.wave audio/x-pn-wav"),
        Row(endings: "mp3", mediaType: "audio/mpeg", family: .audio, also: "audio/mp3 audio/x-mp3 audio/mpeg3"),
        Row(endings: "m4a", mediaType: "audio/mp4", family: .audio, also: "audio/x-m4a audio/m4a video/mp4"),
        Row(
            endings: "ogg oga opus", mediaType: "audio/ogg", family: .audio,
            also: "application/ogg audio/opus video/ogg"),
        Row(endings: "flac", mediaType: "audio/flac", family: .audio, also: "audio/x-flac"),
        Row(endings: "mp4 m4v", mediaType: "video/mp4", family: .video, also: "video/x-m4v audio/mp4"),
        Row(endings: "webm", mediaType: "video/webm", family: .video, also: "audio/webm"),
        Row(endings: "mov", mediaType: "video/quicktime", family: .video, also: "video/mp4"),
    ]

    private static let byEnding: [String: FileType] = {
        var table: [String: FileType] = [:]
        for row in rows {
            let type = FileType(mediaType: row.mediaType, family: row.family)
            for ending in row.endings.split(separator: " ") { table[".\(ending)"] = type }
        }
        return table
    }()

    private static let byMediaType: [String: FileType] = {
        var table: [String: FileType] = [:]
        for row in rows { table[row.mediaType] = FileType(mediaType: row.mediaType, family: row.family) }
        return table
    }()

    private static let alsoByEnding: [String: Set<Substring>] = {
        var table: [String: Set<Substring>] = [:]
        for row in rows {
            for ending in row.endings.split(separator: " ") {
                table[".\(ending)"] = Set(row.also.split(separator: " "))
            }
        }
        return table
    }()

    /// All names that somebody has for a known type.
    private static let known: Set<Substring> = Set(rows.flatMap { [$0.mediaType[...]] + $0.also.split(separator: " ") })

    // MARK: What others call it

    /// What says nothing.
    private static let silent: Set<String> = [
        "", "application/octet-stream", "binary/octet-stream", "application/unknown",
    ]

    /// Whether a file with this ending may be called `declared` by its sender.
    ///
    /// - Parameter declared: A media type in lower case without parameters.
    func isDeclared(_ declared: String, ending: String) -> Bool {
        if Self.silent.contains(declared) || declared == mediaType { return true }
        if Self.alsoByEnding[ending]?.contains(declared[...]) == true { return true }
        // Senders have many names for text, but only one for what browsers run.
        if isText { return declared.hasPrefix("text/") && declared != "text/html" && declared != "text/javascript" }
        return family == .other && !Self.known.contains(declared[...]) && !declared.hasPrefix("text/")
    }

    /// Whether libmagic may call such a file `sniffed`. It knows few kinds of text, takes prose with commas for CSV, and
    /// Office files whose members come in another order for plain archives.
    func isSniffed(_ sniffed: String) -> Bool {
        if sniffed == mediaType || sniffed.hasSuffix("/x-empty") { return true }
        let other = Self.byMediaType[Self.sniffedNames[sniffed] ?? sniffed]
        switch family {
        // That it is UTF-8 is known. What it is of it, is not asked: Markdown may hold HTML, and prose may speak of it.
        case .text: return other.map { $0.isText && $0.mediaType != "image/svg+xml" } ?? !Self.isProgram(sniffed)
        case .markup: return other?.isText ?? sniffed.hasPrefix("text/")
        case .office: return sniffed == "application/zip" || sniffed == "application/octet-stream"
        case .archive where mediaType == "application/zip":
            return other?.family == .office || sniffed.contains("zip")
                || sniffed == "application/java-archive"
        case .image, .document, .archive: return other == self
        case .audio, .video:
            return other == self || sniffed == "application/octet-stream" || other.map(isKin) == true
        case .other:
            return !Self.isProgram(sniffed) && sniffed != "text/html"
                && (other == nil || other?.family == .archive || other?.family == .text)
        }
    }

    /// Sound and pictures share their containers.
    private func isKin(_ other: FileType) -> Bool {
        let kin = [["audio/mp4", "video/mp4", "video/quicktime"], ["audio/ogg"], ["video/webm"]]
        return kin.contains { $0.contains(mediaType) && $0.contains(other.mediaType) }
    }

    private static func isProgram(_ sniffed: String) -> Bool {
        [
            "application/x-executable", "application/x-pie-executable", "application/x-sharedlib",
            "application/x-object",
            "application/x-dosexec", "application/x-mach-binary", "application/vnd.microsoft.portable-executable",
            "application/x-ms-dos-executable",
        ].contains(sniffed)
    }

    /// Names that only libmagic has.
    private static let sniffedNames = [
        "image/x-ms-bmp": "image/bmp", "audio/x-wav": "audio/wav", "audio/x-m4a": "audio/mp4",
        "text/xml": "application/xml",
        "video/x-m4v": "video/mp4", "application/x-gzip": "application/gzip", "video/ogg": "audio/ogg",
        "application/ogg": "audio/ogg", "audio/x-flac": "audio/flac", "image/heif": "image/heic",
        "video/x-matroska": "video/webm", "application/x-ndjson": "application/jsonl",
    ]
}
