/// Content blocks as both requests and answers write them.
enum AnthropicBlocks {
    static func text(_ text: String, _ part: Part) -> JSONValue {
        let citations = part.citations.compactMap(AnthropicCitation.written)
        return .object([
            "type": .string("text"), "text": .string(text), "citations": citations.isEmpty ? nil : .array(citations),
        ])
    }

    static func thinking(_ thinking: Thinking, _ part: Part) -> JSONValue {
        let isEmpty = part.extensions[.anthropic, AnthropicNote.noSeal] != nil
        let seal =
            part.signature.map { JSONValue.string(AnthropicSignature.written($0, id: thinking.id)) }
            ?? (isEmpty ? .string("") : nil)
        if thinking.isRedacted { return .object(["type": .string("redacted_thinking"), "data": seal ?? .string("")]) }
        return .object(["type": .string("thinking"), "thinking": .string(thinking.text), "signature": seal])
    }

    static func toolUse(_ call: ToolCall, id: String, name: String) -> JSONValue {
        .object(["type": .string("tool_use"), "id": .string(id), "name": .string(name), "input": input(call)])
    }

    /// The arguments as the object that Anthropic demands. What is none (a free text, or a call that the model wrote
    /// wrong) is kept as its only member.
    static func input(_ call: ToolCall) -> JSONValue {
        if call.arguments.isEmpty { return .object([]) }
        if !call.isCustom, let value = try? JSONValue(parsing: call.arguments.utf8, limits: .lenient),
            value.object != nil
        {
            return value
        }
        return .object(["input": .string(call.arguments)])
    }
}
