/// Reads the parts of a message's `content`.
enum OpenAIContentReader {
    /// - Throws: `GatehouseError` that names the field.
    static func part(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let type = try fields.requiredString("type")
        var part: Part
        switch type {
        case "text": part = .text(try fields.requiredString("text"))
        case "refusal":
            part = Part(.refusal(try fields.requiredString("refusal")))
            part.extensions[.openAIChat, OpenAINote.inline] = .bool(true)
        case "image_url", "video_url", "audio_url", "document_url", "file_url":
            part = try linked(type, &fields)
        case "input_audio": part = try audio(&fields)
        case "file": part = try file(&fields)
        case "thinking":
            part = Part(.thinking(Thinking(thinkingText(fields.value("thinking")))))
            part.extensions[.openAIChat, OpenAINote.inline] = value
            return part
        default: return Part(.native(.openAIChat, type: String(type.prefix(64)), value))
        }
        if let marker = fields.peek("cache_control"), marker.object != nil {
            part.cache = cache(fields.value("cache_control"))
        }
        part.extensions.keep(fields.rest, in: .openAIChat)
        return part
    }

    /// The text of one of Mistral's chunks of thought: a string, or a list of texts.
    static func thinkingText(_ value: JSONValue?) -> String {
        if let text = value?.string { return text }
        return (value?.array ?? []).reduce(into: "") { $0 += $1["text"]?.string ?? "" }
    }

    static func cache(_ value: JSONValue?) -> CacheMarker? {
        guard let value, value.object != nil else { return nil }
        var marker = CacheMarker(ttl: value["ttl"]?.string)
        marker.extensions[.openAIChat] = value.members(except: marker.ttl == nil ? [] : ["ttl"])
        return marker
    }

    /// A part whose address stands in a member of the part's own name, as an object with `url` or as a bare string.
    private static func linked(_ type: String, _ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard let value = fields.value(type) else { throw fields.missing(type) }
        let url: String
        var detail: String?
        var rest: [JSONValue.Member] = []
        if let text = value.string {
            url = text
        } else {
            var inner = try JSONFields(value, path: fields.path(type))
            url = try inner.requiredString("url")
            detail = try inner.string("detail")
            rest = inner.rest
        }
        let media = media(url, detail: detail)
        var part: Part
        switch type {
        case "image_url": part = Part(.image(media))
        case "video_url": part = Part(.video(media))
        case "audio_url": part = Part(.audio(media))
        default: part = Part(.document(media))
        }
        part.extensions[.openAIChat, OpenAINote.member] = .string(type)
        if value.string != nil { part.extensions[.openAIChat, OpenAINote.form] = .string("string") }
        if !rest.isEmpty { part.extensions[.openAIChat, OpenAINote.inner] = .object(rest) }
        return part
    }

    private static func audio(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard var inner = try fields.object("input_audio") else { throw fields.missing("input_audio") }
        let data = try inner.requiredString("data")
        let format = try inner.string("format")
        var part = Part(.audio(Media(.base64(data), mediaType: format.map(OpenAIMedia.audioType))))
        if let format { part.extensions[.openAIChat, OpenAINote.form] = .string(format) }
        if !inner.rest.isEmpty { part.extensions[.openAIChat, OpenAINote.inner] = .object(inner.rest) }
        return part
    }

    private static func file(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard var inner = try fields.object("file") else { throw fields.missing("file") }
        let name = try inner.string("filename")
        var part: Part
        if let id = try inner.string("file_id") {
            part = Part(.document(Media(.file(id), name: name)))
        } else {
            let data = try inner.requiredString("file_data")
            var media = media(data, name: name)
            if case .url(let text) = media.source, !OpenAIMedia.isAddress(text) { media.source = .base64(text) }
            part = Part(.document(media))
            if media.mediaType == nil, case .base64 = media.source {
                part.extensions[.openAIChat, OpenAINote.form] = .string("bare")
            }
        }
        part.extensions[.openAIChat, OpenAINote.file] = .bool(true)
        if !inner.rest.isEmpty { part.extensions[.openAIChat, OpenAINote.inner] = .object(inner.rest) }
        return part
    }

    /// A `data:` URL whose head says more than the type stays whole, so that nothing of it is lost.
    private static func media(_ url: String, name: String? = nil, detail: String? = nil) -> Media {
        let media = Media(url: url, name: name, detail: detail)
        return media.url == url ? media : Media(.url(url), name: name, detail: detail)
    }
}

/// Words for media.
enum OpenAIMedia {
    /// `wav` and `mp3`, and what other providers name likewise.
    static func audioType(_ format: String) -> String {
        switch format {
        case "mp3": "audio/mpeg"
        default: "audio/\(format)"
        }
    }

    static func audioFormat(_ type: String?) -> String {
        switch type {
        case nil, "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave": "wav"
        case "audio/mpeg", "audio/mp3", "audio/mpeg3": "mp3"
        case .some(let type): String(type.split(separator: "/").last ?? "wav")
        }
    }

    static func isAddress(_ text: String) -> Bool {
        ["https://", "http://", "data:", "gs://", "s3://"].contains { text.hasPrefix($0) }
    }
}
