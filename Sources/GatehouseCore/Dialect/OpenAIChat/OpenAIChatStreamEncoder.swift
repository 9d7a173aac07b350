package import NIOCore

/// Writes a stream of OpenAI's chat format: the role first, why it ended behind all deltas, then the usage and `[DONE]`.
package struct OpenAIChatStreamEncoder: StreamEncoder {
    /// What of a call waits until it is known whether it takes JSON or free text.
    private struct FirstPiece: Sendable {
        var index: Int
        var id: String?
        var name: String?
        var arguments: String
        var isCustom = false
    }

    /// Thoughts longer than this are shown, but their signature is left out: it needs them whole.
    private static let maximumThought = 4 << 20

    private let writer: OpenAIChunkWriter
    private let wantsUsage: Bool
    private var hasRole = false
    private var isOver = false
    private var facts = OpenAIFinish.Facts()
    private var usage: Usage?
    private var first: FirstPiece?
    private var customCalls: Set<Int> = []
    /// Calls whose arguments have not come: none is an empty object.
    private var emptyCalls: Set<Int> = []
    private var nextCall = 0
    /// The thought that is open, for the block with its signature.
    private var thought: String?
    private var details = 0

    package init(as identity: AnswerIdentity, options: StreamOptions) {
        writer = OpenAIChunkWriter(
            id: "chatcmpl-\(identity.call)", object: "chat.completion.chunk", identity: identity, dialect: .openAIChat)
        wantsUsage = options.wantsUsage
    }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        if case .toolCallIsCustom(let index) = event, first?.index == index { first?.isCustom = true }
        flush(to: &buffer)
        switch event {
        case .started(let start):
            usage = start.usage
            writeRole(to: &buffer)
        case .textDelta(let text): self.text(text, to: &buffer)
        case .reasoningDelta(let text): think(text, to: &buffer)
        case .refusalDelta(let text): refuse(text, to: &buffer)
        case .signature(let signature): seal(signature, to: &buffer)
        case .citation(let citation):
            if let value = OpenAICitations.write(citation) {
                write([.init("annotations", .array([value]))], to: &buffer)
            }
        case .toolCallDelta(let index, let id, let name, let arguments):
            call(index, id, name, arguments, to: &buffer)
        case .toolCallSignature(let index, let signature): seal(call: index, signature, to: &buffer)
        case .partEnded: thought = nil
        case .part(let part): whole(part, to: &buffer)
        case .toolStarted, .toolFinished, .file, .notice, .limit: SSEWriter.write(progress: event, to: &buffer)
        case .usage(let usage): self.usage = usage
        case .finished(let finish): end(finish, to: &buffer)
        case .toolCallIsCustom: break
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        isOver = true
        buffer.writeImmutableBuffer(OpenAIErrorBody.event(error))
    }

    // MARK: Text

    private mutating func writeRole(to buffer: inout ByteBuffer) {
        guard !hasRole else { return }
        hasRole = true
        writer.delta(to: &buffer) { $0.writeStaticString(#""role":"assistant","content":"""#) }
    }

    private mutating func write(_ members: [JSONValue.Member], to buffer: inout ByteBuffer) {
        guard !members.isEmpty else { return }
        writeRole(to: &buffer)
        writer.delta(members, to: &buffer)
    }

    private mutating func text(_ text: String, to buffer: inout ByteBuffer) {
        thought = nil
        guard !text.isEmpty else { return }
        facts.hasText = true
        writeRole(to: &buffer)
        writer.delta(#""content":"#, text, to: &buffer)
    }

    private mutating func refuse(_ text: String, to buffer: inout ByteBuffer) {
        thought = nil
        guard !text.isEmpty else { return }
        facts.hasRefusal = true
        writeRole(to: &buffer)
        writer.delta(#""refusal":"#, text, to: &buffer)
    }

    // MARK: Thoughts and seals

    private mutating func think(_ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        writeRole(to: &buffer)
        writer.delta(#""reasoning_content":"#, text, to: &buffer)
        // Changed in place: taking it out, and putting it back, keeps appending linear.
        var whole = thought ?? ""
        thought = nil
        if whole.utf8.count <= Self.maximumThought { whole += text }
        thought = whole
    }

    private mutating func seal(_ signature: Signature, to buffer: inout ByteBuffer) {
        guard let text = thought else {
            if signature.dialect == .gemini {
                write([.init("extra_content", OpenAIAssistantWriter.extra(signature))], to: &buffer)
            }
            return
        }
        thought = nil
        guard text.utf8.count <= Self.maximumThought else { return }
        write(sealed(Part(.thinking(Thinking(text)), signature: signature)), to: &buffer)
    }

    /// A thought with its signature, in the member that has a place for it.
    private mutating func sealed(_ part: Part) -> [JSONValue.Member] {
        if part.signature?.dialect == .anthropic {
            return OpenAIThoughts.block(part).map { [.init("thinking_blocks", .array([$0]))] } ?? []
        }
        let pieces = OpenAIThoughts.details(part, index: details)
        details += pieces.count
        return [.init("reasoning_details", .array(pieces))]
    }

    private mutating func whole(_ part: Part, to buffer: inout ByteBuffer) {
        thought = nil
        switch part.content {
        case .text(let text):
            self.text(text, to: &buffer)
            for citation in part.citations { encode(.citation(citation), to: &buffer) }
            if let signature = part.signature { seal(signature, to: &buffer) }
        case .refusal(let text): refuse(text, to: &buffer)
        case .thinking(let thinking):
            var members: [JSONValue.Member] = []
            if !thinking.text.isEmpty { members.append(.init("reasoning_content", .string(thinking.text))) }
            if part.signature != nil { members += sealed(part) }
            write(members, to: &buffer)
        case .toolCall(let call):
            let index = nextCall
            self.call(index, call.id, call.name, call.arguments, to: &buffer)
            first?.isCustom = call.isCustom
            flush(to: &buffer)
            if let signature = part.signature { seal(call: index, signature, to: &buffer) }
        case .image:
            if let image = OpenAIAssistantWriter.image(part) { write([.init("images", .array([image]))], to: &buffer) }
        case .native(.openAIChat, _, let value): write([.init("content", .array([value]))], to: &buffer)
        case .audio, .video, .document, .toolResult, .native: break
        }
    }

    // MARK: Calls

    private mutating func call(
        _ index: Int, _ id: String?, _ name: String?, _ arguments: String, to buffer: inout ByteBuffer
    ) {
        thought = nil
        facts.hasCalls = true
        writeRole(to: &buffer)
        nextCall = max(nextCall, index.capped(adding: 1))
        if !arguments.isEmpty { emptyCalls.remove(index) } else if name != nil { emptyCalls.insert(index) }
        let piece = FirstPiece(index: index, id: id, name: name, arguments: arguments)
        if name != nil { first = piece } else { write(piece, to: &buffer) }
    }

    private mutating func flush(to buffer: inout ByteBuffer) {
        guard let piece = first else { return }
        first = nil
        if piece.isCustom { customCalls.insert(piece.index) }
        write(piece, to: &buffer)
    }

    private func write(_ piece: FirstPiece, to buffer: inout ByteBuffer) {
        let isCustom = customCalls.contains(piece.index)
        writer.delta(to: &buffer) { delta in
            delta.writeStaticString(#""tool_calls":[{"index":"#)
            delta.writeString(String(piece.index))
            delta.writeStaticString(",")
            if let id = piece.id {
                delta.writeStaticString(#""id":"#)
                JSONText.write(id, to: &delta)
                delta.writeStaticString(isCustom ? #","type":"custom","# : #","type":"function","#)
            }
            delta.writeStaticString(isCustom ? #""custom":{"# : #""function":{"#)
            if let name = piece.name {
                delta.writeStaticString(#""name":"#)
                JSONText.write(name, to: &delta)
                delta.writeStaticString(",")
            }
            delta.writeStaticString(isCustom ? #""input":"# : #""arguments":"#)
            JSONText.write(piece.arguments, to: &delta)
            delta.writeStaticString("}}]")
        }
    }

    private mutating func seal(call index: Int, _ signature: Signature, to buffer: inout ByteBuffer) {
        guard signature.dialect == .gemini else { return }
        let entry = JSONValue.object([
            "index": .int(index), "function": .object(["arguments": .string("")]),
            "extra_content": OpenAIAssistantWriter.extra(signature),
        ])
        write([.init("tool_calls", .array([entry]))], to: &buffer)
    }

    // MARK: End

    private mutating func end(_ finish: Finish, to buffer: inout ByteBuffer) {
        writeRole(to: &buffer)
        for index in emptyCalls.sorted() where !customCalls.contains(index) {
            write(FirstPiece(index: index, arguments: "{}"), to: &buffer)
        }
        writer.open(&buffer)
        buffer.writeStaticString(#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"#)
        JSONText.write(OpenAIFinish.word(finish, facts, in: .openAIChat), to: &buffer)
        buffer.writeStaticString("}]}")
        writer.close(&buffer)
        if wantsUsage, let usage = finish.usage ?? usage { writer.usage(usage, to: &buffer) }
        writer.done(to: &buffer)
        isOver = true
    }
}
