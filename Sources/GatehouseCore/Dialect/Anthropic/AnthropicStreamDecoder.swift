package import NIOCore

/// Reads the events of a streamed answer.
///
/// Source: https://platform.claude.com/docs/en/build-with-claude/streaming
package struct AnthropicStreamDecoder: StreamDecoder {
    package private(set) var isDone = false

    private var parser = SSEParser()
    private var blocks: [Int: Block] = [:]
    private var calls = 0
    /// The vendor's usage object, as far as it is known.
    private var usage: JSONValue?
    private var finish: Finish?
    private var hasStarted = false
    private var hasContent = false
    private var hasBlocks = false
    /// Pieces of an open block that are given whole at its end: a signature, the input of a vendor's tool.
    private var gathered: [Int: String] = [:]
    /// Bytes kept until the end of a block.
    private var held = 0

    private static let maximumHeld = 32 << 20
    private static let maximumOpenBlocks = 256

    /// A block that has not ended.
    private enum Block {
        case text
        case thinking(hasText: Bool)
        /// `input` is what the block began with, for servers that put the arguments there.
        case call(index: Int, input: JSONValue?)
        /// Kept whole.
        case native(type: String, JSONValue)
    }

    package init() {}

    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        parser.append(bytes)
        while !isDone, let frame = try parser.next() { try take(frame, &events) }
        _ = parser.take(upTo: parser.cursor)
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        if let frame = parser.last() { try take(frame, &events, isLast: true) }
        guard !isDone else { return }
        throw hasContent ? Failure(.truncated, detail: "no message_stop") : Failure(.empty)
    }

    private mutating func take(
        _ frame: SSEFrame, _ events: inout [CanonicalEvent], isLast: Bool = false
    ) throws(Failure) {
        let value: JSONValue?
        switch frame.payload {
        case .none: return
        case .line(let range): value = parser.withBytes(range) { Self.parse($0) }
        case .joined(let data): value = Self.parse(data.readableBytesUInt8Span)
        }
        hasContent = true
        guard let value, value.object != nil else {
            // The last event may be cut in the middle.
            throw isLast
                ? Failure(.truncated, detail: "event cut") : Failure(.protocol, detail: "event is no JSON object")
        }
        try take(value, &events)
    }

    private static func parse(_ bytes: Span<UInt8>) -> JSONValue? {
        bytes.withUnsafeBufferPointer { try? JSONValue(parsing: $0, limits: .lenient) }
    }

    private mutating func take(_ event: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        switch event["type"]?.string {
        case "content_block_delta": try delta(event, &events)
        case "content_block_start": try open(event, &events)
        case "content_block_stop":
            if let index = event["index"]?.int { close(index, &events) }
        case "message_start": try start(event["message"] ?? .null, &events)
        case "message_delta":
            let delta = event["delta"] ?? .null
            usage = AnthropicUsage.merged(usage, event["usage"])
            let rest =
                delta.members(except: ["stop_reason", "stop_sequence"])
                + event.members(except: ["type", "delta", "usage"])
            let usage = AnthropicUsage.read(usage)
            finish = AnthropicFinish.read(delta, usage: usage, rest: rest)
            if let usage { events.append(.usage(usage)) }
        case "message_stop":
            guard let finish else { throw Failure(.protocol, detail: "message_stop without message_delta") }
            for index in blocks.keys.sorted() { close(index, &events) }
            isDone = true
            events.append(.finished(finish))
        case "error": throw AnthropicFailure.classify(event: event)
        default:
            // `ping`, and kinds that come some day; an error of a server in between has no type of its own.
            if event["error"]?.object != nil { throw AnthropicFailure.classify(event: event) }
        }
    }

    private mutating func start(_ message: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        if hasStarted {
            // Some servers say it twice. A second message in the middle of the first is something else: what came of
            // the first is with the caller, and cannot be taken back.
            guard !hasBlocks else { throw Failure(.protocol, detail: "a second message_start") }
            return
        }
        hasStarted = true
        usage = AnthropicUsage.merged(usage, message["usage"])
        let start = AnswerStart(
            id: message["id"]?.string, model: message["model"]?.string, usage: AnthropicUsage.read(usage))
        events.append(.started(start))
    }

    private mutating func open(_ event: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let index = event["index"]?.int, let block = event["content_block"], let type = block["type"]?.string
        else { throw Failure(.protocol, detail: "content_block_start without a block") }
        hasBlocks = true
        close(index, &events)
        guard blocks.count < Self.maximumOpenBlocks else { throw Failure(.protocol, detail: "too many open blocks") }
        switch type {
        case "text":
            blocks[index] = .text
            if let text = block["text"]?.string, !text.isEmpty { events.append(.textDelta(text)) }
            for citation in block["citations"]?.array ?? [] {
                events.append(.citation(AnthropicCitation.read(citation)))
            }
        case "thinking":
            let text = block["thinking"]?.string ?? ""
            blocks[index] = .thinking(hasText: !text.isEmpty)
            try gather(block["signature"]?.string, index)
            if !text.isEmpty { events.append(.reasoningDelta(text)) }
        case "redacted_thinking":
            let seal = Signature(.anthropic, block["data"]?.string ?? "")
            events.append(.part(Part(.thinking(Thinking("", isRedacted: true)), signature: seal)))
        case "tool_use":
            guard let name = block["name"]?.string else { throw Failure(.protocol, detail: "call without a name") }
            let input = block["input"].flatMap { $0.object?.isEmpty == false ? $0 : nil }
            blocks[index] = .call(index: calls, input: input)
            events.append(.toolCallDelta(index: calls, id: block["id"]?.string, name: name, arguments: ""))
            calls += 1
        default: blocks[index] = .native(type: type, block)
        }
    }

    private mutating func delta(_ event: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let index = event["index"]?.int, let delta = event["delta"], let type = delta["type"]?.string,
            let block = blocks[index]
        else { throw Failure(.protocol, detail: "content_block_delta without its block") }
        switch (block, type) {
        case (.text, "text_delta"):
            if let text = delta["text"]?.string, !text.isEmpty { events.append(.textDelta(text)) }
        case (.text, "citations_delta"):
            if let citation = delta["citation"] { events.append(.citation(AnthropicCitation.read(citation))) }
        case (.thinking(let hasText), "thinking_delta"):
            guard let text = delta["thinking"]?.string, !text.isEmpty else { return }
            if !hasText { blocks[index] = .thinking(hasText: true) }
            events.append(.reasoningDelta(text))
        case (.thinking, "signature_delta"): try gather(delta["signature"]?.string, index)
        case (.call(let call, let input), "input_json_delta"):
            guard let json = delta["partial_json"]?.string, !json.isEmpty else { return }
            if input != nil { blocks[index] = .call(index: call, input: nil) }
            events.append(.toolCallDelta(index: call, id: nil, name: nil, arguments: json))
        case (.native, "input_json_delta"): try gather(delta["partial_json"]?.string, index)
        case (.native(let kind, let whole), _):
            try hold(delta.text.utf8.count)
            blocks[index] = .native(type: kind, Self.extended(whole, delta))
        default: break
        }
    }

    /// A block with the members of a delta that is not known here: texts go on, other values are set.
    private static func extended(_ block: JSONValue, _ delta: JSONValue) -> JSONValue {
        guard case .object(var members) = block else { return block }
        for change in delta.members(except: ["type"]) {
            guard let index = members.firstIndex(where: { $0.key == change.key }) else {
                members.append(change)
                continue
            }
            if case .string(let text) = members[index].value, case .string(let more) = change.value {
                members[index].value = .string(text + more)
            } else {
                members[index].value = change.value
            }
        }
        return .object(members)
    }

    private mutating func gather(_ piece: String?, _ index: Int) throws(Failure) {
        guard let piece, !piece.isEmpty else { return }
        try hold(piece.utf8.count)
        gathered[index, default: ""] += piece
    }

    private mutating func hold(_ bytes: Int) throws(Failure) {
        held = held.capped(adding: bytes)
        guard held <= Self.maximumHeld else { throw Failure(.outputTooLarge, detail: "block larger than the limit") }
    }

    private mutating func close(_ index: Int, _ events: inout [CanonicalEvent]) {
        guard let block = blocks.removeValue(forKey: index) else { return }
        let gathered = gathered.removeValue(forKey: index)
        switch block {
        case .text: events.append(.partEnded)
        case .thinking(hasText: true):
            events.append(gathered.map { .signature(Signature(.anthropic, $0)) } ?? .partEnded)
        case .thinking(hasText: false):
            let seal = gathered.map { Signature(.anthropic, $0) }
            events.append(.part(Part(.thinking(Thinking("")), signature: seal)))
        case .call(let call, let input):
            if let input {
                events.append(.toolCallDelta(index: call, id: nil, name: nil, arguments: input.text))
            }
            events.append(.partEnded)
        case .native(let type, let whole):
            let input = gathered.flatMap { try? JSONValue(parsing: $0.utf8, limits: .lenient) }
            let value = input.map { whole.replacing("input", with: $0) } ?? whole
            events.append(.part(Part(.native(.anthropic, type: type, value))))
        }
    }
}
