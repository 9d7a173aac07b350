/// Writes an answer's parts as the items of `output`.
struct ResponsesOutputWriter {
    private var items: [JSONValue] = []
    private let call: String
    /// The message that takes further content; `nil` note for one of another dialect.
    private var open: (note: JSONValue?, content: [JSONValue])?

    static func items(_ response: CanonicalResponse, call: String) -> [JSONValue] {
        var writer = ResponsesOutputWriter(call: call)
        for part in response.parts { writer.write(part) }
        let hasRefusal = ResponsesFinish.Parts(response.parts).hasRefusal
        let (status, _) = ResponsesFinish.words(response.finish, hasRefusal: hasRefusal)
        writer.close(status: status.description)
        if writer.items.isEmpty, status.description == "completed" {
            writer.open = (nil, [ResponsesContent.write(.text(""), role: .assistant, isAnswer: true) ?? .null])
            writer.close()
        }
        return writer.items
    }

    private init(call: String) { self.call = call }

    private mutating func write(_ part: Part) {
        let note = part.extensions.responsesNote(ResponsesNote.item)
        switch part.content {
        case .toolCall(let toolCall):
            close()
            write(toolCall, note)
            if let signature = part.signature { seal(.call(toolCall.id), signature) }
        case .thinking(let thinking):
            close()
            items.append(note ?? Self.reasoning(thinking, part.signature, call, items.count))
        case .native(.openAIResponses, _, let item)
        where part.extensions.responsesNote(ResponsesNote.content) == nil:
            close()
            items.append(item)
        case .image(let media):
            guard let item = Self.image(media, call, items.count + (open == nil ? 0 : 1)) else { return }
            close()
            items.append(item)
        default:
            guard let content = ResponsesContent.write(part, role: .assistant, isAnswer: true) else { return }
            if note != nil { close() }
            if open == nil { open = (note, []) }
            let isSealOnly = part.text?.isEmpty == true && part.signature != nil
            if !isSealOnly || note != nil { open?.content.append(content) }
            if let signature = part.signature {
                close()
                seal(.text, signature)
            }
        }
    }

    private mutating func close(status: String = "completed") {
        guard let message = open else { return }
        open = nil
        guard message.note != nil || !message.content.isEmpty else { return }
        let members =
            message.note?.object ?? [
                .init("id", .string(ResponsesID.message(call, items.count))), .init("type", .string("message")),
                .init("status", .string(status)), .init("role", .string("assistant")),
            ]
        items.append(.object(members + [.init("content", .array(message.content))]))
    }

    private mutating func write(_ toolCall: ToolCall, _ note: JSONValue?) {
        let index = items.count
        let id = toolCall.isCustom ? ResponsesID.custom(call, index) : ResponsesID.function(call, index)
        let members =
            note?.object ?? [
                .init("id", .string(id)),
                .init("type", .string(toolCall.isCustom ? "custom_tool_call" : "function_call")),
                .init("status", .string("completed")),
            ]
        let callID = toolCall.id.isEmpty ? ResponsesID.call(call, index) : toolCall.id
        let arguments = toolCall.arguments.isEmpty && !toolCall.isCustom && note == nil ? "{}" : toolCall.arguments
        items.append(
            .object(
                members + [
                    .init("call_id", .string(callID)), .init("name", .string(toolCall.name)),
                    .init(toolCall.isCustom ? "input" : "arguments", .string(arguments)),
                ]))
    }

    private mutating func seal(_ subject: ResponsesSeal.Subject, _ signature: Signature) {
        items.append(Self.sealed(ResponsesSeal(subject, signature), call, items.count))
    }

    /// An item that holds nothing but a seal.
    static func sealed(_ seal: ResponsesSeal, _ call: String, _ index: Int) -> JSONValue {
        .object([
            "id": .string(ResponsesID.reasoning(call, index)), "type": .string("reasoning"), "summary": .array([]),
            "encrypted_content": .string(seal.encrypted),
        ])
    }

    static func reasoning(
        _ thinking: Thinking, _ signature: Signature?, _ call: String, _ index: Int
    ) -> JSONValue {
        let summary: [JSONValue] =
            thinking.text.isEmpty
            ? [] : [.object(["type": .string("summary_text"), "text": .string(thinking.text)])]
        let seal = signature.map { ResponsesSeal(thinking.isRedacted ? .redacted : .thinking, $0) }
        let isOwn = signature?.dialect == .openAIResponses
        let id = isOwn ? thinking.id : nil
        return .object([
            "id": .string(id ?? ResponsesID.reasoning(call, index)), "type": .string("reasoning"),
            "summary": .array(summary), "encrypted_content": seal.map { .string($0.encrypted) },
        ])
    }

    /// A picture that the model drew. The dialect has it as the result of the vendor's tool.
    static func image(_ media: Media, _ call: String, _ index: Int) -> JSONValue? {
        guard case .base64(let data) = media.source else { return nil }
        return .object([
            "id": .string(ResponsesID.image(call, index)), "type": .string("image_generation_call"),
            "status": .string("completed"), "result": .string(data),
        ])
    }
}
