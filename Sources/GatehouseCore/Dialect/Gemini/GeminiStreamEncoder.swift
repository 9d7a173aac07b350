package import NIOCore

/// Writes a stream as `streamGenerateContent` gives it: server-sent events, or the elements of one JSON array.
///
/// Gemini's calls are whole: pieces are gathered until their arguments are a JSON object and something else follows. A
/// call whose arguments never become one is left out, and the answer ends with `MALFORMED_FUNCTION_CALL`.
package struct GeminiStreamEncoder: StreamEncoder {
    private enum Open { case nothing, text, thinking }

    private let isArray: Bool
    /// `,"modelVersion":…,"responseId":…}`, the same in every chunk.
    private let suffix: ByteBuffer
    private var hasBegun = false
    private var isOver = false
    private var open = Open.nothing
    private var calls = GeminiPendingCalls()
    private var citations: [Citation] = []
    /// Usage that no chunk has told yet.
    private var usage: Usage?

    package init(as identity: AnswerIdentity, options: StreamOptions) {
        isArray = options.asArray
        var end = ByteBuffer()
        end.writeStaticString(",\"modelVersion\":")
        JSONText.write(identity.model, to: &end)
        end.writeStaticString(",\"responseId\":")
        JSONText.write(identity.call, to: &end)
        end.writeStaticString("}")
        suffix = end
    }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        switch event {
        case .textDelta(let text), .refusalDelta(let text): say(text, .text, to: &buffer)
        case .reasoningDelta(let text): say(text, .thinking, to: &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            open = .nothing
            calls.add(index, id: id, name: name, arguments: arguments)
        case .toolCallIsCustom(let index): calls.setCustom(index)
        case .toolCallSignature(let index, let signature):
            if signature.dialect == .gemini { calls.setSignature(index, signature.value) }
        case .signature(let signature): write(signature, to: &buffer)
        case .partEnded:
            writeCalls(to: &buffer)
            open = .nothing
        case .citation(let citation):
            if citations.count < GeminiGrounding.maximumCitations { citations.append(citation) }
        case .part(let part): write(part, to: &buffer)
        case .started(let start): usage = start.usage ?? usage
        case .usage(let usage): self.usage = usage
        case .toolStarted, .toolFinished, .file, .notice, .limit:
            if !isArray { SSEWriter.write(progress: event, to: &buffer) }
        case .finished(let finish): write(finish, to: &buffer)
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        isOver = true
        frame(to: &buffer, isWhole: true) {
            $0.writeImmutableBuffer(GeminiErrorBody.render(error, requestID: requestID))
        }
        if isArray { buffer.writeStaticString("]") }
    }

    // MARK: Parts

    private mutating func say(_ text: String, _ kind: Open, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        writeCalls(to: &buffer)
        open = kind
        chunk(to: &buffer) { part in
            part.writeStaticString("{\"text\":")
            JSONText.write(text, to: &part)
            part.writeStaticString(kind == .thinking ? ",\"thought\":true}" : "}")
        }
    }

    /// The seal stands on an empty text behind what it seals. Others' seals are left out.
    private mutating func write(_ signature: Signature, to buffer: inout ByteBuffer) {
        writeCalls(to: &buffer)
        let isThought = open == .thinking
        open = .nothing
        guard signature.dialect == .gemini else { return }
        chunk(to: &buffer) { part in
            part.writeStaticString("{\"text\":\"\"")
            if isThought { part.writeStaticString(",\"thought\":true") }
            part.writeStaticString(",\"thoughtSignature\":")
            JSONText.write(signature.value, to: &part)
            part.writeStaticString("}")
        }
    }

    private mutating func write(_ part: Part, to buffer: inout ByteBuffer) {
        writeCalls(to: &buffer)
        open = .nothing
        citations += part.citations.prefix(max(0, GeminiGrounding.maximumCitations - citations.count))
        guard let value = GeminiPartWriter.answer(part) else { return }
        chunk(to: &buffer) { Self.write(value, to: &$0) }
    }

    /// Writes the calls that are whole, up to the first that is not.
    private mutating func writeCalls(to buffer: inout ByteBuffer) {
        while let call = calls.takeWhole() { chunk(to: &buffer) { Self.write(call, to: &$0) } }
    }

    // MARK: The end

    private mutating func write(_ finish: Finish, to buffer: inout ByteBuffer) {
        let rest = calls.takeRest()
        for call in rest.calls { chunk(to: &buffer) { Self.write(call, to: &$0) } }
        isOver = true
        let own = finish.extensions[.gemini, GeminiFinish.Note.candidate]?.object
        usage = finish.usage ?? usage
        let block = finish.extensions[.gemini, GeminiFinish.Note.top]?["promptFeedback"]
        if finish.extensions[.gemini, GeminiFinish.Note.blocked] != nil, let block {
            frame(to: &buffer) { line in
                line.writeStaticString("{\"promptFeedback\":")
                Self.write(block, to: &line)
            }
        } else {
            let isMalformed = rest.isBroken && (finish.reason == .toolCalls || finish.reason == .stop)
            let reason =
                isMalformed ? .string(GeminiFinish.word(.malformedCall)) : GeminiFinish.encode(finish)
            var members = own?.filter { $0.key != "index" } ?? []
            if own == nil, let grounding = GeminiGrounding.metadata(citations) {
                members.append(JSONValue.Member("groundingMetadata", grounding))
            }
            let candidate = JSONValue.object([
                "content": .object([
                    "parts": .array([.object(["text": .string("")])]), "role": .string("model"),
                ]), "finishReason": reason, "index": .int(0),
            ]).adding(members)
            frame(to: &buffer) { line in
                line.writeStaticString("{\"candidates\":[")
                Self.write(candidate, to: &line)
                line.writeStaticString("]")
            }
        }
        if isArray { buffer.writeStaticString("]") }
    }

    // MARK: Chunks

    /// A chunk with one part.
    private mutating func chunk(to buffer: inout ByteBuffer, _ part: (inout ByteBuffer) -> Void) {
        frame(to: &buffer) { line in
            line.writeStaticString("{\"candidates\":[{\"content\":{\"parts\":[")
            part(&line)
            line.writeStaticString("],\"role\":\"model\"},\"index\":0}]")
        }
    }

    /// One document: what `body` leaves open is closed with the usage, where there is news of it, and the names.
    private mutating func frame(
        to buffer: inout ByteBuffer, isWhole: Bool = false, _ body: (inout ByteBuffer) -> Void
    ) {
        if isArray {
            buffer.writeStaticString(hasBegun ? ",\n" : "[")
        } else {
            buffer.writeStaticString("data: ")
        }
        hasBegun = true
        body(&buffer)
        if !isWhole { close(&buffer) }
        if !isArray { buffer.writeStaticString("\n\n") }
    }

    private mutating func close(_ buffer: inout ByteBuffer) {
        if let usage {
            buffer.writeStaticString(",\"usageMetadata\":")
            Self.write(GeminiUsage.encode(usage), to: &buffer)
            self.usage = nil
        }
        buffer.writeImmutableBuffer(suffix)
    }

    private static func write(_ value: JSONValue, to buffer: inout ByteBuffer) {
        var json = JSONWriter()
        json.value(value)
        buffer.writeImmutableBuffer(json.buffer)
    }
}
