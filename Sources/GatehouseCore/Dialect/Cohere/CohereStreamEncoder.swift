import NIOCore

/// Writes a stream of Cohere's chat API. One block is open at a time, thoughts and texts each in a block of their own;
/// calls follow one another, so that pieces of a second one wait until the first is whole.
struct CohereStreamEncoder: StreamEncoder {
    private enum Block { case none, text, thinking, call }

    private let identity: AnswerIdentity
    private var isStarted = false
    private var open = Block.none
    /// The number of the next content block, call and citation.
    private var contents = 0
    private var calls = 0
    private var citations = 0
    private var pending = PendingCalls()
    /// The numbers under which calls were written.
    private var written: [Int: Int] = [:]

    init(as identity: AnswerIdentity) { self.identity = identity }

    mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        switch event {
        case .started(let start): writeStart(start.id, to: &buffer)
        case .textDelta(let text), .refusalDelta(let text): write(text, as: .text, to: &buffer)
        case .reasoningDelta(let text): write(text, as: .thinking, to: &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            call(index, id, name, arguments, to: &buffer)
        case .citation(let citation): write(citation, to: &buffer)
        case .partEnded, .signature: endParts(to: &buffer)
        case .part(let part): write(part, to: &buffer)
        case .toolStarted, .toolFinished, .file, .notice, .limit: SSEWriter.write(progress: event, to: &buffer)
        case .finished(let finish): writeEnd(finish, to: &buffer)
        case .toolCallSignature, .toolCallIsCustom, .usage: break
        }
    }

    mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        CohereErrorBody.writeEvent(error, requestID: requestID, to: &buffer)
    }

    private mutating func writeStart(_ id: String?, to buffer: inout ByteBuffer) {
        guard !isStarted else { return }
        isStarted = true
        buffer.writeStaticString("event: message-start\ndata: {\"type\":\"message-start\",\"id\":")
        JSONText.write(id ?? identity.call, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","#)
        buffer.writeStaticString("\"tool_calls\":[],\"citations\":[]}}}\n\n")
    }

    // MARK: Content

    private mutating func write(_ text: String, as block: Block, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        let key: StaticString = block == .text ? "text" : "thinking"
        if open != block { openContent(block, key, to: &buffer) }
        Self.begin("content-delta", contents, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"content":{""#)
        buffer.writeStaticString(key)
        buffer.writeStaticString("\":")
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString("}}}}\n\n")
    }

    private mutating func openContent(_ block: Block, _ key: StaticString, to buffer: inout ByteBuffer) {
        writeStart(nil, to: &buffer)
        endParts(to: &buffer)
        open = block
        Self.begin("content-start", contents, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"content":{"type":""#)
        buffer.writeStaticString(key)
        buffer.writeStaticString("\",\"")
        buffer.writeStaticString(key)
        buffer.writeStaticString("\":\"\"}}}}\n\n")
    }

    private mutating func write(_ part: Part, to buffer: inout ByteBuffer) {
        switch part.content {
        case .text(let text), .refusal(let text):
            write(text, as: .text, to: &buffer)
            for citation in part.citations { write(citation, to: &buffer) }
            endParts(to: &buffer)
        case .thinking(let thinking):
            if !thinking.isRedacted { write(thinking.text, as: .thinking, to: &buffer) }
            endParts(to: &buffer)
        case .toolCall(let whole):
            writeStart(nil, to: &buffer)
            endParts(to: &buffer)
            writeCallStart(whole.id, whole.name, to: &buffer)
            writeArguments(whole.arguments, of: calls, to: &buffer)
            open = .call
            endBlock(to: &buffer)
        case .native(.cohere, "citation", let value): writeCitation(value, to: &buffer)
        case .image, .audio, .video, .document, .toolResult, .native: endParts(to: &buffer)
        }
    }

    private mutating func write(_ citation: Citation, to buffer: inout ByteBuffer) {
        if open != .text { openContent(.text, "text", to: &buffer) }
        writeCitation(citation.cohereValue, to: &buffer)
    }

    private mutating func writeCitation(_ value: JSONValue, to buffer: inout ByteBuffer) {
        writeStart(nil, to: &buffer)
        Self.begin("citation-start", citations, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"citations":"#)
        buffer.writeString(value.text)
        buffer.writeStaticString("}}}\n\n")
        Self.begin("citation-end", citations, to: &buffer)
        buffer.writeStaticString("}\n\n")
        citations &+= 1
    }

    // MARK: Calls

    private mutating func call(
        _ index: Int, _ id: String?, _ name: String?, _ arguments: String, to buffer: inout ByteBuffer
    ) {
        if written[index] == nil {
            if open == .call { return pending.add(index, id: id, name: name, arguments: arguments) }
            writeStart(nil, to: &buffer)
            endParts(to: &buffer)
            open = .call
            written[index] = calls
            writeCallStart(id ?? "", name ?? "", to: &buffer)
        }
        if let number = written[index] { writeArguments(arguments, of: number, to: &buffer) }
    }

    private func writeArguments(_ arguments: String, of number: Int, to buffer: inout ByteBuffer) {
        guard !arguments.isEmpty else { return }
        Self.begin("tool-call-delta", number, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"tool_calls":{"function":{"arguments":"#)
        JSONText.write(arguments, to: &buffer)
        buffer.writeStaticString("}}}}}\n\n")
    }

    private func writeCallStart(_ id: String, _ name: String, to buffer: inout ByteBuffer) {
        Self.begin("tool-call-start", calls, to: &buffer)
        buffer.writeStaticString(#","delta":{"message":{"tool_calls":{"id":"#)
        JSONText.write(id, to: &buffer)
        buffer.writeStaticString(#","type":"function","function":{"name":"#)
        JSONText.write(name, to: &buffer)
        buffer.writeStaticString(",\"arguments\":\"\"}}}}}\n\n")
    }

    // MARK: Ends

    private mutating func endParts(to buffer: inout ByteBuffer) {
        endBlock(to: &buffer)
        for waiting in pending.take() {
            call(waiting.index, waiting.id, waiting.name, waiting.arguments, to: &buffer)
            endBlock(to: &buffer)
        }
    }

    private mutating func endBlock(to buffer: inout ByteBuffer) {
        switch open {
        case .none: return
        case .text, .thinking:
            Self.begin("content-end", contents, to: &buffer)
            contents &+= 1
        case .call:
            Self.begin("tool-call-end", calls, to: &buffer)
            calls &+= 1
        }
        buffer.writeStaticString("}\n\n")
        open = .none
    }

    private mutating func writeEnd(_ finish: Finish, to buffer: inout ByteBuffer) {
        writeStart(nil, to: &buffer)
        guard !pending.isOverflowing else {
            let error = GatehouseError(.upstreamInvalidResponse, "The calls of functions are too large to be sent.")
            return fail(error, requestID: identity.call, to: &buffer)
        }
        endParts(to: &buffer)
        buffer.writeStaticString("event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":")
        JSONText.write(finish.cohereWord, to: &buffer)
        if let usage = finish.usage {
            buffer.writeStaticString(",\"usage\":")
            buffer.writeString(usage.cohereValue.text)
        }
        buffer.writeStaticString("}}\n\ndata: [DONE]\n\n")
    }

    /// An event up to its index, without the closing brace.
    private static func begin(_ type: StaticString, _ index: Int, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: ")
        buffer.writeStaticString(type)
        buffer.writeStaticString("\ndata: {\"type\":\"")
        buffer.writeStaticString(type)
        buffer.writeStaticString("\",\"index\":")
        buffer.writeString(String(index))
    }
}
