/// Reads content blocks of a caller's messages.
enum AnthropicBlockDecoder {
    /// - Parameter path: Where the block lies, for errors.
    static func part(_ value: JSONValue, at path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let type = try fields.requiredString("type")
        guard var part = try known(type, &fields, value) else {
            return Part(.native(.anthropic, type: type, value))
        }
        part.cache = try AnthropicCache.take(&fields)
        part.extensions[.anthropic] = part.extensions[.anthropic] + fields.rest
        return part
    }

    private static func known(
        _ type: String, _ fields: inout JSONFields, _ value: JSONValue
    ) throws(GatehouseError) -> Part? {
        switch type {
        case "text": return try text(&fields)
        case "image":
            guard let (media, notes) = try media(&fields) else { return nil }
            return part(.image(media), notes)
        case "document":
            guard let (found, notes) = try media(&fields) else { return nil }
            var media = found
            media.name = try fields.string("title")
            return part(.document(media), notes)
        case "thinking": return try thinking(&fields)
        case "redacted_thinking":
            let (signature, id) = AnthropicSignature.read(try fields.requiredString("data"))
            return Part(.thinking(Thinking("", isRedacted: true, id: id)), signature: signature)
        case "tool_use":
            let id = try fields.requiredString("id")
            let name = try fields.requiredString("name")
            let arguments = fields.value("input")?.text ?? "{}"
            return Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
        case "tool_result": return try toolResult(&fields)
        default: return nil
        }
    }

    private static func part(_ content: Part.Content, _ notes: [JSONValue.Member]) -> Part {
        var part = Part(content)
        part.extensions[.anthropic] = notes
        return part
    }

    private static func text(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var part = Part.text(try fields.requiredString("text"))
        guard let list = fields.peek("citations")?.array, !list.isEmpty else { return part }
        _ = fields.value("citations")
        for (index, value) in list.enumerated() {
            guard value.object != nil else {
                throw JSONFields.invalid(fields.path("citations", index), "must be an object")
            }
            part.citations.append(AnthropicCitation.read(value))
        }
        return part
    }

    private static func thinking(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var part = Part(.thinking(Thinking(try fields.requiredString("thinking"))))
        guard let text = try fields.string("signature") else { return part }
        guard !text.isEmpty else {
            part.extensions[.anthropic, AnthropicNote.noSeal] = .bool(true)
            return part
        }
        let (signature, id) = AnthropicSignature.read(text)
        part.signature = signature
        if let id, case .thinking(var thinking) = part.content {
            thinking.id = id
            part.content = .thinking(thinking)
        }
        return part
    }

    private static func toolResult(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var result = ToolResult(callID: try fields.requiredString("tool_use_id"), content: [])
        var notes: [JSONValue.Member] = []
        if let isError = try fields.bool("is_error") {
            result.isError = isError
            if !isError { notes.append(.init(AnthropicNote.isError, .bool(false))) }
        }
        if let content = fields.value("content") {
            if let text = content.string {
                result.content = [.text(text)]
                notes.append(.init(AnthropicNote.form, .string("string")))
            } else if let blocks = content.array {
                for (index, block) in blocks.enumerated() {
                    result.content.append(try part(block, at: fields.path("content", index)))
                }
            } else {
                throw fields.invalid("content", "must be a string or an array of blocks")
            }
        } else {
            notes.append(.init(AnthropicNote.form, .string("absent")))
        }
        return part(.toolResult(result), notes)
    }

    /// Reads `source`; `nil` for one that the model has no words for.
    private static func media(
        _ fields: inout JSONFields
    ) throws(GatehouseError) -> (Media, notes: [JSONValue.Member])? {
        guard let whole = fields.value("source") else { throw fields.missing("source") }
        var source = try JSONFields(whole, path: fields.path("source"))
        let media: Media
        switch try source.requiredString("type") {
        case "base64":
            media = Media(.base64(try source.requiredString("data")), mediaType: try source.string("media_type"))
        case "text":
            media = Media(.text(try source.requiredString("data")), mediaType: try source.string("media_type"))
        case "url": media = Media(.url(try source.requiredString("url")))
        case "file": media = Media(.file(try source.requiredString("file_id")))
        case "content":
            guard let text = plainText(whole["content"]) else { return nil }
            return (Media(.text(text), mediaType: "text/plain"), [.init(AnthropicNote.source, whole)])
        default: return nil
        }
        return (media, source.rest.isEmpty ? [] : [.init(AnthropicNote.source, .object(source.rest))])
    }

    /// The text of content that holds nothing else.
    private static func plainText(_ content: JSONValue?) -> String? {
        if let text = content?.string { return text }
        guard let blocks = content?.array else { return nil }
        var texts: [String] = []
        for block in blocks {
            guard block["type"]?.string == "text", let text = block["text"]?.string else { return nil }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }
}
