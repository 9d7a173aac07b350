package import NIOCore

/// Writes canonical events as a stream of OpenAI's chat or completions format.
package struct OpenAIStreamEncoder: Sendable {
    private let operation: Operation
    private let wantsUsage: Bool
    /// `{"id":…,"object":…,"created":…,"model":…,` the same in every chunk.
    private let prefix: ByteBuffer
    private var hasRole = false

    /// - Parameters:
    ///   - id: The answer's id, as the caller will see it.
    ///   - created: Seconds since 1970.
    package init(id: String, model: String, created: Int, operation: Operation, wantsUsage: Bool) {
        self.operation = operation
        self.wantsUsage = wantsUsage
        let object = operation == .chatCompletions ? "chat.completion.chunk" : "text_completion"
        prefix = OpenAIAnswer.prefix(id: id, object: object, created: created, model: model)
    }

    /// Appends what `event` looks like in this format; some events look like nothing.
    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        switch event {
        case .started: writeRole(to: &buffer)
        case .textDelta(let text): writeText(text, to: &buffer)
        case .reasoningDelta(let text):
            guard operation == .chatCompletions else { return }
            writeRole(to: &buffer)
            writeDelta(to: &buffer) { delta in
                delta.writeStaticString(#""reasoning_content":"#)
                JSONText.write(text, to: &delta)
            }
        case .toolCallDelta(let index, let id, let name, let arguments):
            writeRole(to: &buffer)
            writeToolCall(index, id, name, arguments, to: &buffer)
        case .toolStarted(_, let name, _): SSEWriter.write(comment: "tool \(name)", to: &buffer)
        case .finished(let finish): writeEnd(finish, to: &buffer)
        default: break
        }
    }

    private mutating func writeRole(to buffer: inout ByteBuffer) {
        guard !hasRole else { return }
        hasRole = true
        guard operation == .chatCompletions else { return }
        writeDelta(to: &buffer) { $0.writeStaticString(#""role":"assistant","content":"""#) }
    }

    private mutating func writeText(_ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        writeRole(to: &buffer)
        guard operation == .chatCompletions else {
            open(&buffer)
            buffer.writeStaticString(#""choices":[{"text":"#)
            JSONText.write(text, to: &buffer)
            buffer.writeStaticString(#","index":0,"logprobs":null,"finish_reason":null}]}"#)
            return close(&buffer)
        }
        writeDelta(to: &buffer) { delta in
            delta.writeStaticString(#""content":"#)
            JSONText.write(text, to: &delta)
        }
    }

    private func writeToolCall(
        _ index: Int, _ id: String?, _ name: String?, _ arguments: String, to buffer: inout ByteBuffer
    ) {
        writeDelta(to: &buffer) { delta in
            delta.writeString(#""tool_calls":[{"index":\#(index),"#)
            if let id {
                delta.writeStaticString(#""id":"#)
                JSONText.write(id, to: &delta)
                delta.writeStaticString(#","type":"function","#)
            }
            delta.writeStaticString(#""function":{"#)
            if let name {
                delta.writeStaticString(#""name":"#)
                JSONText.write(name, to: &delta)
                delta.writeStaticString(",")
            }
            delta.writeStaticString(#""arguments":"#)
            JSONText.write(arguments, to: &delta)
            delta.writeStaticString("}}]")
        }
    }

    private mutating func writeEnd(_ finish: Finish, to buffer: inout ByteBuffer) {
        writeRole(to: &buffer)
        open(&buffer)
        buffer.writeStaticString(
            operation == .chatCompletions
                ? #""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":""#
                : #""choices":[{"text":"","index":0,"logprobs":null,"finish_reason":""#)
        buffer.writeString(finish.reason.openAIWord)
        buffer.writeStaticString(#""}]}"#)
        close(&buffer)
        if wantsUsage, let usage = finish.usage {
            open(&buffer)
            buffer.writeStaticString(#""choices":[],"usage":"#)
            OpenAIAnswer.write(usage, to: &buffer)
            buffer.writeStaticString("}")
            close(&buffer)
        }
        buffer.writeStaticString("data: [DONE]\n\n")
    }

    private func writeDelta(to buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        open(&buffer)
        buffer.writeStaticString(#""choices":[{"index":0,"delta":{"#)
        body(&buffer)
        buffer.writeStaticString(#"},"logprobs":null,"finish_reason":null}]}"#)
        close(&buffer)
    }

    private func open(_ buffer: inout ByteBuffer) {
        buffer.writeStaticString("data: ")
        buffer.writeImmutableBuffer(prefix)
    }

    private func close(_ buffer: inout ByteBuffer) {
        buffer.writeStaticString("\n\n")
    }
}
