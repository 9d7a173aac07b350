/// Reads the messages of Ollama's chat API in order.
///
/// Calls have no ids in most of them: they get one, and results take the id of the first call of their function that
/// has no result yet.
struct OllamaMessageDecoder {
    private var waiting: [ToolCall] = []

    mutating func message(_ value: JSONValue, at path: String, _ index: Int) throws(GatehouseError) -> Message {
        var fields = try JSONFields(value, path: path)
        let content = try fields.string("content")
        var parts: [Part] = []
        var message: Message
        switch try fields.requiredString("role") {
        case "system": message = Message(role: .system, parts: [])
        case "user": message = Message(role: .user, parts: [])
        case "assistant":
            message = Message(role: .assistant, parts: [])
            if fields.peek("thinking") != .string(""), let thinking = try fields.string("thinking") {
                parts.append(Part(.thinking(Thinking(thinking))))
            }
        case "tool":
            message = try result(&fields, content ?? "", index)
        default: throw fields.invalid("role", "must be system, user, assistant or tool")
        }
        if message.role != .tool {
            if let content, !content.isEmpty { parts.append(.text(content)) }
            try addImages(&fields, to: &parts)
            if message.role == .assistant { try addCalls(&fields, index, to: &parts) }
            message.parts = parts
        }
        let notes = message.extensions[.ollama]
        message.extensions = Extensions(rest: fields.rest, of: .ollama)
        for note in notes { message.extensions[.ollama, note.key] = note.value }
        if content == nil { message.extensions[.ollama, "$content"] = .bool(false) }
        return message
    }

    private func addImages(_ fields: inout JSONFields, to parts: inout [Part]) throws(GatehouseError) {
        for (index, image) in (try fields.filledArray("images") ?? []).enumerated() {
            guard let data = image.string else {
                throw JSONFields.invalid(fields.path("images", index), "must be a string")
            }
            parts.append(Part(.image(Media(.base64(data)))))
        }
    }

    private mutating func addCalls(
        _ fields: inout JSONFields, _ turn: Int, to parts: inout [Part]
    ) throws(GatehouseError) {
        for (index, element) in (try fields.filledArray("tool_calls") ?? []).enumerated() {
            var call = try JSONFields(element, path: fields.path("tool_calls", index))
            guard var function = try call.object("function") else { throw call.missing("function") }
            let name = try function.requiredString("name")
            let arguments = function.value("arguments")
            guard arguments == nil || arguments?.object != nil else {
                throw function.invalid("arguments", "must be an object")
            }
            let text = (arguments ?? .object([])).text
            let id = try call.string("id")
            let made = OllamaCallID.make(turn: String(turn), index: index, name: name, arguments: text)
            let canonical = ToolCall(id: id ?? made, name: name, arguments: text)
            waiting.append(canonical)
            var part = Part(.toolCall(canonical))
            part.extensions = Extensions(rest: call.rest, of: .ollama)
            if id == nil { part.extensions[.ollama, "$id"] = .bool(false) }
            if arguments == nil { part.extensions[.ollama, "$arguments"] = .bool(false) }
            if !function.rest.isEmpty { part.extensions[.ollama, "$function"] = .object(function.rest) }
            parts.append(part)
        }
    }

    private mutating func result(
        _ fields: inout JSONFields, _ content: String, _ turn: Int
    ) throws(GatehouseError) -> Message {
        let name = try fields.string("tool_name")
        let id = try fields.string("tool_call_id")
        let place = waiting.firstIndex { call in
            id.map { $0 == call.id } ?? name.map { $0 == call.name } ?? true
        }
        let call = place.map { waiting.remove(at: $0) }
        let made = OllamaCallID.make(turn: String(turn), index: 0, name: name ?? "", arguments: "")
        var parts: [Part] = [.text(content)]
        try addImages(&fields, to: &parts)
        let result = ToolResult(callID: id ?? call?.id ?? made, name: name ?? call?.name, content: parts)
        var message = Message(role: .tool, parts: [Part(.toolResult(result))])
        if id == nil { message.extensions[.ollama, "$tool_call_id"] = .bool(false) }
        if name == nil { message.extensions[.ollama, "$tool_name"] = .bool(false) }
        return message
    }
}
