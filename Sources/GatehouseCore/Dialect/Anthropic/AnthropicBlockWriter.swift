/// Writes the parts of a request's messages as content blocks.
struct AnthropicBlockWriter {
    /// The request came in this dialect: every form is kept, and nothing is judged.
    let isOwn: Bool
    /// Thoughts without a seal go out: to compatible servers, which seal none. Anthropic refuses them.
    let keepsUnsealed: Bool
    var names = NameMap()
    var dropped = DroppedNames()
    /// Anthropic's rule for ids is `^[a-zA-Z0-9_-]+$`; it states no length.
    private static let idRule = NameRule(1...512)
    private var ids = NameMap()

    init(isOwn: Bool, kind: String) {
        self.isOwn = isOwn
        keepsUnsealed = !["anthropic", "bedrock", "vertex"].contains(kind)
    }

    /// The block; `nil` for what is left out.
    ///
    /// - Parameter path: The message, for errors.
    mutating func block(_ part: Part, at path: String) throws(GatehouseError) -> JSONValue? {
        guard let block = try content(part, at: path) else { return nil }
        if case .native = part.content { return block }
        dropped.add(part.extensions, foreignTo: .anthropic)
        var members = part.extensions.written(.anthropic)
        if let cache = part.cache, isOwn || part.thinking == nil {
            members.append(.init("cache_control", AnthropicCache.written(cache)))
        }
        return members.isEmpty ? block : block.adding(members)
    }

    mutating func blocks(_ parts: [Part], at path: String) throws(GatehouseError) -> [JSONValue] {
        var blocks: [JSONValue] = []
        for part in parts {
            if let block = try block(part, at: path) { blocks.append(block) }
        }
        return blocks
    }

    mutating func id(_ id: String) -> String { isOwn ? id : ids.legal(id, Self.idRule) }

    private mutating func content(_ part: Part, at path: String) throws(GatehouseError) -> JSONValue? {
        switch part.content {
        case .text(let text), .refusal(let text):
            // Anthropic refuses texts of nothing but blanks.
            if !isOwn, text.allSatisfy(\.isWhitespace) { return nil }
            return AnthropicBlocks.text(text, part)
        case .image(let media):
            if let detail = media.detail, detail != "auto" { dropped.add("detail") }
            return .object(["type": .string("image"), "source": try imageSource(media, part, path)])
        case .document(let media): return try document(media, part, path)
        case .audio, .video:
            throw GatehouseError(
                .unsupportedParameter, "The target takes no \(part.kindName), and \(path) has some.", param: path)
        case .thinking(let thinking):
            if let signature = part.signature, signature.dialect != .anthropic { return nil }
            if part.signature == nil, thinking.isRedacted || !keepsUnsealed || !isOwn { return nil }
            return AnthropicBlocks.thinking(thinking, part)
        case .toolCall(let call):
            let name = isOwn ? call.name : names.legal(call.name, AnthropicTools.nameRule)
            return AnthropicBlocks.toolUse(call, id: id(call.id), name: name)
        case .toolResult(let result): return try toolResult(result, part, path)
        case .native(let dialect, let type, let value):
            if dialect == .anthropic { return value }
            dropped.add(type)
            return nil
        }
    }

    private mutating func toolResult(
        _ result: ToolResult, _ part: Part, _ path: String
    ) throws(GatehouseError) -> JSONValue {
        let content: JSONValue?
        switch part.extensions[.anthropic, AnthropicNote.form]?.string {
        case "string" where result.content.count == 1: content = .string(result.content[0].text ?? "")
        case "absent" where result.content.isEmpty: content = nil
        default:
            let blocks = try blocks(result.content, at: path)
            content = blocks.isEmpty && !isOwn ? nil : .array(blocks)
        }
        let isError = result.isError ? true : part.extensions[.anthropic, AnthropicNote.isError]?.bool
        return .object([
            "type": .string("tool_result"), "tool_use_id": .string(id(result.callID)), "content": content,
            "is_error": isError.map { .bool($0) },
        ])
    }

    // MARK: Media

    /// The image types Anthropic takes, and how each begins in base64.
    private static let images = [
        ("image/jpeg", "/9j/"), ("image/png", "iVBORw0KGgo"), ("image/gif", "R0lGOD"), ("image/webp", "UklGR"),
    ]

    private func imageSource(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> JSONValue {
        guard !isOwn, case .base64(let data) = media.source else { return try source(media, part, path) }
        // Callers mistake the type often, and Anthropic compares it with the data.
        let found = Self.images.first { data.hasPrefix($0.1) }?.0 ?? media.mediaType
        guard let found, Self.images.contains(where: { $0.0 == found }) else {
            throw GatehouseError(
                .unsupportedParameter, "An image in \(path) is not JPEG, PNG, GIF or WebP.", param: path)
        }
        return try source(Media(media.source, mediaType: found), part, path)
    }

    private func document(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> JSONValue {
        var media = media
        if !isOwn, case .base64(let data) = media.source {
            guard media.mediaType == "application/pdf" || data.hasPrefix("JVBERi0") else {
                throw GatehouseError(.unsupportedParameter, "A document in \(path) is not PDF.", param: path)
            }
            media.mediaType = "application/pdf"
        }
        if case .text = media.source, media.mediaType == nil || !isOwn { media.mediaType = "text/plain" }
        return .object([
            "type": .string("document"), "source": try source(media, part, path),
            "title": media.name.map { .string($0) },
        ])
    }

    private func source(_ media: Media, _ part: Part, _ path: String) throws(GatehouseError) -> JSONValue {
        let note = part.extensions[.anthropic, AnthropicNote.source]
        if let note, note["type"] != nil { return note }
        let (type, key, value) =
            switch media.source {
            case .base64(let data): ("base64", "data", data)
            case .text(let text): ("text", "data", text)
            case .url(let url): ("url", "url", url)
            case .file(let id): ("file", "file_id", id)
            }
        if !isOwn, case .url(let url) = media.source, !url.hasPrefix("https://"), !url.hasPrefix("http://") {
            throw GatehouseError(
                .unsupportedParameter, "The target cannot fetch a URL in \(path): it takes https alone.", param: path)
        }
        let hasType = type == "base64" || type == "text"
        return JSONValue.object([
            "type": .string(type), key: .string(value),
            "media_type": hasType ? media.mediaType.map { .string($0) } : nil,
        ]).adding(note?.object ?? [])
    }
}
