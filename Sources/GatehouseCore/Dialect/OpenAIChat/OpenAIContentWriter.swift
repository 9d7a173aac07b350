/// Writes the parts of a message's `content` for a target.
struct OpenAIContentWriter {
    private let target: OpenAIChatTarget
    /// Fields that were left out.
    private(set) var dropped: [String] = []

    init(_ target: OpenAIChatTarget) { self.target = target }

    /// What `content` holds: parts, or a string where that says the same.
    ///
    /// - Parameters:
    ///   - form: The decoder's note on the form, when it came in this dialect.
    ///   - listsTexts: Several texts may stand as parts; else they are joined with line feeds.
    /// - Returns: `nil` when the member is to be left out.
    mutating func content(
        _ parts: [Part], form: String?, listsTexts: Bool, _ path: String
    ) throws(GatehouseError) -> JSONValue? {
        var items: [JSONValue] = []
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
            guard let item = try item(part, "\(path)[\(index)]") else { continue }
            items.append(item)
            if item.object?.count == 2, let text = part.text { texts.append(text) }
        }
        if form == "list" { return .array(items) }
        if items.isEmpty {
            switch form {
            case "absent": return nil
            case "null": return .null
            default: return .string("")
            }
        }
        guard texts.count == items.count else { return .array(items) }
        if texts.count > 1, listsTexts { return .array(items) }
        return .string(texts.joined(separator: "\n"))
    }

    /// One part; `nil` when it is left out.
    ///
    /// - Throws: `unsupported_parameter` for media that the target cannot take at all.
    mutating func item(_ part: Part, _ path: String) throws(GatehouseError) -> JSONValue? {
        var members: [JSONValue.Member]
        switch part.content {
        case .text(let text): members = [.init("type", .string("text")), .init("text", .string(text))]
        case .refusal(let text): members = [.init("type", .string("refusal")), .init("refusal", .string(text))]
        case .image(let media): members = try image(media, part, path)
        case .audio(let media): members = try audio(media, part, path)
        case .video(let media): members = try video(media, part, path)
        case .document(let media): members = try document(media, part, path)
        case .thinking:
            if target.takesThoughtChunks, let chunk = part.extensions[.openAIChat, OpenAINote.inline] { return chunk }
            drop("thinking")
            return nil
        case .native(.openAIChat, _, let value): return value
        case .native(_, let type, _):
            drop(type)
            return nil
        case .toolCall, .toolResult: return nil
        }
        if let marker = part.cache {
            if target.takesCacheMarkers { members.append(Self.cache(marker)) } else { drop("cache_control") }
        }
        members += part.extensions.restored(.openAIChat)
        return .object(members)
    }

    static func cache(_ marker: CacheMarker) -> JSONValue.Member {
        var members = marker.extensions[.openAIChat]
        if !members.contains(where: { $0.key == "type" }) { members.insert(.init("type", .string("ephemeral")), at: 0) }
        if let ttl = marker.ttl { members.append(.init("ttl", .string(ttl))) }
        return .init("cache_control", .object(members))
    }

    mutating func drop(_ name: String) {
        if !dropped.contains(name) { dropped.append(name) }
    }

    // MARK: Media

    private func image(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> [JSONValue.Member] {
        guard let url = media.url else { throw unsupported("An image that is kept as a file", path) }
        return linked("image_url", url, media.detail, part)
    }

    private func linked(
        _ type: String, _ url: String, _ detail: String?, _ part: Part
    ) -> [JSONValue.Member] {
        let value: JSONValue
        if part.extensions[.openAIChat, OpenAINote.form]?.string == "string" {
            value = .string(url)
        } else {
            value = JSONValue.object(["url": .string(url), "detail": detail.map { .string($0) }])
                .adding(part.extensions[.openAIChat, OpenAINote.inner]?.object ?? [])
        }
        return [.init("type", .string(type)), .init(type, value)]
    }

    private func audio(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> [JSONValue.Member] {
        guard case .base64(let data) = media.source else {
            guard let url = media.url, !target.isOpenAI else { throw unsupported("Audio by address", path) }
            return linked("audio_url", url, nil, part)
        }
        if part.extensions[.openAIChat, OpenAINote.member] != nil, let url = media.url {
            return linked("audio_url", url, nil, part)
        }
        let came = part.extensions[.openAIChat, OpenAINote.form]?.string
        let value = JSONValue.object([
            "data": .string(data), "format": .string(came ?? OpenAIMedia.audioFormat(media.mediaType)),
        ])
        return [
            .init("type", .string("input_audio")),
            .init("input_audio", value.adding(part.extensions[.openAIChat, OpenAINote.inner]?.object ?? [])),
        ]
    }

    private func video(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> [JSONValue.Member] {
        guard target.takesVideo, let url = media.url else { throw unsupported("A video", path) }
        return linked("video_url", url, media.detail, part)
    }

    private func document(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> [JSONValue.Member] {
        let own = part.extensions[.openAIChat, OpenAINote.member]?.string
        if let own, let url = media.url { return linked(own, url, nil, part) }
        if let type = target.documentPart, let url = media.url {
            return [.init("type", .string(type)), .init(type, .string(url))]
        }
        var file: [JSONValue.Member] = []
        if let name = media.name { file.append(.init("filename", .string(name))) }
        switch media.source {
        case .text(let text): return [.init("type", .string("text")), .init("text", .string(text))]
        case .file(let id): file.append(.init("file_id", .string(id)))
        case .base64(let data):
            let isBare = part.extensions[.openAIChat, OpenAINote.form]?.string == "bare"
            file.append(.init("file_data", .string(isBare ? data : media.url ?? data)))
        case .url(let url):
            if target.isOpenAI, !url.hasPrefix("data:") { throw unsupported("A document by address", path) }
            file.append(.init("file_data", .string(url)))
        }
        // OpenAI refuses the data of a file without a name.
        if media.name == nil, !part.extensions.has(OpenAINote.file, in: .openAIChat), file.first?.key == "file_data" {
            file.insert(.init("filename", .string("document")), at: 0)
        }
        let value = JSONValue.object(file).adding(part.extensions[.openAIChat, OpenAINote.inner]?.object ?? [])
        return [.init("type", .string("file")), .init("file", value)]
    }

    private func unsupported(_ what: String, _ path: String) -> GatehouseError {
        GatehouseError(.unsupportedParameter, "\(what) cannot be sent to this model (\(path)).", param: path)
    }
}
