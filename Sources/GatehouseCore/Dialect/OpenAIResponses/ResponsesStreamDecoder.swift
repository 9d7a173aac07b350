package import NIOCore

/// Reads a stream of OpenAI's Responses API.
///
/// Items are told apart by `output_index`: ids of one item differ between events at some providers. What an item's
/// deltas left out is taken from the events that end it, and from the whole answer in the last event.
package struct ResponsesStreamDecoder: StreamDecoder {
    /// Items of one answer; more are not taken.
    private static let maximumItems = 4096

    package private(set) var isDone = false
    private var parser = SSEParser()
    private var hasContent = false
    private var hasStarted = false
    private var items: [Int: ResponsesStreamItem] = [:]
    private var calls = 0
    private var found = ResponsesFinish.Parts(hasCalls: false, hasRefusal: false)
    /// The item whose text or thinking is open, by its index.
    private var open: Int?
    /// Where an event without `output_index` belongs.
    private var last = 0
    /// The events so far, but for one that is an error.
    private var relayed = ResponsesRelayed()

    package init() {}

    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        parser.append(bytes)
        while !isDone, let frame = try parser.next() { try take(frame, &events) }
        _ = parser.take(upTo: parser.cursor)
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        if !isDone, let frame = parser.last() {
            // Half an event is no fault of the protocol: the answer broke off in it.
            do throws(Failure) { try take(frame, &events) } catch { if error.kind != .protocol { throw error } }
        }
        guard !isDone else { return }
        throw hasContent ? Failure(.truncated, detail: "no terminator") : Failure(.empty)
    }

    private mutating func take(_ frame: SSEFrame, _ events: inout [CanonicalEvent]) throws(Failure) {
        switch frame.payload {
        case .none: break
        case .joined(let data): try take(Self.parse(data.readableBytesUInt8Span), &events)
        case .line(let range):
            let event = try parser.withBytes(range) { (bytes) throws(Failure) in try Self.parse(bytes) }
            try take(event, &events)
        }
    }

    /// `nil` for the `[DONE]` that some providers add: it means nothing here.
    private static func parse(_ bytes: Span<UInt8>) throws(Failure) -> JSONValue? {
        if bytes.count == 6, bytes[0] == UInt8(ascii: "["), bytes[1] == UInt8(ascii: "D") { return nil }
        let result = bytes.withUnsafeBufferPointer { bytes -> Result<JSONValue, JSONError> in
            do throws(JSONError) { return .success(try JSONValue(parsing: bytes)) } catch { return .failure(error) }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error):
            throw Failure(.protocol, detail: "event is not JSON: \(error.kind) at \(error.offset)")
        }
    }

    private mutating func take(_ event: JSONValue?, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let event else { return }
        hasContent = true
        switch event["type"]?.string {
        case "response.output_text.delta": textDelta(event, isRefusal: false, &events)
        case "response.refusal.delta": textDelta(event, isRefusal: true, &events)
        case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
            callDelta(event, &events)
        case "response.reasoning_summary_text.delta": thinkingDelta(event, .summary, &events)
        case "response.reasoning_text.delta": thinkingDelta(event, .content, &events)
        case "response.created", "response.in_progress", "response.queued": start(event["response"], &events)
        case "response.output_item.added": try add(event, &events)
        case "response.output_text.annotation.added": annotation(event, &events)
        case "response.content_part.done": endPart(event, &events)
        case "response.output_item.done": try finish(event, &events)
        case "response.completed", "response.incomplete": try complete(event["response"], &events)
        case "response.failed", "response.cancelled":
            throw ResponsesFailure.classify(error: event["response"]?["error"] ?? .null)
        case "error":
            let error = event["error"] ?? .null
            throw ResponsesFailure.classify(error: error.object == nil ? event : error)
        case .none:
            if let error = event["error"], !error.isNull { throw ResponsesFailure.classify(error: error) }
        default: break
        }
        relayed.add(event)
    }

    package func failureEncoder(as identity: AnswerIdentity) -> (any StreamEncoder)? {
        ResponsesStreamEncoder(as: identity, after: relayed)
    }

    private mutating func start(_ response: JSONValue?, _ events: inout [CanonicalEvent]) {
        guard !hasStarted else { return }
        hasStarted = true
        events.append(.started(ResponsesResponseCodec.start(response ?? .null)))
    }

    private func index(_ event: JSONValue) -> Int { event["output_index"]?.count ?? last }

    private mutating func add(_ event: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        start(nil, &events)
        let index = index(event)
        guard items[index] == nil, let value = event["item"] else { return }
        guard items.count < Self.maximumItems else { throw Failure(.protocol, detail: "too many output items") }
        last = index
        var item = ResponsesStreamItem()
        switch value["type"]?.string {
        case "function_call", "custom_tool_call":
            guard let name = value["name"]?.string, let id = value["call_id"]?.string else { break }
            item.call = beginCall(id, name, isCustom: value["type"] == .string("custom_tool_call"), &events)
        default: break
        }
        items[index] = item
    }

    private mutating func beginCall(
        _ id: String, _ name: String, isCustom: Bool, _ events: inout [CanonicalEvent]
    ) -> Int {
        let call = calls
        calls += 1
        found.hasCalls = true
        open = nil
        events.append(.toolCallDelta(index: call, id: id, name: name, arguments: ""))
        if isCustom { events.append(.toolCallIsCustom(index: call)) }
        return call
    }

    private mutating func callDelta(_ event: JSONValue, _ events: inout [CanonicalEvent]) {
        let index = index(event)
        // Without its beginning a call has no name: the event that ends the item tells all.
        guard let delta = event["delta"]?.string, !delta.isEmpty, let call = items[index]?.call else { return }
        items[index]?.sent += delta.utf8.count
        open = nil
        events.append(.toolCallDelta(index: call, id: nil, name: nil, arguments: delta))
    }

    /// Makes the item's text or thinking the one that deltas belong to.
    private mutating func turn(to index: Int, _ events: inout [CanonicalEvent]) {
        if let open, open != index { events.append(.partEnded) }
        open = index
    }

    private mutating func textDelta(_ event: JSONValue, isRefusal: Bool, _ events: inout [CanonicalEvent]) {
        guard let delta = event["delta"]?.string, !delta.isEmpty else { return }
        emit(delta, isRefusal: isRefusal, index(event), part: event["content_index"]?.count ?? 0, &events)
    }

    private mutating func emit(
        _ text: String, isRefusal: Bool, _ index: Int, part: Int, _ events: inout [CanonicalEvent]
    ) {
        guard prepare(index, &events) else { return }
        begin(part: part, of: index, &events)
        turn(to: index, &events)
        items[index]?.sent += text.utf8.count
        if isRefusal { found.hasRefusal = true }
        events.append(isRefusal ? .refusalDelta(text) : .textDelta(text))
    }

    /// Remembers an item that no event announced.
    private mutating func prepare(_ index: Int, _ events: inout [CanonicalEvent]) -> Bool {
        start(nil, &events)
        guard items[index] == nil else { return true }
        guard items.count < Self.maximumItems else { return false }
        last = index
        items[index] = ResponsesStreamItem()
        return true
    }

    /// Ends the content part before, if another begins.
    private mutating func begin(part: Int, of index: Int, _ events: inout [CanonicalEvent]) {
        guard let item = items[index], item.part != part else { return }
        if item.part >= 0, open == index {
            events.append(.partEnded)
            open = nil
        }
        items[index]?.part = part
        items[index]?.sent = 0
        items[index]?.annotations = 0
    }

    private mutating func annotation(_ event: JSONValue, _ events: inout [CanonicalEvent]) {
        let index = index(event)
        guard let annotation = event["annotation"], annotation.object != nil, prepare(index, &events) else { return }
        begin(part: event["content_index"]?.count ?? 0, of: index, &events)
        turn(to: index, &events)
        items[index]?.annotations += 1
        events.append(.citation(ResponsesCitation.read(annotation)))
    }

    private mutating func endPart(_ event: JSONValue, _ events: inout [CanonicalEvent]) {
        guard let part = event["part"] else { return }
        endPart(part, event["content_index"]?.count ?? 0, of: index(event), &events)
    }

    /// Gives what the deltas of a content part left out, and ends it.
    private mutating func endPart(
        _ part: JSONValue, _ number: Int, of index: Int, _ events: inout [CanonicalEvent]
    ) {
        let isRefusal = part["type"] == .string("refusal")
        guard isRefusal || part["type"] == .string("output_text"), items[index].map({ number >= $0.ended }) ?? true
        else { return }
        guard prepare(index, &events) else { return }
        begin(part: number, of: index, &events)
        let text = part[isRefusal ? "refusal" : "text"]?.string ?? ""
        if let rest = Self.rest(of: text, behind: items[index]?.sent ?? 0) {
            emit(rest, isRefusal: isRefusal, index, part: number, &events)
        }
        for annotation in (part["annotations"]?.array ?? []).dropFirst(items[index]?.annotations ?? 0) {
            turn(to: index, &events)
            events.append(.citation(ResponsesCitation.read(annotation)))
        }
        if open == index {
            events.append(.partEnded)
            open = nil
        }
        items[index]?.ended = number.capped(adding: 1)
    }

    /// What the deltas left out of a text: all of it at some providers, its end at others.
    fileprivate static func rest(of text: String, behind sent: Int) -> String? {
        sent == 0 ? (text.isEmpty ? nil : text) : String(text.utf8.dropFirst(sent)).flatMap { $0.isEmpty ? nil : $0 }
    }

    private mutating func thinkingDelta(
        _ event: JSONValue, _ kind: ResponsesStreamItem.Thoughts, _ events: inout [CanonicalEvent]
    ) {
        let index = index(event)
        guard let delta = event["delta"]?.string, !delta.isEmpty, prepare(index, &events) else { return }
        // A provider that tells both tells the same thoughts twice.
        guard items[index]?.thoughts == nil || items[index]?.thoughts == kind else { return }
        let piece = event[kind == .summary ? "summary_index" : "content_index"]?.count ?? 0
        turn(to: index, &events)
        if items[index]?.thoughts == kind, items[index]?.part != piece { events.append(.reasoningDelta("\n\n")) }
        items[index]?.thoughts = kind
        items[index]?.part = piece
        events.append(.reasoningDelta(delta))
    }
}

/// What a stream told of one item so far.
struct ResponsesStreamItem: Sendable {
    /// Which form of the thoughts is passed on.
    enum Thoughts: Sendable { case summary, content }

    /// The number of the call it is.
    var call: Int?
    /// The content part or piece of a summary that deltas came for last.
    var part = -1
    /// Bytes that came for that part, or for the arguments.
    var sent = 0
    /// Annotations that came for it.
    var annotations = 0
    /// Content parts before this one have ended.
    var ended = 0
    var thoughts: Thoughts?
    var isDone = false
}

// MARK: - Ends

extension ResponsesStreamDecoder {
    private mutating func finish(_ event: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let value = event["item"] else { return }
        try finish(value, index(event), &events)
    }

    /// Takes a whole item: gives what its deltas left out, and ends it.
    private mutating func finish(
        _ value: JSONValue, _ index: Int, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        guard prepare(index, &events) else { throw Failure(.protocol, detail: "too many output items") }
        guard let item = items[index], !item.isDone else { return }
        switch value["type"]?.string {
        case "message":
            for (number, part) in (value["content"]?.array ?? []).enumerated() where number >= item.ended {
                endPart(part, number, of: index, &events)
            }
        case "function_call": finishCall(value, item, key: "arguments", &events)
        case "custom_tool_call": finishCall(value, item, key: "input", &events)
        case "reasoning" where item.thoughts != nil: finishThinking(value, index, &events)
        default: addWhole(value, &events)
        }
        items[index]?.isDone = true
    }

    private mutating func finishCall(
        _ value: JSONValue, _ item: ResponsesStreamItem, key: String, _ events: inout [CanonicalEvent]
    ) {
        let id = value["call_id"]?.string
        let call =
            item.call ?? beginCall(id ?? "", value["name"]?.string ?? "", isCustom: key == "input", &events)
        if let arguments = Self.rest(of: value[key]?.string ?? "", behind: item.sent) {
            open = nil
            events.append(.toolCallDelta(index: call, id: nil, name: nil, arguments: arguments))
        }
    }

    private mutating func finishThinking(_ value: JSONValue, _ index: Int, _ events: inout [CanonicalEvent]) {
        let encrypted = value["encrypted_content"]?.string ?? ""
        let seal = encrypted.isEmpty ? nil : ResponsesSeal(encrypted: encrypted)
        guard open == index else {
            // Something else began meanwhile; the seal must not come onto that.
            guard let seal else { return }
            let thinking = Thinking("", isRedacted: true, id: value["id"]?.string)
            return add(Part(.thinking(thinking), signature: seal.signature), &events)
        }
        events.append(seal.map { .signature($0.signature) } ?? .partEnded)
        open = nil
    }

    private mutating func addWhole(_ value: JSONValue, _ events: inout [CanonicalEvent]) {
        for part in ResponsesItemReader.parts(ofOutput: [value]) {
            guard let thinking = part.thinking, !thinking.isRedacted else {
                add(part, &events)
                continue
            }
            if open != nil { events.append(.partEnded) }
            open = nil
            events.append(.reasoningDelta(thinking.text))
            events.append(part.signature.map { .signature($0) } ?? .partEnded)
        }
    }

    private mutating func add(_ part: Part, _ events: inout [CanonicalEvent]) {
        open = nil
        events.append(.part(part))
    }

    private mutating func complete(_ response: JSONValue?, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let response, response.object != nil else {
            throw Failure(.protocol, detail: "terminator without a response")
        }
        start(response, &events)
        if let error = response["error"], !error.isNull { throw ResponsesFailure.classify(error: error) }
        let output = response["output"]?.array ?? []
        // Some providers order the items otherwise at the end: only those that never came count.
        if items.values.count(where: \.isDone) < output.count {
            for (index, value) in output.enumerated() where items[index]?.isDone != true {
                try finish(value, index, &events)
            }
        }
        let status = response["status"]?.string ?? "completed"
        if items.isEmpty, output.isEmpty, status == "completed" {
            throw Failure(.empty, detail: "answer with empty output")
        }
        events.append(.finished(ResponsesFinish.read(response, parts: found)))
        isDone = true
    }
}
