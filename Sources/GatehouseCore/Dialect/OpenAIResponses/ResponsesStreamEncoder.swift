package import NIOCore

/// Writes canonical events as a stream of OpenAI's Responses API.
///
/// One message or one piece of reasoning is open at a time. Calls of functions may come interleaved, told apart by
/// their `output_index`; they end with the answer, since nothing says sooner that no more pieces of them will come.
package struct ResponsesStreamEncoder: StreamEncoder {
    /// Calls in one answer; more are not written.
    private static let maximumCalls = AnswerBuilder.maximumCalls

    private let call: String
    /// `{"id":…` up to the comma before the members that change.
    private let head: ByteBuffer
    private var events = ResponsesEventWriter()
    private var hasBegun = false
    private var hasEnded = false
    /// Items that are whole, by their index; empty for those that are not.
    private var output: [ByteBuffer] = []
    private var message: ResponsesOpenMessage?
    private var reasoning: ResponsesOpenReasoning?
    private var calls: [Int: ResponsesOpenCall] = [:]
    private var order: [Int] = []
    /// The call whose kind is not clear yet.
    private var unannounced: Int?
    private var usage: Usage?
    private var hasRefusal = false
    /// How it ended, once it has ended well.
    private var ending: (status: StaticString, detail: StaticString?)?

    /// The items of the answer, once it is whole.
    var items: [ByteBuffer] { output.filter { $0.readableBytes > 0 } }

    /// The answer without its items, once it is whole.
    var summary: ByteBuffer? {
        guard let ending else { return nil }
        var json = head
        Self.writeState(ending.status, ending.detail, error: .null, to: &json)
        json.writeMember("usage", usage.map(ResponsesUsage.write) ?? .null)
        json.writeStaticString("}")
        return json
    }

    /// - Parameter relayed: How far a vendor's own stream got, where this goes on from one.
    package init(as identity: AnswerIdentity, after relayed: ResponsesRelayed? = nil) {
        call = identity.call
        var members = ResponsesEcho.head(identity)
        if let relayed {
            hasBegun = relayed.count > 0
            events = ResponsesEventWriter(next: relayed.count)
            if let id = relayed.id { members[0].value = .string(id) }
        }
        var head = ByteBuffer()
        head.write(.object(members))
        // The closing brace comes later.
        head.moveWriterIndex(to: head.writerIndex - 1)
        self.head = head
    }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !hasEnded else { return }
        if case .toolCallIsCustom(let index) = event { return makeCustom(index) }
        begin(&buffer)
        announce(&buffer)
        switch event {
        case .textDelta(let text): extend(text, isRefusal: false, &buffer)
        case .refusalDelta(let text): extend(text, isRefusal: true, &buffer)
        case .reasoningDelta(let text): extendReasoning(text, &buffer)
        case .toolCallDelta(let index, let id, let name, let arguments): extend(index, id, name, arguments, &buffer)
        case .toolCallSignature(let index, let signature): calls[index]?.signature = signature
        case .signature(let signature): seal(signature, &buffer)
        case .citation(let citation): cite(citation, &buffer)
        case .partEnded: endPart(&buffer)
        case .part(let part): write(part, &buffer)
        case .toolStarted, .toolFinished, .file, .notice, .limit: SSEWriter.write(progress: event, to: &buffer)
        case .usage(let usage): self.usage = usage
        case .finished(let finish): end(finish, &buffer)
        case .started(let start): usage = start.usage ?? usage
        case .toolCallIsCustom: break
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !hasEnded else { return }
        begin(&buffer)
        hasEnded = true
        events.begin("error", to: &buffer)
        for member in ResponsesErrorBody.event(error) {
            buffer.writeStaticString(",")
            JSONText.write(member.key, to: &buffer)
            buffer.writeStaticString(":")
            buffer.write(member.value)
        }
        ResponsesEventWriter.end(&buffer)
        writeResponse("response.failed", status: "failed", error: ResponsesErrorBody.failed(error), to: &buffer)
    }

    // MARK: The answer

    private mutating func begin(_ buffer: inout ByteBuffer) {
        guard !hasBegun else { return }
        hasBegun = true
        writeResponse("response.created", status: "in_progress", to: &buffer)
        writeResponse("response.in_progress", status: "in_progress", to: &buffer)
    }

    private mutating func writeResponse(
        _ type: StaticString, status: StaticString, detail: StaticString? = nil, error: JSONValue = .null,
        usage: Usage? = nil, to buffer: inout ByteBuffer
    ) {
        events.begin(type, to: &buffer)
        buffer.writeMember("response", json: head)
        Self.writeState(status, detail, error: error, to: &buffer)
        buffer.writeStaticString(#","output":["#)
        var isFirst = true
        for item in output where item.readableBytes > 0 {
            if !isFirst { buffer.writeStaticString(",") }
            isFirst = false
            buffer.writeImmutableBuffer(item)
        }
        buffer.writeStaticString("]")
        buffer.writeMember("usage", usage.map(ResponsesUsage.write) ?? .null)
        buffer.writeStaticString("}")
        ResponsesEventWriter.end(&buffer)
    }

    private static func writeState(
        _ status: StaticString, _ detail: StaticString?, error: JSONValue, to buffer: inout ByteBuffer
    ) {
        buffer.writeMember("status", status.description)
        buffer.writeMember("error", error)
        buffer.writeMember("incomplete_details", detail.map { .object(["reason": .string($0.description)]) } ?? .null)
    }

    private mutating func end(_ finish: Finish, _ buffer: inout ByteBuffer) {
        let (status, detail) = ResponsesFinish.words(finish, hasRefusal: hasRefusal)
        close(status: status, &buffer)
        for index in order { close(call: index, &buffer) }
        if output.isEmpty, detail == nil {
            open(isRefusal: false, &buffer)
            close(&buffer)
        }
        hasEnded = true
        ending = (status, detail)
        usage = finish.usage ?? usage
        writeResponse(
            detail == nil ? "response.completed" : "response.incomplete", status: status, detail: detail,
            usage: usage, to: &buffer)
    }

    /// Takes the next place of the output.
    private mutating func place() -> Int {
        output.append(ByteBuffer())
        return output.count - 1
    }

    private mutating func writeItem(
        _ type: StaticString, _ index: Int, _ item: ByteBuffer, to buffer: inout ByteBuffer
    ) {
        events.write(type, to: &buffer) { buffer in
            buffer.writeMember("output_index", index)
            buffer.writeMember("item", json: item)
        }
    }

    private mutating func finishItem(_ index: Int, _ item: ByteBuffer, to buffer: inout ByteBuffer) {
        output[index] = item
        writeItem("response.output_item.done", index, item, to: &buffer)
    }

    /// Ends what is open but calls.
    private mutating func close(status: StaticString = "completed", _ buffer: inout ByteBuffer) {
        closeReasoning(nil, &buffer)
        closePart(&buffer)
        guard let message else { return }
        self.message = nil
        finishItem(message.index, message.json(status: status), to: &buffer)
    }
}

// MARK: - Messages

extension ResponsesStreamEncoder {
    /// Opens a content part of the kind, unless one is open.
    private mutating func open(isRefusal: Bool, _ buffer: inout ByteBuffer) {
        closeReasoning(nil, &buffer)
        if message == nil {
            let message = ResponsesOpenMessage(index: place(), call: call)
            writeItem(
                "response.output_item.added", message.index, message.json(status: "in_progress"), to: &buffer)
            self.message = message
        }
        if let part = message?.part, part.isRefusal != isRefusal { closePart(&buffer) }
        guard message?.part == nil else { return }
        message?.openPart(isRefusal: isRefusal)
        guard let part = message?.part else { return }
        events.begin("response.content_part.added", to: &buffer)
        buffer.writeImmutableBuffer(part.place)
        buffer.writeMember("part", json: part.json)
        ResponsesEventWriter.end(&buffer)
    }

    private mutating func extend(_ text: String, isRefusal: Bool, _ buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        open(isRefusal: isRefusal, &buffer)
        if isRefusal { hasRefusal = true }
        events.begin(isRefusal ? "response.refusal.delta" : "response.output_text.delta", to: &buffer)
        if let place = message?.part?.place { buffer.writeImmutableBuffer(place) }
        buffer.writeKey("delta")
        message?.part?.text.append(text, alsoTo: &buffer)
        if !isRefusal { buffer.writeStaticString(#","logprobs":[]"#) }
        ResponsesEventWriter.end(&buffer)
    }

    private mutating func cite(_ citation: Citation, _ buffer: inout ByteBuffer) {
        guard let annotation = ResponsesCitation.write(citation) else { return }
        open(isRefusal: false, &buffer)
        guard let part = message?.part else { return }
        events.begin("response.output_text.annotation.added", to: &buffer)
        buffer.writeImmutableBuffer(part.place)
        buffer.writeMember("annotation_index", part.annotationCount)
        buffer.writeMember("annotation", annotation)
        ResponsesEventWriter.end(&buffer)
        if part.annotationCount > 0 { message?.part?.annotations.writeStaticString(",") }
        message?.part?.annotations.write(annotation)
        message?.part?.annotationCount += 1
    }

    private mutating func closePart(_ buffer: inout ByteBuffer) {
        guard let part = message?.part else { return }
        message?.part = nil
        let json = part.json
        events.begin(part.isRefusal ? "response.refusal.done" : "response.output_text.done", to: &buffer)
        buffer.writeImmutableBuffer(part.place)
        buffer.writeMember(part.isRefusal ? "refusal" : "text", part.text)
        if !part.isRefusal { buffer.writeStaticString(#","logprobs":[]"#) }
        ResponsesEventWriter.end(&buffer)
        events.begin("response.content_part.done", to: &buffer)
        buffer.writeImmutableBuffer(part.place)
        buffer.writeMember("part", json: json)
        ResponsesEventWriter.end(&buffer)
        if let count = message?.parts, count > 0 { message?.content.writeStaticString(",") }
        message?.content.writeImmutableBuffer(json)
        message?.parts += 1
    }

    /// Ends a content part; the message stays open for another.
    private mutating func endPart(_ buffer: inout ByteBuffer) {
        closeReasoning(nil, &buffer)
        closePart(&buffer)
    }
}

// MARK: - Reasoning

extension ResponsesStreamEncoder {
    private mutating func extendReasoning(_ text: String, _ buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        if reasoning == nil { openReasoning(&buffer) }
        events.begin("response.reasoning_summary_text.delta", to: &buffer)
        if let place = reasoning?.place { buffer.writeImmutableBuffer(place) }
        buffer.writeKey("delta")
        reasoning?.text.append(text, alsoTo: &buffer)
        ResponsesEventWriter.end(&buffer)
    }

    private mutating func openReasoning(_ buffer: inout ByteBuffer) {
        close(&buffer)
        let reasoning = ResponsesOpenReasoning(index: place(), call: call)
        writeItem(
            "response.output_item.added", reasoning.index, reasoning.json(isBeginning: true, encrypted: nil),
            to: &buffer)
        events.begin("response.reasoning_summary_part.added", to: &buffer)
        buffer.writeImmutableBuffer(reasoning.place)
        buffer.writeMember("part", json: reasoning.piece(isEmpty: true))
        ResponsesEventWriter.end(&buffer)
        self.reasoning = reasoning
    }

    private mutating func closeReasoning(_ signature: Signature?, _ buffer: inout ByteBuffer) {
        guard let reasoning else { return }
        self.reasoning = nil
        events.begin("response.reasoning_summary_text.done", to: &buffer)
        buffer.writeImmutableBuffer(reasoning.place)
        buffer.writeMember("text", reasoning.text)
        ResponsesEventWriter.end(&buffer)
        events.begin("response.reasoning_summary_part.done", to: &buffer)
        buffer.writeImmutableBuffer(reasoning.place)
        buffer.writeMember("part", json: reasoning.piece(isEmpty: false))
        ResponsesEventWriter.end(&buffer)
        let encrypted = signature.map { ResponsesSeal(.thinking, $0).encrypted }
        finishItem(reasoning.index, reasoning.json(isBeginning: false, encrypted: encrypted), to: &buffer)
    }

    /// Seals what is open; without anything open, an empty text.
    private mutating func seal(_ signature: Signature, _ buffer: inout ByteBuffer) {
        if reasoning != nil { return closeReasoning(signature, &buffer) }
        close(&buffer)
        writeSeal(ResponsesSeal(.text, signature), &buffer)
    }

    private mutating func writeSeal(_ seal: ResponsesSeal, _ buffer: inout ByteBuffer) {
        let index = place()
        writeWhole(ResponsesOutputWriter.sealed(seal, call, index), index, &buffer)
    }

    private mutating func writeWhole(_ item: JSONValue, _ index: Int, _ buffer: inout ByteBuffer) {
        var json = ByteBuffer()
        json.write(item)
        writeItem("response.output_item.added", index, json, to: &buffer)
        finishItem(index, json, to: &buffer)
    }
}

// MARK: - Calls

extension ResponsesStreamEncoder {
    private mutating func extend(
        _ index: Int, _ id: String?, _ name: String?, _ arguments: String, _ buffer: inout ByteBuffer
    ) {
        guard calls[index] != nil else {
            guard calls.count < Self.maximumCalls else { return }
            close(&buffer)
            let own = id.flatMap { $0.isEmpty ? nil : $0 } ?? ResponsesID.call(call, output.count)
            calls[index] = ResponsesOpenCall(id: own, name: name ?? "")
            calls[index]?.held = arguments
            order.append(index)
            unannounced = index
            return
        }
        writeArguments(index, arguments, &buffer)
    }

    private mutating func makeCustom(_ index: Int) {
        if unannounced == index { calls[index]?.isCustom = true }
    }

    /// Writes the beginning of a call that waited for its kind.
    private mutating func announce(_ buffer: inout ByteBuffer) {
        guard let index = unannounced else { return }
        unannounced = nil
        let place = place()
        calls[index]?.announce(index: place, call: call)
        guard let open = calls[index] else { return }
        writeItem("response.output_item.added", place, open.json(isBeginning: true), to: &buffer)
        writeArguments(index, open.held, &buffer)
    }

    private mutating func writeArguments(_ index: Int, _ arguments: String, _ buffer: inout ByteBuffer) {
        // The call itself is not held: its arguments would be copied when they grow.
        guard !arguments.isEmpty, let place = calls[index]?.place, let isCustom = calls[index]?.isCustom else {
            return
        }
        events.begin(
            isCustom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta",
            to: &buffer)
        buffer.writeImmutableBuffer(place.members)
        buffer.writeKey("delta")
        calls[index]?.arguments.append(arguments, alsoTo: &buffer)
        ResponsesEventWriter.end(&buffer)
    }

    private mutating func close(call index: Int, _ buffer: inout ByteBuffer) {
        guard let begun = calls[index] else { return }
        // A client that gathers the deltas needs an object too.
        if begun.arguments.isEmpty, !begun.isCustom { writeArguments(index, "{}", &buffer) }
        guard let open = calls.removeValue(forKey: index), let place = open.place else { return }
        events.begin(
            open.isCustom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
            to: &buffer)
        buffer.writeImmutableBuffer(place.members)
        if !open.isCustom { buffer.writeMember("name", open.name) }
        buffer.writeMember(open.isCustom ? "input" : "arguments", open.arguments)
        ResponsesEventWriter.end(&buffer)
        finishItem(place.index, open.json(isBeginning: false), to: &buffer)
        if let signature = open.signature { writeSeal(ResponsesSeal(.call(open.id), signature), &buffer) }
    }
}

// MARK: - Whole parts

extension ResponsesStreamEncoder {
    private mutating func write(_ part: Part, _ buffer: inout ByteBuffer) {
        switch part.content {
        case .text(let text):
            endPart(&buffer)
            extend(text, isRefusal: false, &buffer)
            for citation in part.citations { cite(citation, &buffer) }
            if let signature = part.signature { seal(signature, &buffer) } else { endPart(&buffer) }
        case .refusal(let text):
            endPart(&buffer)
            extend(text, isRefusal: true, &buffer)
            endPart(&buffer)
        case .thinking(let thinking): write(thinking, part, &buffer)
        case .toolCall(let toolCall): write(toolCall, part.signature, &buffer)
        case .native(.openAIResponses, _, let item)
        where part.extensions.responsesNote(ResponsesNote.content) == nil:
            close(&buffer)
            writeWhole(item, place(), &buffer)
        case .image(let media):
            guard let item = ResponsesOutputWriter.image(media, call, output.count) else { return }
            close(&buffer)
            writeWhole(item, place(), &buffer)
        case .audio, .video, .document, .toolResult, .native: break
        }
    }

    private mutating func write(_ thinking: Thinking, _ part: Part, _ buffer: inout ByteBuffer) {
        close(&buffer)
        guard thinking.text.isEmpty || part.signature?.dialect == .openAIResponses else {
            extendReasoning(thinking.text, &buffer)
            return closeReasoning(part.signature, &buffer)
        }
        let index = place()
        let note = part.extensions.responsesNote(ResponsesNote.item)
        writeWhole(
            note ?? ResponsesOutputWriter.reasoning(thinking, part.signature, call, index), index, &buffer)
    }

    private mutating func write(_ toolCall: ToolCall, _ signature: Signature?, _ buffer: inout ByteBuffer) {
        // Numbers of whole calls must not meet those that deltas use.
        let index = -1 - calls.count
        guard calls.count < Self.maximumCalls, calls[index] == nil else { return }
        close(&buffer)
        var open = ResponsesOpenCall(
            id: toolCall.id.isEmpty ? ResponsesID.call(call, output.count) : toolCall.id, name: toolCall.name)
        open.isCustom = toolCall.isCustom
        open.held = toolCall.arguments
        open.signature = signature
        calls[index] = open
        unannounced = index
        announce(&buffer)
        close(call: index, &buffer)
    }
}
