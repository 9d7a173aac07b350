package import NIOCore

/// Writes an answer as a ConverseStream. Text and thinking are written in one block at a time; calls whose pieces come
/// interleaved have a block each, told apart by its index.
package struct BedrockStreamEncoder: StreamEncoder {
    private enum Open: Equatable {
        case none
        case text(Int)
        case thinking(Int)
    }

    private struct Call {
        var block: Int
        var isOpen = true
        var hasInput = false
    }

    private static let messageStart = EventStreamWriter.headers("event", "messageStart")
    private static let blockStart = EventStreamWriter.headers("event", "contentBlockStart")
    private static let blockDelta = EventStreamWriter.headers("event", "contentBlockDelta")
    private static let blockStop = EventStreamWriter.headers("event", "contentBlockStop")
    private static let messageStop = EventStreamWriter.headers("event", "messageStop")
    private static let metadata = EventStreamWriter.headers("event", "metadata")

    private let identity: AnswerIdentity
    private var hasStarted = false
    private var open = Open.none
    private var nextBlock = 0
    private var calls: [Int: Call] = [:]
    private var lastCall: Int?
    private var usage: Usage?

    package init(as identity: AnswerIdentity) { self.identity = identity }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        switch event {
        case .started(let start):
            usage = start.usage ?? usage
            writeStart(to: &buffer)
        case .textDelta(let text), .refusalDelta(let text):
            guard !text.isEmpty else { return }
            writeDelta(textBlock(&buffer), #"{"text":"#, text, "}", to: &buffer)
        case .reasoningDelta(let text):
            guard !text.isEmpty else { return }
            writeDelta(thinkingBlock(&buffer), #"{"reasoningContent":{"text":"#, text, "}}", to: &buffer)
        case .signature(let signature): seal(signature, to: &buffer)
        case .citation(let citation):
            let block = textBlock(&buffer)
            writeDelta(block, .object(["citation": BedrockCitation.write(citation)]), to: &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            writeCall(index, id, name, arguments, to: &buffer)
        case .partEnded: endPart(to: &buffer)
        case .part(let part): write(part, to: &buffer)
        case .usage(let usage): self.usage = usage
        case .finished(let finish): writeEnd(finish, to: &buffer)
        case .toolCallSignature, .toolCallIsCustom, .toolStarted, .toolFinished, .file, .notice, .limit:
            break
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        BedrockErrorBody.write(error, to: &buffer)
    }

    // MARK: Blocks

    private mutating func writeStart(to buffer: inout ByteBuffer) {
        guard !hasStarted else { return }
        hasStarted = true
        EventStreamWriter.write(headers: Self.messageStart, to: &buffer) {
            $0.writeStaticString(#"{"role":"assistant"}"#)
        }
    }

    private mutating func newBlock() -> Int {
        defer { nextBlock += 1 }
        return nextBlock
    }

    private mutating func textBlock(_ buffer: inout ByteBuffer) -> Int {
        if case .text(let block) = open { return block }
        closeAll(to: &buffer)
        writeStart(to: &buffer)
        let block = newBlock()
        open = .text(block)
        return block
    }

    private mutating func thinkingBlock(_ buffer: inout ByteBuffer) -> Int {
        if case .thinking(let block) = open { return block }
        closeAll(to: &buffer)
        writeStart(to: &buffer)
        let block = newBlock()
        open = .thinking(block)
        return block
    }

    private mutating func closeText(to buffer: inout ByteBuffer) {
        switch open {
        case .text(let block), .thinking(let block): writeStop(block, to: &buffer)
        case .none: break
        }
        open = .none
    }

    private mutating func closeCall(_ index: Int, to buffer: inout ByteBuffer) {
        guard let call = calls[index], call.isOpen else { return }
        // What reads the pieces together must find JSON.
        if !call.hasInput { writeDelta(call.block, #"{"toolUse":{"input":"#, "{}", "}}", to: &buffer) }
        writeStop(call.block, to: &buffer)
        calls[index]?.isOpen = false
    }

    private mutating func closeAll(to buffer: inout ByteBuffer) {
        closeText(to: &buffer)
        for index in calls.keys.sorted() { closeCall(index, to: &buffer) }
        lastCall = nil
    }

    private mutating func endPart(to buffer: inout ByteBuffer) {
        if open != .none { return closeText(to: &buffer) }
        if let call = lastCall { closeCall(call, to: &buffer) }
        lastCall = nil
    }

    private mutating func seal(_ signature: Signature, to buffer: inout ByteBuffer) {
        if case .thinking(let block) = open, BedrockSignature.isOurs(signature) {
            writeDelta(block, #"{"reasoningContent":{"signature":"#, signature.value, "}}", to: &buffer)
        }
        closeText(to: &buffer)
    }

    private mutating func writeCall(
        _ index: Int, _ id: String?, _ name: String?, _ arguments: String, to buffer: inout ByteBuffer
    ) {
        if calls[index] == nil {
            guard calls.count < AnswerBuilder.maximumCalls else { return }
            closeText(to: &buffer)
            writeStart(to: &buffer)
            let block = newBlock()
            calls[index] = Call(block: block)
            let id = id.flatMap { $0.isEmpty ? nil : $0 } ?? "tooluse_\(identity.call)_\(index)"
            EventStreamWriter.write(headers: Self.blockStart, to: &buffer) { payload in
                payload.writeString(#"{"contentBlockIndex":\#(block),"start":{"toolUse":{"toolUseId":"#)
                JSONText.write(id, to: &payload)
                payload.writeStaticString(#","name":"#)
                JSONText.write(name ?? "", to: &payload)
                payload.writeStaticString("}}}")
            }
        }
        lastCall = index
        guard let call = calls[index], call.isOpen, !arguments.isEmpty else { return }
        calls[index]?.hasInput = true
        writeDelta(call.block, #"{"toolUse":{"input":"#, arguments, "}}", to: &buffer)
    }

    // MARK: Whole parts

    private mutating func write(_ part: Part, to buffer: inout ByteBuffer) {
        if case .toolCall(let call) = part.content {
            let index = (calls.keys.max() ?? -1) + 1
            writeCall(index, call.id, call.name, call.arguments, to: &buffer)
            return closeCall(index, to: &buffer)
        }
        guard let member = BedrockResponseCodec.block(part, id: "")?.object?.first else { return }
        closeAll(to: &buffer)
        let deltas = Self.deltas(of: member)
        guard deltas.start != nil || !deltas.pieces.isEmpty else { return }
        writeStart(to: &buffer)
        let block = newBlock()
        if let start = deltas.start {
            EventStreamWriter.write(headers: Self.blockStart, to: &buffer) { payload in
                payload.writeString(#"{"contentBlockIndex":\#(block),"start":"#)
                payload.writeString(JSONValue.object([.init(member.key, start)]).text)
                payload.writeStaticString("}")
            }
        }
        for piece in deltas.pieces { writeDelta(block, piece, to: &buffer) }
        writeStop(block, to: &buffer)
    }

    /// A block of a whole answer, as a start and the deltas behind it.
    private static func deltas(of block: JSONValue.Member) -> (start: JSONValue?, pieces: [JSONValue]) {
        func start(_ key: String) -> JSONValue { .object(block.value.members(except: [key])) }
        func piece(_ value: JSONValue) -> JSONValue { .object([.init(block.key, value)]) }
        switch block.key {
        case "text": return (nil, [piece(block.value)])
        case "reasoningContent":
            if let redacted = block.value["redactedContent"] {
                return (nil, [piece(.object(["redactedContent": redacted]))])
            }
            let pieces = ["text", "signature"].compactMap { key in
                block.value["reasoningText"]?[key].map { piece(.object([.init(key, $0)])) }
            }
            return (nil, pieces)
        case "toolUse":
            let input = block.value["input"]?.text ?? "{}"
            return (start("input"), [piece(.object(["input": .string(input)]))])
        case "toolResult": return (start("content"), block.value["content"].map { [piece($0)] } ?? [])
        case "image": return (start("source"), block.value["source"].map { [piece(.object(["source": $0]))] } ?? [])
        case "citationsContent":
            let texts = block.value["content"]?.array ?? []
            let citations = block.value["citations"]?.array ?? []
            return (nil, texts + citations.map { .object(["citation": $0]) })
        // Documents, sounds and films have no form in a stream.
        default: return (nil, [])
        }
    }

    // MARK: Events

    private func writeDelta(
        _ block: Int, _ before: StaticString, _ text: String, _ after: StaticString, to buffer: inout ByteBuffer
    ) {
        EventStreamWriter.write(headers: Self.blockDelta, to: &buffer) { payload in
            payload.writeString(#"{"contentBlockIndex":\#(block),"delta":"#)
            payload.writeStaticString(before)
            JSONText.write(text, to: &payload)
            payload.writeStaticString(after)
            payload.writeStaticString("}")
        }
    }

    private func writeDelta(_ block: Int, _ delta: JSONValue, to buffer: inout ByteBuffer) {
        EventStreamWriter.write(headers: Self.blockDelta, to: &buffer) { payload in
            payload.writeString(#"{"contentBlockIndex":\#(block),"delta":"#)
            payload.writeString(delta.text)
            payload.writeStaticString("}")
        }
    }

    private func writeStop(_ block: Int, to buffer: inout ByteBuffer) {
        EventStreamWriter.write(headers: Self.blockStop, to: &buffer) {
            $0.writeString(#"{"contentBlockIndex":\#(block)}"#)
        }
    }

    private mutating func writeEnd(_ finish: Finish, to buffer: inout ByteBuffer) {
        writeStart(to: &buffer)
        closeAll(to: &buffer)
        let ending = BedrockResponseCodec.ending(finish)
        let additional = ending.filter { $0.key == "additionalModelResponseFields" }
        let stop = JSONValue.object(["stopReason": .string(BedrockStop.write(finish))]).adding(additional)
        EventStreamWriter.write(headers: Self.messageStop, to: &buffer) { $0.writeString(stop.text) }
        let rest = ending.filter { $0.key != "additionalModelResponseFields" }
        let metadata = JSONValue.object(["usage": (finish.usage ?? usage).map { BedrockUsage.write($0) }]).adding(rest)
        EventStreamWriter.write(headers: Self.metadata, to: &buffer) { $0.writeString(metadata.text) }
    }
}
