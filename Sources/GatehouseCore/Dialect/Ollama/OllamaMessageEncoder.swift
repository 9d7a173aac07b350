/// Writes messages of Ollama's chat API, one canonical message after the other. A message's content is one text; images
/// stand beside it.
struct OllamaMessageEncoder {
    private(set) var messages: [JSONValue] = []
    private(set) var dropped: DroppedNames
    /// The names of the functions called so far, by the calls' ids.
    private var names: [String: String] = [:]

    init(dropped: DroppedNames) { self.dropped = dropped }

    /// What the parts of one message come to.
    private struct Content {
        var texts: [String] = []
        var thinking: [String] = []
        var images: [JSONValue] = []
        var calls: [JSONValue] = []

        var isEmpty: Bool { texts.isEmpty && thinking.isEmpty && images.isEmpty && calls.isEmpty }
    }

    /// - Parameter path: Where the message stands, for errors.
    mutating func add(_ message: Message, at path: String) throws(GatehouseError) {
        dropped.add("name", when: message.name != nil)
        dropped.add(message.extensions, foreignTo: .ollama)
        for part in message.parts {
            if let result = part.toolResult { try add(result, of: message, at: path) }
        }
        var content = Content()
        for part in message.parts where part.toolResult == nil {
            try add(part, to: &content, at: path)
        }
        // A turn of which nothing can be said is no turn, unless it was written so.
        let isOwn = message.role != .tool && !message.extensions[.ollama].isEmpty
        guard !content.isEmpty || isOwn else { return }
        let role = message.role == .tool ? Message.Role.user : message.role
        // A model's text may come in pieces, as it was streamed; other texts are pieces of their own.
        let separator = role == .assistant ? "" : "\n"
        let isSilent = message.extensions[.ollama, "$content"] != nil
        messages.append(
            JSONValue.object([
                "role": .string(role.rawValue),
                "content": isSilent ? nil : .string(content.texts.joined(separator: separator)),
                "thinking": content.thinking.isEmpty ? nil : .string(content.thinking.joined(separator: separator)),
                "images": content.images.isEmpty ? nil : .array(content.images),
                "tool_calls": content.calls.isEmpty ? nil : .array(content.calls),
            ]).adding(message.role == .tool ? [] : message.extensions.everyMember(.ollama)))
    }

    private mutating func add(_ part: Part, to content: inout Content, at path: String) throws(GatehouseError) {
        dropped.add("cache_control", when: part.cache != nil)
        dropped.add("citations", when: !part.citations.isEmpty)
        dropped.add(part.extensions, foreignTo: .ollama)
        switch part.content {
        case .text(let text), .refusal(let text): content.texts.append(text)
        case .thinking(let thinking):
            guard !thinking.isRedacted, part.signature.map({ $0.dialect == .ollama }) ?? true else {
                return dropped.add("thinking")
            }
            content.thinking.append(thinking.text)
        case .image(let media):
            guard case .base64(let data) = media.source else {
                throw .unsupported("\(path).content", "Ollama takes images as data only, not as URLs or ids of files.")
            }
            content.images.append(.string(data))
        case .document(let media):
            guard case .text(let text) = media.source else {
                throw .unsupported("\(path).content", "Ollama takes documents as text only.")
            }
            content.texts.append(media.name.map { "\($0)\n\n\(text)" } ?? text)
        case .toolCall(let call): content.calls.append(value(call, part.extensions))
        case .audio, .video: throw .unsupported("\(path).content", "Ollama takes no \(part.kindName).")
        case .native(_, let type, _): dropped.add(type)
        case .toolResult: break
        }
    }

    private mutating func value(_ call: ToolCall, _ extensions: Extensions) -> JSONValue {
        names[call.id] = call.name
        let hasArguments = extensions[.ollama, "$arguments"] == nil
        let function = JSONValue.object([
            "name": .string(call.name), "arguments": hasArguments ? call.argumentsObject : nil,
        ]).adding(extensions[.ollama, "$function"]?.object ?? [])
        let hasID = extensions[.ollama, "$id"] == nil
        return JSONValue.object(["id": hasID ? .string(call.id) : nil, "function": function])
            .adding(extensions.everyMember(.ollama))
    }

    private mutating func add(_ result: ToolResult, of message: Message, at path: String) throws(GatehouseError) {
        var content = Content()
        for part in result.content { try add(part, to: &content, at: path) }
        dropped.add("is_error", when: result.isError)
        func note(_ key: String) -> Bool { message.extensions[.ollama, key] != nil }
        let name = result.name ?? names[result.callID]
        messages.append(
            JSONValue.object([
                "role": .string("tool"),
                "content": note("$content") ? nil : .string(content.texts.joined(separator: "\n")),
                "images": content.images.isEmpty ? nil : .array(content.images),
                "tool_name": note("$tool_name") ? nil : name.map { .string($0) },
                "tool_call_id": note("$tool_call_id") ? nil : .string(result.callID),
            ]).adding(message.role == .tool ? message.extensions.everyMember(.ollama) : []))
    }
}

extension ToolCall {
    /// The arguments as an object: free text, and what is no object, as its only member `input`.
    var argumentsObject: JSONValue {
        if arguments.isEmpty { return .object([]) }
        if !isCustom, let value = try? JSONValue(parsing: arguments.utf8, limits: .lenient), value.object != nil {
            return value
        }
        return .object(["input": .string(arguments)])
    }
}
