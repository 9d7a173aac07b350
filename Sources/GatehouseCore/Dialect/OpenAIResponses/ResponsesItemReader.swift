/// Reads items: of a request's `input`, or of an answer's `output`.
///
/// What follows each other of one assistant's turn (reasoning, messages, calls of functions, a vendor's tools at work)
/// becomes one message whose parts keep the order. An item that this gateway does not know stays whole, as a native
/// part.
struct ResponsesItemReader {
    private(set) var messages: [Message] = []
    /// The last message is an assistant's and takes further parts.
    private var isTurnOpen = false
    private let isAnswer: Bool

    /// - Parameter isAnswer: Everything belongs to the model's turn.
    init(isAnswer: Bool = false) { self.isAnswer = isAnswer }

    /// The parts of an answer. What cannot be read stays as it is: a vendor's odd item must not fail a call.
    static func parts(ofOutput items: [JSONValue]) -> [Part] {
        var reader = ResponsesItemReader(isAnswer: true)
        for item in items {
            do {
                try reader.read(item, path: "")
            } catch {
                reader.addNative(item, type: item["type"]?.string ?? "unknown")
            }
        }
        return reader.messages.flatMap(\.parts)
    }

    mutating func read(_ item: JSONValue, path: String) throws(GatehouseError) {
        var fields = try JSONFields(item, path: path)
        guard let type = try fields.string("type") ?? Self.type(of: item) else { throw fields.missing("type") }
        switch type {
        case "message": try readMessage(item, &fields)
        case "function_call": try readCall(&fields, arguments: "arguments", isCustom: false)
        case "custom_tool_call": try readCall(&fields, arguments: "input", isCustom: true)
        case "function_call_output" where !isAnswer, "custom_tool_call_output" where !isAnswer:
            try readResult(&fields)
        case "reasoning": readReasoning(item)
        default: addNative(item, type: type)
        }
    }

    private static func type(of item: JSONValue) -> String? {
        if item["role"] != nil { return "message" }
        return item["id"]?.string == nil ? nil : "item_reference"
    }

    mutating func addNative(_ item: JSONValue, type: String) {
        let part = Part(.native(.openAIResponses, type: type, item))
        switch item["role"]?.string {
        case "system" where !isAnswer, "developer" where !isAnswer: add(Message(role: .system, parts: [part]))
        case "user" where !isAnswer: add(Message(role: .user, parts: [part]))
        default: extendTurn(part)
        }
    }

    private mutating func add(_ message: Message) {
        messages.append(message)
        isTurnOpen = false
    }

    private mutating func extendTurn(_ part: Part) {
        if !isTurnOpen {
            messages.append(Message(role: .assistant, parts: []))
            isTurnOpen = true
        }
        messages[messages.count - 1].parts.append(part)
    }

    private mutating func readMessage(_ item: JSONValue, _ fields: inout JSONFields) throws(GatehouseError) {
        let role = try readRole(&fields)
        guard let content = fields.value("content") else { throw fields.missing("content") }
        let isString = content.string != nil
        var parts: [Part] = []
        if let text = content.string {
            parts = [.text(text)]
        } else if let elements = content.array {
            for (index, element) in elements.enumerated() {
                parts.append(try ResponsesContent.read(element, role: role, path: fields.path("content", index)))
            }
        } else {
            throw fields.invalid("content", "must be a string or an array")
        }
        var note = Extensions()
        note.noteResponses(ResponsesNote.item, .object(item.members(except: ["content"])))
        if isString { note.noteResponses(ResponsesNote.string) }
        guard role == .assistant else {
            var message = Message(role: role, parts: parts)
            message.extensions = note
            return add(message)
        }
        guard !parts.isEmpty else { return addNative(item, type: "message") }
        for member in note[.openAIResponses] { parts[0].extensions.noteResponses(member.key, member.value) }
        for part in parts { extendTurn(part) }
    }

    private func readRole(_ fields: inout JSONFields) throws(GatehouseError) -> Message.Role {
        if isAnswer { return .assistant }
        switch try fields.requiredString("role") {
        case "user": return .user
        case "assistant": return .assistant
        case "system", "developer": return .system
        default: throw fields.invalid("role", "must be user, assistant, system or developer")
        }
    }

    private mutating func readCall(
        _ fields: inout JSONFields, arguments: String, isCustom: Bool
    ) throws(GatehouseError) {
        let call = ToolCall(
            id: try fields.requiredString("call_id"), name: try fields.requiredString("name"),
            arguments: try fields.requiredString(arguments), isCustom: isCustom)
        var part = Part(.toolCall(call))
        part.extensions.noteResponses(ResponsesNote.item, Self.note(fields))
        extendTurn(part)
    }

    private mutating func readResult(_ fields: inout JSONFields) throws(GatehouseError) {
        var result = ToolResult(callID: try fields.requiredString("call_id"), content: [])
        guard let output = fields.value("output") else { throw fields.missing("output") }
        if let text = output.string {
            result.content = [.text(text)]
        } else if let elements = output.array {
            for (index, element) in elements.enumerated() {
                result.content.append(
                    try ResponsesContent.read(element, role: .tool, path: fields.path("output", index)))
            }
        } else {
            throw fields.invalid("output", "must be a string or an array")
        }
        result.isError = fields.peek("is_error")?.bool ?? false
        var part = Part(.toolResult(result))
        part.extensions.noteResponses(ResponsesNote.item, Self.note(fields))
        if output.string != nil { part.extensions.noteResponses(ResponsesNote.string) }
        add(Message(role: .tool, parts: [part]))
    }

    /// The type and what nobody asked for.
    private static func note(_ fields: JSONFields) -> JSONValue {
        .object((fields.peek("type").map { [.init("type", $0)] } ?? []) + fields.rest)
    }

    private mutating func readReasoning(_ item: JSONValue) {
        let text = Self.thoughts(of: item)
        let id = item["id"]?.string
        guard let encrypted = item["encrypted_content"]?.string, !encrypted.isEmpty else {
            // Without a word or a seal it means something only where it is kept.
            guard !text.isEmpty else { return addNative(item, type: "reasoning") }
            return addThinking(Thinking(text, id: id), nil, item)
        }
        guard let seal = ResponsesSeal(encrypted: encrypted) else { return addNative(item, type: "reasoning") }
        switch seal.subject {
        case .thinking:
            let isRedacted = text.isEmpty && seal.signature.dialect == .openAIResponses
            addThinking(Thinking(text, isRedacted: isRedacted, id: id), seal.signature, item)
        case .redacted: addThinking(Thinking(text, isRedacted: true, id: id), seal.signature, item)
        case .text: extendTurn(Part(.text(""), signature: seal.signature))
        case .call(let id): sealCall(id, seal.signature)
        }
    }

    private mutating func addThinking(_ thinking: Thinking, _ signature: Signature?, _ item: JSONValue) {
        var part = Part(.thinking(thinking), signature: signature)
        part.extensions.noteResponses(ResponsesNote.item, item)
        extendTurn(part)
    }

    private mutating func sealCall(_ id: String, _ signature: Signature) {
        guard isTurnOpen, let last = messages.indices.last else { return }
        for place in messages[last].parts.indices where messages[last].parts[place].toolCall?.id == id {
            messages[last].parts[place].signature = signature
        }
    }

    /// The summary, or else the thoughts themselves, its pieces divided by a blank line.
    static func thoughts(of item: JSONValue) -> String {
        for key in ["summary", "content"] {
            let texts = (item[key]?.array ?? []).compactMap { $0["text"]?.string }
            if !texts.isEmpty { return texts.joined(separator: "\n\n") }
        }
        return ""
    }
}
