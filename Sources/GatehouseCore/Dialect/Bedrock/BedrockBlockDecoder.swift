/// Reads content blocks. A block is an object with one member, whose name says what it is.
struct BedrockBlockDecoder: Sendable {
    /// Blocks of a request; otherwise of an answer.
    let isRequest: Bool
    /// The message is the model's own: results in it are those of tools that Bedrock ran.
    let isAssistant: Bool

    /// All blocks of a message. A cache point belongs to the part before it.
    func parts(_ blocks: [JSONValue], path: String) throws(GatehouseError) -> [Part] {
        var parts: [Part] = []
        for (index, block) in blocks.enumerated() {
            if let last = parts.indices.last, parts[last].cache == nil, let marker = Self.marker(block) {
                parts[last].cache = marker
            } else {
                parts.append(try part(block, path: "\(path)[\(index)]"))
            }
        }
        return parts
    }

    /// A cache point; `nil` for anything else, and for one with a type not known here.
    static func marker(_ block: JSONValue) -> CacheMarker? {
        guard block.object?.count == 1, let point = block["cachePoint"], point["type"]?.string == "default" else {
            return nil
        }
        var marker = CacheMarker(ttl: point["ttl"]?.string)
        let known: Set<String> = marker.ttl == nil ? ["type"] : ["type", "ttl"]
        marker.extensions = Extensions(.bedrock, [.init("$own", .bool(true))] + point.members(except: known))
        return marker
    }

    func part(_ block: JSONValue, path: String) throws(GatehouseError) -> Part {
        guard let members = block.object else { throw JSONFields.invalid(path, "must be an object") }
        guard members.count == 1, let member = members.first else {
            throw JSONFields.invalid(path, "must have one member, which says what it is")
        }
        let native = Part(.native(.bedrock, type: member.key, block))
        switch member.key {
        case "text":
            guard let text = member.value.string else { throw JSONFields.invalid("\(path).text", "must be a string") }
            var part = Part.text(text)
            if isRequest, text.isBlank { part.extensions[.bedrock, "$blank"] = .bool(true) }
            return part
        case "image", "document", "audio", "video":
            guard let kind = BedrockMedia.Kind(rawValue: member.key) else { return native }
            return try BedrockMedia.part(JSONFields(member.value, path: "\(path).\(member.key)"), kind) ?? native
        case "toolUse": return try toolUse(member.value, path: "\(path).toolUse") ?? native
        case "toolResult":
            return isAssistant ? native : try toolResult(member.value, path: "\(path).toolResult")
        case "reasoningContent": return try reasoning(member.value, path: "\(path).reasoningContent") ?? native
        case "citationsContent": return cited(member.value) ?? native
        default: return native
        }
    }

    // MARK: Tools

    private func toolUse(_ value: JSONValue, path: String) throws(GatehouseError) -> Part? {
        if value["type"]?.string == "server_tool_use" { return nil }
        var fields = try JSONFields(value, path: path)
        let id = try fields.requiredString("toolUseId")
        let name = try fields.requiredString("name")
        let arguments = fields.value("input")?.text ?? "{}"
        var part = Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
        part.extensions = Extensions(.bedrock, fields.rest)
        return part
    }

    private func toolResult(_ value: JSONValue, path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        var result = ToolResult(callID: try fields.requiredString("toolUseId"), content: [])
        guard let content = try fields.array("content") else { throw fields.missing("content") }
        for (index, block) in content.enumerated() {
            result.content.append(try resultPart(block, path: fields.path("content", index)))
        }
        if fields.peek("status")?.string == "error" {
            result.isError = true
            _ = fields.value("status")
        }
        var part = Part(.toolResult(result))
        part.extensions = Extensions(.bedrock, fields.rest)
        return part
    }

    private func resultPart(_ block: JSONValue, path: String) throws(GatehouseError) -> Part {
        if block.object?.count == 1, let json = block["json"] {
            var part = Part.text(json.text)
            part.extensions[.bedrock, "$json"] = .bool(true)
            return part
        }
        // Results do not hold results.
        if block["toolResult"] != nil || block["toolUse"] != nil {
            return Part(.native(.bedrock, type: "toolResult", block))
        }
        return try part(block, path: path)
    }

    // MARK: Thinking

    private func reasoning(_ value: JSONValue, path: String) throws(GatehouseError) -> Part? {
        if value.object?.count == 1, let redacted = value["redactedContent"]?.string {
            return Part(.thinking(Thinking("", isRedacted: true)), signature: BedrockSignature.redacted(redacted))
        }
        guard value.object?.count == 1, let text = value["reasoningText"] else { return nil }
        var fields = try JSONFields(text, path: "\(path).reasoningText")
        var part = Part(.thinking(Thinking(try fields.string("text") ?? "")))
        part.signature = try fields.string("signature").map { BedrockSignature.read($0) }
        part.extensions = Extensions(.bedrock, fields.rest)
        if isRequest, part.signature == nil { part.extensions[.bedrock, "$unsigned"] = .bool(true) }
        return part
    }

    // MARK: Citations

    private func cited(_ value: JSONValue) -> Part? {
        guard let content = value["content"]?.array, let citations = value["citations"]?.array,
            value.object?.count == 2
        else { return nil }
        let texts = content.compactMap { $0["text"]?.string }
        guard texts.count == content.count else { return nil }
        var part = Part.text(texts.joined())
        part.citations = citations.map { BedrockCitation.read($0) }
        part.extensions[.bedrock, "$content"] = .array(content)
        return part
    }
}

/// Seals on thinking. Only Claude seals what it thinks on Bedrock, and Anthropic documents that its seals are valid on
/// every platform that serves Claude: so they are Anthropic's.
enum BedrockSignature {
    static func read(_ value: String) -> Signature { Signature(.anthropic, value) }

    /// Bedrock encodes the bytes of Anthropic's text once more.
    static func redacted(_ blob: String) -> Signature {
        BedrockBlob.text(blob).map { Signature(.anthropic, $0) } ?? Signature(.bedrock, blob)
    }

    /// The blob of redacted thinking; `nil` when another vendor sealed it.
    static func blob(_ signature: Signature) -> String? {
        switch signature.dialect {
        case .bedrock: signature.value
        case .anthropic: BedrockBlob.encode(signature.value)
        default: nil
        }
    }

    static func isOurs(_ signature: Signature) -> Bool {
        signature.dialect == .anthropic || signature.dialect == .bedrock
    }
}

/// What a text quotes.
enum BedrockCitation {
    static func read(_ value: JSONValue) -> Citation {
        let source = value["source"]?.string
        var citation = Citation(
            url: value["location"]?["web"]?["url"]?.string ?? source.flatMap { $0.hasPrefix("http") ? $0 : nil },
            title: value["title"]?.string,
            quote: value["sourceContent"]?.array?.compactMap { $0["text"]?.string }.joined())
        citation.extensions = Extensions(.bedrock, value.object ?? [])
        return citation
    }

    static func write(_ citation: Citation) -> JSONValue {
        if citation.extensions.dialects.contains(.bedrock) { return .object(citation.extensions.written(.bedrock)) }
        return .object([
            "title": citation.title.map { .string($0) },
            "sourceContent": citation.quote.map { .array([.object(["text": .string($0)])]) },
            "location": citation.url.map { .object(["web": .object(["url": .string($0)])]) },
        ])
    }
}

extension String {
    /// Nothing but white space; Bedrock refuses such text.
    var isBlank: Bool { allSatisfy { $0.isWhitespace } }
}
