/// Bedrock's words for formats of images, documents, sounds and films, and where their bytes are.
enum BedrockMedia {
    enum Kind: String, Sendable {
        case image, document, audio, video
    }

    // MARK: Formats

    private static let imageFormats = ["png", "jpeg", "gif", "webp"]
    private static let documentTypes: [(format: String, type: String)] = [
        ("pdf", "application/pdf"), ("csv", "text/csv"), ("doc", "application/msword"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("xls", "application/vnd.ms-excel"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), ("html", "text/html"),
        ("txt", "text/plain"), ("md", "text/markdown"),
    ]
    private static let videoTypes: [(format: String, type: String)] = [
        ("mkv", "video/x-matroska"), ("mov", "video/quicktime"), ("mp4", "video/mp4"), ("webm", "video/webm"),
        ("flv", "video/x-flv"), ("mpeg", "video/mpeg"), ("mpg", "video/mpg"), ("wmv", "video/x-ms-wmv"),
        ("three_gp", "video/3gpp"),
    ]
    private static let audioTypes: [(format: String, type: String)] = [
        ("mp3", "audio/mpeg"), ("mp3", "audio/mp3"), ("wav", "audio/wav"), ("wav", "audio/x-wav"),
        ("wav", "audio/wave"), ("opus", "audio/opus"), ("aac", "audio/aac"), ("flac", "audio/flac"),
        ("flac", "audio/x-flac"), ("ogg", "audio/ogg"), ("m4a", "audio/mp4"), ("m4a", "audio/x-m4a"),
        ("webm", "audio/webm"), ("pcm", "audio/pcm"), ("mka", "audio/x-matroska"),
    ]

    static func mediaType(_ format: String, _ kind: Kind) -> String {
        switch kind {
        case .image: "image/\(format)"
        case .document: documentTypes.first { $0.format == format }?.type ?? "application/\(format)"
        case .video: videoTypes.first { $0.format == format }?.type ?? "video/\(format)"
        case .audio: audioTypes.first { $0.format == format }?.type ?? "audio/\(format)"
        }
    }

    /// Bedrock's word for the format; `nil` where it has none.
    static func format(_ media: Media, _ kind: Kind) -> String? {
        let type = media.mediaType?.lowercased().prefix { $0 != ";" }.filter { $0 != " " }
        switch kind {
        case .image: return imageFormat(type, media)
        case .video: return videoTypes.first { $0.type == type }?.format
        case .audio: return audioTypes.first { $0.type == type }?.format
        case .document:
            if let type, type != "application/octet-stream" {
                if let found = documentTypes.first(where: { $0.type == type }) { return found.format }
                // Source code and the like are read as text.
                return type.hasPrefix("text/") || type == "application/json" ? "txt" : nil
            }
            return documentFormat(media)
        }
    }

    private static func imageFormat(_ type: String?, _ media: Media) -> String? {
        if let type, type != "application/octet-stream", type != "image/*" {
            let word = type == "image/jpg" ? "jpeg" : String(type.dropFirst("image/".count))
            return type.hasPrefix("image/") && imageFormats.contains(word) ? word : nil
        }
        let text: String
        switch media.source {
        case .base64(let data): text = data
        case .url(let url): return imageFormats.first { url.lowercased().hasSuffix(".\($0)") }
        case .file, .text: return nil
        }
        // The first bytes of each format, in Base64.
        let marks = [("iVBOR", "png"), ("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp")]
        return marks.first { text.hasPrefix($0.0) }?.1
    }

    private static func documentFormat(_ media: Media) -> String? {
        if case .text = media.source { return "txt" }
        if let dot = media.name?.lastIndex(of: "."), let name = media.name {
            let ending = name[name.index(after: dot)...].lowercased()
            if documentTypes.contains(where: { $0.format == ending }) { return ending }
        }
        if case .base64(let data) = media.source, data.hasPrefix("JVBER") { return "pdf" }
        return nil
    }

    // MARK: Reading

    /// Reads `{format, name, source, ...}`; `nil` when the source is one that only Bedrock knows.
    static func part(_ fields: JSONFields, _ kind: Kind) throws(GatehouseError) -> Part? {
        var fields = fields
        let format = try fields.string("format")
        var name: String?
        var notes: [JSONValue.Member] = []
        if kind == .document, let own = try fields.string("name") {
            name = own
            notes.append(.init("$name", .string(own)))
        }
        guard var source = try fields.object("source") else { throw fields.missing("source") }
        var media = Media(.text(""), mediaType: format.map { mediaType($0, kind) }, name: name)
        if let bytes = try source.string("bytes") {
            media.source = .base64(bytes)
        } else if let location = source.value("s3Location"), let uri = location["uri"]?.string {
            media.source = .url(uri)
            notes.append(.init("$location", location))
        } else if kind == .document, let text = try source.string("text") {
            media.source = .text(text)
            notes.append(.init("$text", .bool(true)))
        } else {
            return nil
        }
        if let format { notes.append(.init("$format", .string(format))) }
        let content: Part.Content =
            switch kind {
            case .image: .image(media)
            case .document: .document(media)
            case .audio: .audio(media)
            case .video: .video(media)
            }
        var part = Part(content)
        part.extensions = Extensions(.bedrock, notes + fields.rest)
        return part
    }

    // MARK: Writing

    /// Writes `{image: {format, source}}` and the like.
    ///
    /// - Parameters:
    ///   - name: A document's name, legal and not taken yet.
    ///   - path: Where the caller put it.
    static func block(
        _ media: Media, _ kind: Kind, notes: Extensions, name: String?, path: String
    ) throws(GatehouseError) -> JSONValue {
        let isOwn = notes.dialects.contains(.bedrock)
        let format = isOwn ? notes[.bedrock, "$format"]?.string : format(media, kind)
        guard format != nil || isOwn else { throw unsupported(path, "the format of this \(kind.rawValue)") }
        let source: JSONValue
        switch media.source {
        case .base64(let data): source = .object(["bytes": .string(data)])
        case .url(let url) where url.hasPrefix("s3://"):
            source = .object(["s3Location": notes[.bedrock, "$location"] ?? .object(["uri": .string(url)])])
        case .text(let text) where notes[.bedrock, "$text"] != nil: source = .object(["text": .string(text)])
        case .text(let text): source = .object(["bytes": .string(BedrockBlob.encode(text))])
        case .url: throw unsupported(path, "a URL that is not s3://; send the bytes")
        case .file: throw unsupported(path, "a file's id; send the bytes")
        }
        let value = JSONValue.object([
            "format": format.map { .string($0) }, "name": name.map { .string($0) }, "source": source,
        ])
        return .object([.init(kind.rawValue, value.adding(notes.written(.bedrock)))])
    }

    static func unsupported(_ path: String, _ what: String) -> GatehouseError {
        GatehouseError(.unsupportedParameter, "Amazon Bedrock does not take \(what) (\(path)).", param: path)
    }
}

/// Names of documents: letters, digits, single blanks, hyphens, parentheses and square brackets, at most 200, and no
/// two alike in one request.
struct BedrockDocumentNames: Sendable {
    private var taken: Set<String> = []

    mutating func legal(_ name: String?) -> String {
        var legal = ""
        for character in name ?? "" {
            let isLegal =
                character.isASCII && (character.isLetter || character.isNumber || "-()[]".contains(character))
            if isLegal {
                legal.append(character)
            } else if legal.last != " ", !legal.isEmpty {
                legal.append(" ")
            }
            if legal.utf8.count == 190 { break }
        }
        while legal.last == " " { legal.removeLast() }
        if legal.isEmpty { legal = "document" }
        var candidate = legal
        var number = 2
        while !taken.insert(candidate).inserted {
            candidate = "\(legal) (\(number))"
            number += 1
        }
        return candidate
    }
}
