package import NIOCore

/// Gathers canonical events into one whole answer of OpenAI's chat or completions format.
package struct OpenAIAnswer: Sendable {
    private struct ToolCall {
        var id = ""
        var name = ""
        var arguments = ""
    }

    private let operation: Operation
    private var text = ""
    private var reasoning = ""
    private var calls: [ToolCall] = []

    package init(operation: Operation) {
        self.operation = operation
    }

    /// How many bytes were gathered; whoever feeds it bounds it.
    package private(set) var size = 0

    package mutating func add(_ event: CanonicalEvent) {
        switch event {
        case .textDelta(let delta):
            text += delta
            size += delta.utf8.count
        case .reasoningDelta(let delta):
            reasoning += delta
            size += delta.utf8.count
        case .toolCallDelta(let index, let id, let name, let arguments):
            guard (0..<128).contains(index) else { return }
            while calls.count <= index { calls.append(ToolCall()) }
            if let id { calls[index].id = id }
            calls[index].name += name ?? ""
            calls[index].arguments += arguments
            size += arguments.utf8.count
        default: break
        }
    }

    /// The body of the response.
    package func body(id: String, model: String, created: Int, finish: Finish) -> ByteBuffer {
        let object = operation == .chatCompletions ? "chat.completion" : "text_completion"
        var buffer = Self.prefix(id: id, object: object, created: created, model: model)
        switch operation {
        case .chatCompletions: writeMessage(to: &buffer)
        case .completions:
            buffer.writeStaticString(#""choices":[{"text":"#)
            JSONText.write(text, to: &buffer)
            buffer.writeStaticString(#","index":0"#)
        }
        buffer.writeString(#","logprobs":null,"finish_reason":"\#(finish.reason.rawValue)"}]"#)
        if let usage = finish.usage {
            buffer.writeStaticString(#","usage":"#)
            Self.write(usage, to: &buffer)
        }
        buffer.writeStaticString("}")
        return buffer
    }

    private func writeMessage(to buffer: inout ByteBuffer) {
        buffer.writeStaticString(#""choices":[{"index":0,"message":{"role":"assistant","content":"#)
        if text.isEmpty, !calls.isEmpty {
            buffer.writeStaticString("null")
        } else {
            JSONText.write(text, to: &buffer)
        }
        buffer.writeStaticString(#","refusal":null"#)
        if !reasoning.isEmpty {
            buffer.writeStaticString(#","reasoning_content":"#)
            JSONText.write(reasoning, to: &buffer)
        }
        if !calls.isEmpty {
            buffer.writeStaticString(#","tool_calls":["#)
            for (index, call) in calls.enumerated() {
                if index > 0 { buffer.writeStaticString(",") }
                buffer.writeStaticString(#"{"id":"#)
                JSONText.write(call.id, to: &buffer)
                buffer.writeStaticString(#","type":"function","function":{"name":"#)
                JSONText.write(call.name, to: &buffer)
                buffer.writeStaticString(#","arguments":"#)
                JSONText.write(call.arguments, to: &buffer)
                buffer.writeStaticString("}}")
            }
            buffer.writeStaticString("]")
        }
        buffer.writeStaticString("}")
    }

    /// What every object of an answer begins with, up to the comma before `choices`.
    static func prefix(id: String, object: String, created: Int, model: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeStaticString(#"{"id":"#)
        JSONText.write(id, to: &buffer)
        buffer.writeString(#","object":"\#(object)","created":\#(created),"model":"#)
        JSONText.write(model, to: &buffer)
        buffer.writeStaticString(",")
        return buffer
    }

    static func write(_ usage: Usage, to buffer: inout ByteBuffer) {
        buffer.writeString(#"{"prompt_tokens":\#(usage.input),"completion_tokens":\#(usage.output),"#)
        buffer.writeString(#""total_tokens":\#(usage.total),"prompt_tokens_details":{"cached_tokens":"#)
        buffer.writeString(#"\#(usage.cachedInput)},"completion_tokens_details":{"reasoning_tokens":"#)
        buffer.writeString("\(usage.reasoning)}}")
    }
}

extension FinishReason {
    /// OpenAI's word for it.
    var openAIWord: String {
        switch self {
        case .stop, .stopSequence, .pause, .malformedCall: "stop"
        case .length, .contextLength: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter, .refusal: "content_filter"
        }
    }
}
