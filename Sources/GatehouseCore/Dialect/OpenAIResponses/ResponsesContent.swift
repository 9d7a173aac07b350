/// Reads and writes the parts of a message's content.
enum ResponsesContent {
    /// - Parameter role: Whose message it is; it decides the usual type of a text.
    static func read(
        _ value: JSONValue, role: Message.Role, path: String
    ) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let type = try fields.requiredString("type")
        switch type {
        case "input_text", "output_text", "text": return try text(&fields, type: type)
        case "refusal":
            var part = Part(.refusal(try fields.requiredString("refusal")))
            part.extensions = Extensions(.openAIResponses, fields.rest)
            return part
        case "input_image": return try image(&fields)
        case "input_file": return try file(&fields)
        case "input_audio": return try audio(&fields)
        default:
            var part = Part(.native(.openAIResponses, type: type, value))
            part.extensions.noteResponses(ResponsesNote.content)
            return part
        }
    }

    private static func text(_ fields: inout JSONFields, type: String) throws(GatehouseError) -> Part {
        var part = Part.text(try fields.requiredString("text"))
        var note = [JSONValue.Member("type", .string(type))]
        if let annotations = try fields.array("annotations") {
            note.append(.init("annotations", .array([])))
            part.citations = annotations.map(ResponsesCitation.read)
        }
        if let logprobs = fields.value("logprobs") { note.append(.init("logprobs", logprobs)) }
        part.extensions = Extensions(.openAIResponses, fields.rest)
        part.extensions.noteResponses(ResponsesNote.part, .object(note))
        return part
    }

    private static func image(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        let detail = try fields.string("detail")
        let media: Media
        var raw: String?
        if let url = try fields.string("image_url") {
            media = Media(url: url, detail: detail)
            if media.url != url { raw = url }
        } else if let file = try fields.string("file_id") {
            media = Media(.file(file), detail: detail)
        } else {
            throw fields.missing("image_url")
        }
        return part(.image(media), fields, raw: raw)
    }

    private static func file(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        let name = try fields.string("filename")
        var media: Media
        var raw: String?
        if let data = try fields.string("file_data") {
            media = Media(url: data, name: name)
            if case .url = media.source { media.source = .base64(data) }
            if media.mediaType == nil, name?.hasSuffix(".pdf") == true { media.mediaType = "application/pdf" }
            if media.url != data { raw = data }
        } else if let url = try fields.string("file_url") {
            media = Media(.url(url), name: name)
        } else if let file = try fields.string("file_id") {
            media = Media(.file(file), name: name)
        } else {
            throw fields.missing("file_data")
        }
        return part(.document(media), fields, raw: raw)
    }

    private static func audio(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard var audio = try fields.object("input_audio") else { throw fields.missing("input_audio") }
        let data = try audio.requiredString("data")
        let format = try audio.requiredString("format")
        var part = part(.audio(Media(.base64(data), mediaType: AudioFormat.mediaType(format))), fields, raw: nil)
        part.extensions.noteResponses(ResponsesNote.part, .object([.init("format", .string(format))] + audio.rest))
        return part
    }

    private static func part(_ content: Part.Content, _ fields: JSONFields, raw: String?) -> Part {
        var part = Part(content)
        part.extensions = Extensions(.openAIResponses, fields.rest)
        if let raw { part.extensions.noteResponses(ResponsesNote.raw, .string(raw)) }
        return part
    }
}

extension ResponsesContent {
    /// The part as content of a message; `nil` for what has no place there.
    ///
    /// - Parameter isAnswer: With the members that an answer always has.
    static func write(_ part: Part, role: Message.Role, isAnswer: Bool = false) -> JSONValue? {
        let own = part.extensions.written(.openAIResponses)
        switch part.content {
        case .text(let text): return write(text, part, role: role, isAnswer: isAnswer).adding(own)
        case .refusal(let text) where role == .assistant:
            return JSONValue.object(["type": .string("refusal"), "refusal": .string(text)]).adding(own)
        case .refusal(let text): return .object(["type": .string("input_text"), "text": .string(text)])
        case .image(let media) where role != .assistant: return image(media, part)?.adding(own)
        case .document(let media) where role != .assistant: return file(media, part)?.adding(own)
        case .audio(let media) where role != .assistant: return audio(media, part)?.adding(own)
        case .native(.openAIResponses, _, let value)
        where part.extensions.responsesNote(ResponsesNote.content) != nil:
            return value
        default: return nil
        }
    }

    private static func write(_ text: String, _ part: Part, role: Message.Role, isAnswer: Bool) -> JSONValue {
        var members: [JSONValue.Member] = []
        if let note = part.extensions.responsesNote(ResponsesNote.part)?.object {
            members = note
        } else if role == .assistant {
            members = [.init("type", .string("output_text"))]
            if isAnswer { members += [.init("annotations", .array([])), .init("logprobs", .array([]))] }
        } else {
            members = [.init("type", .string("input_text"))]
        }
        if let place = members.firstIndex(where: { $0.key == "annotations" }) {
            members[place].value = .array(part.citations.compactMap(ResponsesCitation.write))
        }
        members.append(.init("text", .string(text)))
        return .object(members)
    }

    private static func image(_ media: Media, _ part: Part) -> JSONValue? {
        var members = [JSONValue.Member("type", .string("input_image"))]
        if let raw = part.extensions.responsesNote(ResponsesNote.raw) {
            members.append(.init("image_url", raw))
        } else if case .file(let id) = media.source {
            members.append(.init("file_id", .string(id)))
        } else if let url = media.url, isReachable(url) {
            members.append(.init("image_url", .string(url)))
        } else {
            return nil
        }
        if let detail = media.detail { members.append(.init("detail", .string(detail))) }
        return .object(members)
    }

    private static func file(_ media: Media, _ part: Part) -> JSONValue? {
        var members = [JSONValue.Member("type", .string("input_file"))]
        switch media.source {
        case .text(let text): return .object(["type": .string("input_text"), "text": .string(text)])
        case .file(let id): members.append(.init("file_id", .string(id)))
        case .url(let url):
            guard isReachable(url) else { return nil }
            members.append(.init("file_url", .string(url)))
        case .base64:
            let raw = part.extensions.responsesNote(ResponsesNote.raw)
            members.append(.init("file_data", raw ?? .string(media.url ?? "")))
        }
        if let name = media.name {
            members.append(.init("filename", .string(name)))
        } else if case .base64 = media.source, part.extensions.isEmpty {
            // The vendor wants a name beside data.
            members.append(.init("filename", .string(media.mediaType == "application/pdf" ? "file.pdf" : "file")))
        }
        return .object(members)
    }

    private static func audio(_ media: Media, _ part: Part) -> JSONValue? {
        guard case .base64(let data) = media.source else { return nil }
        let note = part.extensions.responsesNote(ResponsesNote.part)?.object
        let format = note ?? [.init("format", .string(AudioFormat.name(media.mediaType)))]
        return .object([
            "type": .string("input_audio"), "input_audio": .object([.init("data", .string(data))] + format),
        ])
    }

    /// The vendor fetches only what it can reach by these schemes.
    private static func isReachable(_ url: String) -> Bool {
        url.hasPrefix("https:") || url.hasPrefix("http:") || url.hasPrefix("data:")
    }
}

/// The vendor's words for kinds of sound.
private enum AudioFormat {
    static func mediaType(_ format: String) -> String { format == "mp3" ? "audio/mpeg" : "audio/\(format)" }

    static func name(_ mediaType: String?) -> String {
        switch mediaType {
        case "audio/mpeg", "audio/mp3": "mp3"
        case .some(let type) where type.hasPrefix("audio/"): String(type.dropFirst("audio/".count))
        default: "wav"
        }
    }
}

/// Reads and writes annotations.
enum ResponsesCitation {
    static func read(_ value: JSONValue) -> Citation {
        var citation = Citation(
            url: value["url"]?.string, title: value["title"]?.string ?? value["filename"]?.string,
            start: value["start_index"]?.count, end: value["end_index"]?.count)
        citation.extensions.noteResponses(ResponsesNote.raw, value)
        return citation
    }

    /// `nil` for what quotes no page of the web: a file's annotation needs an id that only its own vendor knows.
    static func write(_ citation: Citation) -> JSONValue? {
        if let raw = citation.extensions.responsesNote(ResponsesNote.raw) { return raw }
        guard let url = citation.url else { return nil }
        let start = citation.start ?? 0
        return .object([
            "type": .string("url_citation"), "start_index": .int(start),
            "end_index": .int(max(start, citation.end ?? start)), "url": .string(url),
            "title": .string(citation.title ?? ""),
        ])
    }
}
