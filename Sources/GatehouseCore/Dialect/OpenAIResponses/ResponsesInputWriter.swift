/// Writes the messages of a conversation as the items of `input`.
struct ResponsesInputWriter {
    private(set) var items: [JSONValue] = []
    /// What had no place, by the caller's words for it.
    private(set) var dropped: [String] = []
    private(set) var names: NameMap
    private var ids = NameMap()
    /// Ids of calls that take free text; their results have a type of their own.
    private var customCalls: Set<String> = []
    /// The caller spoke this dialect: names and ids are the vendor's already.
    private let isOwn: Bool
    /// The item that takes further content.
    private var open: OpenMessage?

    private struct OpenMessage {
        var role: Message.Role
        var note: JSONValue?
        var isString = false
        var content: [JSONValue] = []
    }

    init(names: NameMap, isOwn: Bool) {
        self.names = names
        self.isOwn = isOwn
    }

    /// - Parameter path: Of the message, for errors.
    mutating func write(_ message: Message, path: String) throws(GatehouseError) {
        if message.name != nil { drop("name") }
        report(message.extensions)
        if message.role != .assistant, let note = message.extensions.responsesNote(ResponsesNote.item) {
            open = OpenMessage(role: message.role, note: note)
            open?.isString = message.extensions.responsesNote(ResponsesNote.string) != nil
        }
        for (index, part) in message.parts.enumerated() {
            try write(part, in: message.role, path: "\(path).content[\(index)]")
        }
        close()
    }

    private mutating func write(
        _ part: Part, in role: Message.Role, path: String
    ) throws(GatehouseError) {
        if part.cache != nil { drop("cache_control") }
        report(part.extensions)
        switch part.content {
        case .toolCall(let call):
            close()
            write(call, part)
        case .toolResult(let result):
            close()
            try write(result, part, path: path)
        case .thinking(let thinking):
            close()
            write(thinking, part)
        case .native(.openAIResponses, let type, let item)
        where part.extensions.responsesNote(ResponsesNote.content) == nil:
            close()
            let isOurs = type == "reasoning" && ResponsesID.isMade(item["id"]?.string ?? "")
            if !isOurs { items.append(item) }
        default: try writeContent(part, in: role, path: path)
        }
    }

    private mutating func writeContent(
        _ part: Part, in role: Message.Role, path: String
    ) throws(GatehouseError) {
        let note = part.extensions.responsesNote(ResponsesNote.item)
        if role == .assistant, let note {
            close()
            open = OpenMessage(role: role, note: note)
            open?.isString = part.extensions.responsesNote(ResponsesNote.string) != nil
        }
        // An empty text says nothing; other dialects hang their seals on it.
        if part.text?.isEmpty == true, part.extensions.isEmpty, open?.note == nil { return }
        guard let content = ResponsesContent.write(part, role: role) else {
            return try refuse(part, in: role, path: path)
        }
        if open == nil { open = OpenMessage(role: role) }
        open?.content.append(content)
    }

    private mutating func refuse(
        _ part: Part, in role: Message.Role, path: String
    ) throws(GatehouseError) {
        if case .native(_, let type, _) = part.content { return drop(type) }
        guard role != .assistant else { return drop(part.kindName) }
        throw GatehouseError(
            .unsupportedParameter, "The target cannot take the \(part.kindName) at \(path).", param: path)
    }

    private mutating func close() {
        guard let message = open else { return }
        open = nil
        guard message.note != nil || !message.content.isEmpty else { return }
        var content = JSONValue.array(message.content)
        if message.isString, message.content.count == 1, let text = message.content[0]["text"] { content = text }
        let members =
            message.note?.object ?? [
                .init("type", .string("message")), .init("role", .string(Self.word(message.role))),
            ]
        items.append(.object(members + [.init("content", content)]))
    }

    private static func word(_ role: Message.Role) -> String {
        switch role {
        case .system: "system"
        case .assistant: "assistant"
        case .user, .tool: "user"
        }
    }

    private mutating func write(_ call: ToolCall, _ part: Part) {
        if call.isCustom { customCalls.insert(call.id) }
        let type = call.isCustom ? "custom_tool_call" : "function_call"
        let note = part.extensions.responsesNote(ResponsesNote.item)?.object
        let arguments = call.arguments.isEmpty && !call.isCustom && note == nil ? "{}" : call.arguments
        items.append(
            .object(
                (note ?? [.init("type", .string(type))]) + [
                    .init("call_id", .string(legalID(call.id))),
                    .init("name", .string(isOwn ? call.name : names.legal(call.name, ResponsesRules.functionName))),
                    .init(call.isCustom ? "input" : "arguments", .string(arguments)),
                ]))
    }

    private mutating func legalID(_ id: String) -> String {
        isOwn ? id : ids.legal(id, ResponsesRules.callID)
    }

    private mutating func write(_ result: ToolResult, _ part: Part, path: String) throws(GatehouseError) {
        let note = part.extensions.responsesNote(ResponsesNote.item)?.object
        if result.isError, note == nil { drop("is_error") }
        var content: [JSONValue] = []
        for (index, piece) in result.content.enumerated() {
            if piece.cache != nil { drop("cache_control") }
            if let written = ResponsesContent.write(piece, role: .tool) {
                content.append(written)
            } else {
                try refuse(piece, in: .tool, path: "\(path).content[\(index)]")
            }
        }
        var output = JSONValue.array(content)
        let isText = note == nil && result.content.count == 1 && result.content[0].text != nil
        if result.content.isEmpty, note == nil {
            output = .string("")
        } else if isText || part.extensions.responsesNote(ResponsesNote.string) != nil {
            output = content.first?["text"] ?? .string("")
        }
        let type = customCalls.contains(result.callID) ? "custom_tool_call_output" : "function_call_output"
        items.append(
            .object(
                (note ?? [.init("type", .string(type))]) + [
                    .init("call_id", .string(legalID(result.callID))), .init("output", output),
                ]))
    }

    /// Thoughts go back only to the vendor they came from: with its own seal, or as an item that it keeps itself.
    private mutating func write(_ thinking: Thinking, _ part: Part) {
        let note = part.extensions.responsesNote(ResponsesNote.item)
        let isOurs = ResponsesID.isMade(thinking.id ?? "")
        switch part.signature {
        case .some(let signature) where signature.dialect == .openAIResponses:
            if let note, !isOurs { return items.append(note) }
            let summary: [JSONValue] =
                thinking.text.isEmpty
                ? [] : [.object(["type": .string("summary_text"), "text": .string(thinking.text)])]
            items.append(
                .object([
                    "type": .string("reasoning"), "id": isOurs ? nil : thinking.id.map { .string($0) },
                    "summary": .array(summary), "encrypted_content": .string(signature.value),
                ]))
        case .none where note != nil && !isOurs:
            if let note { items.append(note) }
        default: drop("thinking")
        }
    }

    private mutating func drop(_ field: String) {
        if !dropped.contains(field) { dropped.append(field) }
    }

    private mutating func report(_ extensions: Extensions) {
        guard !extensions.isEmpty else { return }
        for field in extensions.foreign(to: .openAIResponses) { drop(field) }
    }
}
