import NIOCore

/// Writes a stream of Ollama's chat API. Arguments are objects there, so a call is written once it is whole.
struct OllamaStreamEncoder: StreamEncoder {
    /// `{"model":…,"created_at":…,"message":{"role":"assistant","content":` the same in every line.
    private let prefix: ByteBuffer
    private var pending = PendingCalls()
    private var calls = 0

    init(as identity: AnswerIdentity) {
        var prefix = ByteBuffer()
        prefix.writeStaticString("{\"model\":")
        JSONText.write(identity.model, to: &prefix)
        prefix.writeStaticString(",\"created_at\":\"")
        prefix.writeString(RFC3339Time.text(identity.created))
        prefix.writeStaticString("\",\"message\":{\"role\":\"assistant\",\"content\":")
        self.prefix = prefix
    }

    mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        switch event {
        case .textDelta(let text), .refusalDelta(let text): writeText(text, to: &buffer)
        case .reasoningDelta(let text): writeThinking(text, to: &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            pending.add(index, id: id, name: name, arguments: arguments)
        case .partEnded: writeCalls(to: &buffer)
        case .part(let part): write(part, to: &buffer)
        case .finished(let finish): writeEnd(finish, to: &buffer)
        case .started, .signature, .citation, .toolCallSignature, .toolCallIsCustom, .toolStarted, .toolFinished,
            .file, .notice, .limit, .usage:
            break
        }
    }

    mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        buffer.writeImmutableBuffer(OllamaErrorBody.render(error))
        buffer.writeStaticString("\n")
    }

    private func writeText(_ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        buffer.writeImmutableBuffer(prefix)
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString("},\"done\":false}\n")
    }

    private func writeThinking(_ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        buffer.writeImmutableBuffer(prefix)
        buffer.writeStaticString("\"\",\"thinking\":")
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString("},\"done\":false}\n")
    }

    private mutating func write(_ part: Part, to buffer: inout ByteBuffer) {
        switch part.content {
        case .text(let text), .refusal(let text): writeText(text, to: &buffer)
        case .thinking(let thinking): if !thinking.isRedacted { writeThinking(thinking.text, to: &buffer) }
        case .toolCall(let call): write(call, to: &buffer)
        case .image, .audio, .video, .document, .toolResult, .native: break
        }
    }

    private mutating func writeCalls(to buffer: inout ByteBuffer) {
        for call in pending.take() {
            write(ToolCall(id: call.id, name: call.name, arguments: call.arguments), to: &buffer)
        }
    }

    private mutating func write(_ call: ToolCall, to buffer: inout ByteBuffer) {
        buffer.writeImmutableBuffer(prefix)
        buffer.writeStaticString("\"\",\"tool_calls\":[{\"id\":")
        JSONText.write(call.id, to: &buffer)
        buffer.writeString(",\"function\":{\"index\":\(calls),\"name\":")
        JSONText.write(call.name, to: &buffer)
        buffer.writeStaticString(",\"arguments\":")
        buffer.writeString(call.argumentsObject.text)
        buffer.writeStaticString("}}]},\"done\":false}\n")
        calls &+= 1
    }

    private mutating func writeEnd(_ finish: Finish, to buffer: inout ByteBuffer) {
        guard !pending.isOverflowing else {
            let error = GatehouseError(.upstreamInvalidResponse, "The calls of functions are too large to be sent.")
            return fail(error, requestID: "", to: &buffer)
        }
        writeCalls(to: &buffer)
        buffer.writeImmutableBuffer(prefix)
        buffer.writeStaticString("\"\"},\"done\":true")
        if let word = OllamaAnswer.word(finish) { buffer.writeString(",\"done_reason\":\(word.text)") }
        for member in OllamaAnswer.members(finish.usage) {
            buffer.writeStaticString(",")
            JSONText.write(member.key, to: &buffer)
            buffer.writeString(":\(member.value.text)")
        }
        buffer.writeStaticString("}\n")
    }
}
