/// Writes messages as the native API takes them: the form in which sessions keep what was said, whichever dialect it was
/// said in. Thoughts, seals and what only one vendor understands are left out.
enum NativeMessageWriter {
    /// `nil` for a message of which nothing is left.
    static func message(_ message: Message) -> JSONValue? {
        let parts = message.parts.compactMap(part)
        guard !parts.isEmpty else { return nil }
        var content = JSONValue.array(parts)
        if message.role == .assistant, parts.count == 1, let text = parts[0]["text"] { content = text }
        return .object(["role": .string(message.role.rawValue), "content": content])
    }

    private static func part(_ part: Part) -> JSONValue? {
        switch part.content {
        case .text(let text), .refusal(let text): text.isEmpty ? nil : self.text(text)
        case .image(let media): self.media("image", media)
        case .audio(let media): self.media("audio", media)
        case .video(let media): self.media("video", media)
        case .document(let media): self.media("document", media)
        case .toolCall(let call):
            .object([
                "type": .string("tool_call"), "id": .string(call.id), "name": .string(call.name),
                "arguments": .string(call.arguments), "custom": call.isCustom ? .bool(true) : nil,
            ])
        case .toolResult(let result):
            .object([
                "type": .string("tool_result"), "id": .string(result.callID),
                "name": result.name.map { .string($0) },
                // A result holds parts but no results.
                "content": .array(result.content.filter { $0.toolResult == nil }.compactMap(self.part)),
                "error": result.isError ? .bool(true) : nil,
            ])
        case .thinking, .native: nil
        }
    }

    private static func text(_ text: String) -> JSONValue { .object(["type": .string("text"), "text": .string(text)]) }

    private static func media(_ type: String, _ media: Media) -> JSONValue? {
        if case .text(let text) = media.source { return self.text(text) }
        if case .file(let id) = media.source { return .object(["type": .string("file"), "id": .string(id)]) }
        return .object([
            "type": .string(type), "url": media.url.map { .string($0) }, "name": media.name.map { .string($0) },
        ])
    }
}
