package import NIOCore

/// Writes a streamed answer: `message_start`, blocks one after the other, `message_delta`, `message_stop`.
///
/// One block is open at a time. Pieces of several calls that come interleaved are put in order: the later calls wait,
/// whole, until the earlier has ended.
package struct AnthropicStreamEncoder: StreamEncoder {
    private let identity: AnswerIdentity
    private var open = Open.nothing
    private var blocks = 0
    private var hasStarted = false
    private var isDone = false
    private var hasRefusal = false
    private var usage: Usage?
    /// The call that the last piece belonged to.
    private var currentCall: Int?
    private var endedCalls: Set<Int> = []
    private var waitingCalls: [WaitingCall] = []

    private enum Open: Equatable { case nothing, text, thinking, call(Int) }

    private struct WaitingCall {
        let index: Int
        var id: String?
        var name: String?
        var arguments: String
        var hasEnded = false
    }

    package init(as identity: AnswerIdentity) { self.identity = identity }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !isDone else { return }
        switch event {
        case .textDelta(let text): write(text: text, &buffer)
        case .refusalDelta(let text):
            hasRefusal = true
            write(text: text, &buffer)
        case .reasoningDelta(let text): write(thinking: text, &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments):
            let piece = WaitingCall(index: index, id: id, name: name, arguments: arguments)
            write(call: piece, &buffer)
        case .started(let start): begin(start, &buffer)
        case .signature(let signature):
            if open == .thinking { write(signature, id: nil, &buffer) }
            endPart(&buffer)
        case .citation(let citation): write(citation, &buffer)
        case .partEnded: endPart(&buffer)
        case .part(let part): write(part, &buffer)
        case .usage(let usage): self.usage = usage
        case .finished(let finish): end(finish, &buffer)
        case .toolStarted, .toolFinished, .file, .notice, .limit: SSEWriter.write(progress: event, to: &buffer)
        case .toolCallSignature, .toolCallIsCustom: break
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !isDone else { return }
        isDone = true
        buffer.writeStaticString("event: error\n")
        SSEWriter.write(data: AnthropicErrorBody.render(error, requestID: requestID), to: &buffer)
    }

    // MARK: The message

    private mutating func begin(_ start: AnswerStart = AnswerStart(), _ buffer: inout ByteBuffer) {
        guard !hasStarted else { return }
        hasStarted = true
        usage = start.usage ?? usage
        // The vendor's own ids are kept, with the vendor's name of the model.
        let ownID = start.id.flatMap { $0.hasPrefix("msg_") ? $0 : nil }
        let message = JSONValue.object([
            "id": .string(ownID ?? AnthropicResponseCodec.id(identity)), "type": .string("message"),
            "role": .string("assistant"),
            "model": .string(ownID == nil ? identity.model : start.model ?? identity.model), "content": .array([]),
            "stop_reason": .null, "stop_sequence": .null, "usage": AnthropicUsage.written(usage),
        ])
        event("message_start", ["message": message], &buffer)
    }

    private mutating func end(_ finish: Finish, _ buffer: inout ByteBuffer) {
        begin(AnswerStart(), &buffer)
        endAll(&buffer)
        let reason = AnthropicFinish.written(finish, hasCalls: !endedCalls.isEmpty, hasRefusal: hasRefusal)
        let delta = JSONValue.object([
            "stop_reason": reason, "stop_sequence": finish.stopSequence.map { .string($0) } ?? .null,
        ])
        let rest = finish.extensions.written(.anthropic)
        let outer = "context_management"
        event(
            "message_delta",
            [
                "delta": delta.adding(rest.filter { $0.key != outer }),
                "usage": AnthropicUsage.written(finish.usage ?? usage),
                outer: rest.first { $0.key == outer }?.value,
            ], &buffer)
        buffer.writeStaticString("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
        isDone = true
    }

    private func event(_ name: String, _ members: KeyValuePairs<String, JSONValue?>, _ buffer: inout ByteBuffer) {
        buffer.writeString("event: \(name)\ndata: ")
        var writer = JSONWriter()
        writer.value(JSONValue.object(["type": .string(name)]).adding(JSONValue.object(members).object ?? []))
        buffer.writeImmutableBuffer(writer.buffer)
        buffer.writeStaticString("\n\n")
    }

    // MARK: Blocks

    private mutating func openBlock(_ kind: Open, _ block: JSONValue, _ buffer: inout ByteBuffer) {
        event("content_block_start", ["index": .int(blocks), "content_block": block], &buffer)
        open = kind
    }

    private mutating func closeBlock(_ buffer: inout ByteBuffer) {
        guard open != .nothing else { return }
        if case .call(let index) = open { endedCalls.insert(index) }
        open = .nothing
        writeStop(&buffer)
    }

    private mutating func writeStop(_ buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":")
        buffer.writeString(String(blocks))
        buffer.writeStaticString("}\n\n")
        blocks &+= 1
    }

    private func delta(_ head: StaticString, _ text: String, _ buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":")
        buffer.writeString(String(blocks))
        buffer.writeStaticString(",\"delta\":{\"type\":\"")
        buffer.writeStaticString(head)
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString("}}\n\n")
    }

    private mutating func write(text: String, _ buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        openText(&buffer)
        delta("text_delta\",\"text\":", text, &buffer)
    }

    private mutating func openText(_ buffer: inout ByteBuffer) {
        guard open != .text else { return }
        begin(AnswerStart(), &buffer)
        endAll(&buffer)
        openBlock(.text, .object(["type": .string("text"), "text": .string("")]), &buffer)
    }

    private mutating func write(thinking text: String, _ buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        openThinking(&buffer)
        delta("thinking_delta\",\"thinking\":", text, &buffer)
    }

    private mutating func openThinking(_ buffer: inout ByteBuffer) {
        guard open != .thinking else { return }
        begin(AnswerStart(), &buffer)
        endAll(&buffer)
        let block = JSONValue.object([
            "type": .string("thinking"), "thinking": .string(""), "signature": .string(""),
        ])
        openBlock(.thinking, block, &buffer)
    }

    private func write(_ signature: Signature, id: String?, _ buffer: inout ByteBuffer) {
        delta("signature_delta\",\"signature\":", AnthropicSignature.written(signature, id: id), &buffer)
    }

    private mutating func write(_ citation: Citation, _ buffer: inout ByteBuffer) {
        guard let value = AnthropicCitation.written(citation) else { return }
        openText(&buffer)
        let change = JSONValue.object(["type": .string("citations_delta"), "citation": value])
        event("content_block_delta", ["index": .int(blocks), "delta": change], &buffer)
    }

    // MARK: Calls

    private mutating func write(call piece: WaitingCall, _ buffer: inout ByteBuffer) {
        currentCall = piece.index
        if open == .call(piece.index) {
            if !piece.arguments.isEmpty { delta("input_json_delta\",\"partial_json\":", piece.arguments, &buffer) }
            return
        }
        guard !endedCalls.contains(piece.index) else { return }
        if case .call = open {
            wait(piece)
            return
        }
        begin(AnswerStart(), &buffer)
        closeBlock(&buffer)
        openCall(piece, &buffer)
    }

    private mutating func wait(_ piece: WaitingCall) {
        guard let place = waitingCalls.firstIndex(where: { $0.index == piece.index }) else {
            if waitingCalls.count < AnswerBuilder.maximumCalls { waitingCalls.append(piece) }
            return
        }
        waitingCalls[place].id = waitingCalls[place].id ?? piece.id
        waitingCalls[place].name = waitingCalls[place].name ?? piece.name
        waitingCalls[place].arguments += piece.arguments
    }

    private mutating func openCall(_ call: WaitingCall, _ buffer: inout ByteBuffer) {
        let id = call.id.flatMap { $0.isEmpty ? nil : $0 } ?? AnthropicResponseCodec.callID(identity, call.index)
        let block = JSONValue.object([
            "type": .string("tool_use"), "id": .string(id), "name": .string(call.name ?? ""), "input": .object([]),
        ])
        openBlock(.call(call.index), block, &buffer)
        if !call.arguments.isEmpty { delta("input_json_delta\",\"partial_json\":", call.arguments, &buffer) }
    }

    /// What was said last is whole: the open block, or a call that waits.
    private mutating func endPart(_ buffer: inout ByteBuffer) {
        if case .call(let index) = open {
            if let currentCall, currentCall != index {
                if let place = waitingCalls.firstIndex(where: { $0.index == currentCall }) {
                    waitingCalls[place].hasEnded = true
                }
                return
            }
        }
        closeBlock(&buffer)
        while open == .nothing, !waitingCalls.isEmpty {
            let call = waitingCalls.removeFirst()
            openCall(call, &buffer)
            if call.hasEnded { closeBlock(&buffer) }
        }
    }

    /// Something else follows: the open block and all calls that wait are whole.
    private mutating func endAll(_ buffer: inout ByteBuffer) {
        closeBlock(&buffer)
        for call in waitingCalls {
            openCall(call, &buffer)
            closeBlock(&buffer)
        }
        waitingCalls = []
        currentCall = nil
    }

    // MARK: Whole parts

    private mutating func write(_ part: Part, _ buffer: inout ByteBuffer) {
        switch part.content {
        case .text(let text), .refusal(let text):
            guard !text.isEmpty else { return }
            if case .refusal = part.content { hasRefusal = true }
            begin(AnswerStart(), &buffer)
            endAll(&buffer)
            write(text: text, &buffer)
            for citation in part.citations { write(citation, &buffer) }
            closeBlock(&buffer)
        case .thinking(let thinking) where !thinking.isRedacted:
            begin(AnswerStart(), &buffer)
            endAll(&buffer)
            openThinking(&buffer)
            write(thinking: thinking.text, &buffer)
            if let signature = part.signature { write(signature, id: thinking.id, &buffer) }
            closeBlock(&buffer)
        case .toolCall(let call):
            begin(AnswerStart(), &buffer)
            endAll(&buffer)
            // Parts have no index: one that no delta uses.
            let index = -1 - blocks
            let arguments = AnthropicBlocks.input(call).text
            openCall(WaitingCall(index: index, id: call.id, name: call.name, arguments: arguments), &buffer)
            closeBlock(&buffer)
        default:
            guard let block = AnthropicResponseCodec.block(part, isOwn: true, number: blocks, identity) else { return }
            begin(AnswerStart(), &buffer)
            endAll(&buffer)
            writeWhole(block, &buffer)
        }
    }

    /// A block that comes in one event, but for the input of the vendor's own tools, which follows it as the vendor
    /// does.
    private mutating func writeWhole(_ block: JSONValue, _ buffer: inout ByteBuffer) {
        var start = block
        let input = block["input"].flatMap { $0.object?.isEmpty == false ? $0 : nil }
        if input != nil { start = block.replacing("input", with: .object([])) }
        event("content_block_start", ["index": .int(blocks), "content_block": start], &buffer)
        if let input { delta("input_json_delta\",\"partial_json\":", input.text, &buffer) }
        writeStop(&buffer)
    }
}
