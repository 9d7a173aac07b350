/// Writes messages of Cohere's chat API, one canonical message after the other.
struct CohereMessageEncoder {
    private(set) var messages: [JSONValue] = []
    private(set) var names: NameMap
    private(set) var dropped: DroppedNames
    /// Images that functions answered with: a `tool` message has no place for them, so the next user message shows
    /// them.
    private var images: [JSONValue] = []

    init(names: NameMap, dropped: DroppedNames) {
        self.names = names
        self.dropped = dropped
    }

    /// - Parameter path: Where the message stands, for errors.
    mutating func add(_ message: Message, at path: String) throws(GatehouseError) {
        dropped.add("name", when: message.name != nil)
        dropped.add(message.extensions, foreignTo: .cohere)
        for part in message.parts {
            dropped.add("cache_control", when: part.cache != nil)
            dropped.add(part.extensions, foreignTo: .cohere)
            if let result = part.toolResult { try add(result, of: message, at: path) }
        }
        let parts = message.parts.filter { $0.toolResult == nil }
        if message.role == .tool, parts.isEmpty { return }
        switch message.role {
        case .system: try addText(message, parts, role: "system", at: path)
        case .user, .tool: try addText(message, parts, role: "user", at: path)
        case .assistant: try addAssistant(message, parts, at: path)
        }
    }

    /// Writes what still waits for a message.
    mutating func finish() {
        guard !images.isEmpty else { return }
        messages.append(.object(["role": .string("user"), "content": .array(images)]))
        images = []
    }

    private mutating func addText(
        _ message: Message, _ parts: [Part], role: String, at path: String
    ) throws(GatehouseError) {
        if role != "user" { finish() }
        var content = images
        images = []
        for part in parts {
            if let value = try value(part, role: role, at: path) { content.append(value) }
        }
        let form = message.extensions[.cohere, "$content"]?.string
        guard !content.isEmpty || !message.extensions[.cohere].isEmpty else { return }
        messages.append(
            JSONValue.object(["role": .string(role), "content": Self.content(content, form)])
                .adding(message.extensions.everyMember(.cohere)))
    }

    private mutating func addAssistant(_ message: Message, _ parts: [Part], at path: String) throws(GatehouseError) {
        finish()
        var parts = parts
        var plan: JSONValue?
        if message.extensions[.cohere, "$tool_plan"] != nil,
            let place = parts.lastIndex(where: { $0.thinking != nil }), let thinking = parts[place].thinking
        {
            plan = .string(thinking.text)
            parts.remove(at: place)
        }
        var content: [JSONValue] = []
        var calls: [JSONValue] = []
        for part in parts {
            if let call = part.toolCall {
                calls.append(value(call, part.extensions))
            } else if let value = try value(part, role: "assistant", at: path) {
                content.append(value)
            }
        }
        let form = message.extensions[.cohere, "$content"]?.string
        let citations = parts.flatMap(\.citations).map(\.cohereValue)
        let body = JSONValue.object([
            "role": .string("assistant"), "content": Self.content(content, form), "tool_plan": plan,
            "tool_calls": calls.isEmpty ? nil : .array(calls),
            "citations": citations.isEmpty ? nil : .array(citations),
        ]).adding(message.extensions.everyMember(.cohere))
        // A turn of which nothing can be said is no turn.
        if body.object?.count != 1 { messages.append(body) }
    }

    /// As it was written, else a string where one text says all.
    private static func content(_ parts: [JSONValue], _ form: String?) -> JSONValue? {
        switch form {
        case "parts": return .array(parts)
        case "text": return parts.first?["text"] ?? .string("")
        default:
            if parts.isEmpty { return nil }
            if parts.count == 1, parts[0].object?.count == 2, let text = parts[0]["text"] { return text }
            return .array(parts)
        }
    }

    // MARK: Parts

    /// - Returns: `nil` for what is left out.
    private mutating func value(_ part: Part, role: String, at path: String) throws(GatehouseError) -> JSONValue? {
        let own = part.extensions.everyMember(.cohere)
        switch part.content {
        case .text(let text), .refusal(let text):
            return JSONValue.object(["type": .string("text"), "text": .string(text)]).adding(own)
        case .thinking(let thinking):
            guard role == "assistant", !thinking.isRedacted, part.signature.map({ $0.dialect == .cohere }) ?? true
            else {
                dropped.add("thinking")
                return nil
            }
            return JSONValue.object(["type": .string("thinking"), "thinking": .string(thinking.text)]).adding(own)
        case .image(let media):
            guard role == "user" else {
                dropped.add("image")
                return nil
            }
            return try image(media, part.extensions, at: path)
        case .document(let media): return try document(media, part.extensions, at: path)
        case .native(.cohere, _, let value): return value
        case .native(_, let type, _):
            dropped.add(type)
            return nil
        case .audio, .video: throw .unsupported("\(path).content", "Cohere takes no \(part.kindName).")
        case .toolCall, .toolResult:
            dropped.add(part.kindName)
            return nil
        }
    }

    private func image(_ media: Media, _ extensions: Extensions, at path: String) throws(GatehouseError) -> JSONValue {
        guard let url = extensions[.cohere, "$url"]?.string ?? media.url else {
            throw .unsupported("\(path).content", "Cohere takes images as URLs or data, not by the id of a file.")
        }
        let image = JSONValue.object(["url": .string(url), "detail": media.detail.map { .string($0) }])
            .adding(extensions[.cohere, "image_url"]?.object ?? [])
        return JSONValue.object(["type": .string("image_url"), "image_url": image])
            .adding(extensions.everyMember(.cohere))
    }

    /// Documents stand in results of functions only; elsewhere a document that is text goes as text.
    private func document(
        _ media: Media, _ extensions: Extensions, at path: String
    ) throws(GatehouseError) -> JSONValue {
        if let own = extensions[.cohere, "$document"] {
            return JSONValue.object(["type": .string("document"), "document": own])
                .adding(extensions.everyMember(.cohere))
        }
        guard case .text(let text) = media.source else {
            throw .unsupported("\(path).content", "Cohere takes documents as text only.")
        }
        let titled = media.name.map { "\($0)\n\n\(text)" } ?? text
        return .object(["type": .string("text"), "text": .string(titled)])
    }

    // MARK: Functions

    private mutating func value(_ call: ToolCall, _ extensions: Extensions) -> JSONValue {
        let arguments = call.isCustom ? JSONValue.object(["input": .string(call.arguments)]).text : call.arguments
        let function = JSONValue.object([
            "name": .string(names.legal(call.name, CohereRequestEncoder.nameRule)),
            "arguments": .string(arguments.isEmpty ? "{}" : arguments),
        ]).adding(extensions[.cohere, "function"]?.object ?? [])
        let isUntyped = extensions[.cohere, "$untyped"] != nil
        return JSONValue.object([
            "id": .string(call.id), "type": isUntyped ? nil : .string("function"), "function": function,
        ]).adding(extensions.everyMember(.cohere))
    }

    private mutating func add(_ result: ToolResult, of message: Message, at path: String) throws(GatehouseError) {
        var content: [JSONValue] = []
        for part in result.content {
            dropped.add("cache_control", when: part.cache != nil)
            if case .image(let media) = part.content {
                images.append(try image(media, part.extensions, at: path))
            } else if let value = try value(part, role: "tool", at: path) {
                content.append(value)
            }
        }
        if result.isError {
            let data = JSONValue.object(["error": .string(content.compactMap { $0["text"]?.string }.joined())])
            content = [.object(["type": .string("document"), "document": .object(["data": data])])]
        }
        let form = message.extensions[.cohere, "$content"]?.string
        messages.append(
            JSONValue.object([
                "role": .string("tool"), "tool_call_id": .string(result.callID),
                "content": Self.content(content, form) ?? .string(""),
            ]).adding(message.role == .tool ? message.extensions.everyMember(.cohere) : []))
    }
}
