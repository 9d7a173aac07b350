import NIOCore

/// Reads a stream of Cohere's chat API. `message-end` is its end; what follows it (`[DONE]`) is not needed.
struct CohereStreamDecoder: StreamDecoder {
    private(set) var isDone = false
    private var parser = SSEParser()
    private var hasContent = false
    /// Which call an index of the wire is, as calls are numbered here.
    private var calls: [Int: Int] = [:]

    mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        parser.append(bytes)
        while !isDone, let frame = try parser.next() { try take(frame, &events) }
        _ = parser.take(upTo: parser.cursor)
    }

    mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        if !isDone, let frame = parser.last() {
            // Half an event is no fault of the protocol: the answer broke off in it.
            do throws(Failure) { try take(frame, &events) } catch { if error.kind != .protocol { throw error } }
        }
        if !isDone { throw hasContent ? Failure(.truncated, detail: "no message-end") : Failure(.empty) }
    }

    private mutating func take(_ frame: SSEFrame, _ events: inout [CanonicalEvent]) throws(Failure) {
        let event: JSONValue?
        switch frame.payload {
        case .none: return
        case .line(let range):
            event = parser.withBytes(range) { span in span.withUnsafeBufferPointer { try? JSONValue(parsing: $0) } }
        case .joined(let data): event = try? JSONValue(parsing: data.readableBytesView)
        }
        guard let event, let type = event["type"]?.string else {
            if let text = event?["message"]?.string { throw CohereFailure.classify(text: text, "error in a stream") }
            throw Failure(.protocol, detail: "event is no JSON object with a type")
        }
        hasContent = true
        try take(type, event, &events)
    }

    private mutating func take(
        _ type: String, _ event: JSONValue, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        let delta = event["delta"]
        let message = delta?["message"]
        switch type {
        case "message-start": events.append(.started(AnswerStart(id: event["id"]?.string)))
        case "content-start", "content-delta": Self.content(message?["content"], &events)
        case "content-end": events.append(.partEnded)
        case "tool-plan-delta":
            if let text = message?["tool_plan"]?.string, !text.isEmpty { events.append(.reasoningDelta(text)) }
        case "tool-call-start", "tool-call-delta":
            if let call = message?["tool_calls"] { try self.call(call, event["index"]?.count ?? 0, type, &events) }
        case "tool-call-end": events.append(.partEnded)
        case "citation-start": Self.citation(message?["citations"], &events)
        case "message-end":
            events.append(.finished(try Finish(cohere: delta ?? .null, hasCalls: !calls.isEmpty)))
            isDone = true
        // `citation-end`, `debug`, and what may be added to the protocol.
        default: break
        }
    }

    private static func content(_ content: JSONValue?, _ events: inout [CanonicalEvent]) {
        if let text = content?["text"]?.string, !text.isEmpty { events.append(.textDelta(text)) }
        if let text = content?["thinking"]?.string, !text.isEmpty { events.append(.reasoningDelta(text)) }
    }

    private mutating func call(
        _ call: JSONValue, _ wireIndex: Int, _ type: String, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        let arguments = call["function"]?["arguments"]?.string ?? ""
        if type == "tool-call-delta", let index = calls[wireIndex] {
            events.append(.toolCallDelta(index: index, id: nil, name: nil, arguments: arguments))
            return
        }
        guard let name = call["function"]?["name"]?.string else {
            throw Failure(.protocol, detail: "tool call without a name")
        }
        guard calls.count < AnswerBuilder.maximumCalls else {
            throw Failure(.outputTooLarge, detail: "more than \(AnswerBuilder.maximumCalls) tool calls")
        }
        let index = calls.count
        calls[wireIndex] = index
        events.append(.toolCallDelta(index: index, id: call["id"]?.string, name: name, arguments: arguments))
    }

    /// What is quoted in a plan has no text to belong to, and stays a part of its own.
    private static func citation(_ value: JSONValue?, _ events: inout [CanonicalEvent]) {
        for citation in value?.array ?? value.map({ [$0] }) ?? [] {
            events.append(
                citation["type"]?.string == "PLAN"
                    ? .part(Part(.native(.cohere, type: "citation", citation)))
                    : .citation(Citation(cohere: citation)))
        }
    }
}
