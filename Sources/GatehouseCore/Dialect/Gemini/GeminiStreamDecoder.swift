package import NIOCore

/// Reads the stream of `streamGenerateContent`.
///
/// The format has no terminator of its own: an answer is whole when a chunk gave a finish reason (the last one counts)
/// and the transport ended as its framing says. Signatures may come on the text itself or on an empty text behind it;
/// both seal the text that is open.
package struct GeminiStreamDecoder: StreamDecoder {
    private enum Open { case nothing, text, thinking }

    package private(set) var isDone = false
    private var framing = GeminiFraming()
    private var reader = GeminiPartReader(answer: nil)
    private var hasStarted = false
    /// Anything was said, be it only a seal.
    private var hasSpoken = false
    private var open = Open.nothing
    /// A seal that waits for citations of the text it closes.
    private var seal: Signature?
    private var calls = 0
    private var partial: GeminiPartialCall?
    private var reason: JSONValue?
    private var blockReason: JSONValue?
    private var usage: Usage?
    /// Members of the candidate and of the chunks as last seen, for callers of this dialect.
    private var candidateMembers: [JSONValue.Member] = []
    private var topMembers: [JSONValue.Member] = []

    package init() {}

    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        framing.append(bytes)
        while let document = try framing.next() {
            let chunk: JSONValue
            do {
                chunk = try JSONValue(parsing: document.readableBytesView)
            } catch {
                if Self.isDoneMark(document) { continue }
                throw Failure(.protocol, detail: "a chunk that is no JSON: \(error.kind.rawValue)")
            }
            try read(chunk, into: &events)
        }
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        if let document = framing.last(), !Self.isDoneMark(document) {
            guard let chunk = try? JSONValue(parsing: document.readableBytesView) else {
                throw Failure(.truncated, detail: "the stream ended inside a chunk")
            }
            try read(chunk, into: &events)
        }
        guard hasStarted else { throw Failure(.empty, detail: "an empty stream") }
        guard framing.isWhole, reason != nil || blockReason != nil else {
            throw Failure(.truncated, detail: "the stream ended without a finish reason")
        }
        try finish(into: &events)
    }

    /// Some proxies close every stream as OpenAI does.
    private static func isDoneMark(_ document: ByteBuffer) -> Bool {
        document.readableBytesView.elementsEqual("[DONE]".utf8)
    }

    // MARK: Chunks

    private mutating func read(_ chunk: JSONValue, into events: inout [CanonicalEvent]) throws(Failure) {
        if let failure = GeminiFailure.inside(chunk) { throw failure }
        guard chunk.object != nil else { throw Failure(.protocol, detail: "a chunk that is no object") }
        if !hasStarted {
            hasStarted = true
            let start = GeminiResponseCodec.start(chunk)
            reader = GeminiPartReader(answer: start.id)
            events.append(.started(start))
        }
        if let candidate = (chunk["candidates"]?.array).flatMap(Self.first) {
            for part in candidate["content"]?["parts"]?.array ?? [] { try read(part: part, into: &events) }
            if let reason = candidate["finishReason"], !reason.isNull { self.reason = reason }
            Self.keep(candidate.members(except: ["content", "finishReason"]), in: &candidateMembers)
        }
        if let block = chunk["promptFeedback"]?["blockReason"], !block.isNull { blockReason = block }
        Self.keep(chunk.members(except: ["candidates", "usageMetadata"]), in: &topMembers)
        if let usage = GeminiUsage.decode(chunk["usageMetadata"]) {
            let isNews = usage.counts != self.usage?.counts
            self.usage = usage
            if isNews { events.append(.usage(usage)) }
        }
    }

    /// The first candidate only: an answer of several is told whole, not in a stream.
    private static func first(_ candidates: [JSONValue]) -> JSONValue? {
        candidates.first { ($0["index"]?.int ?? 0) == 0 }
    }

    private static func keep(_ members: [JSONValue.Member], in kept: inout [JSONValue.Member]) {
        for member in members {
            if let index = kept.firstIndex(where: { $0.key == member.key }) {
                kept[index] = member
            } else if kept.count < 64 {
                kept.append(member)
            }
        }
    }

    // MARK: Parts

    private mutating func read(part: JSONValue, into events: inout [CanonicalEvent]) throws(Failure) {
        if let text = part["text"]?.string {
            let signature = part["thoughtSignature"]?.string
            return say(text, isThought: part["thought"]?.bool == true, signature, into: &events)
        }
        if let call = part["functionCall"], call.object != nil {
            return try read(call: call, part: part, into: &events)
        }
        flush(into: &events)
        open = .nothing
        hasSpoken = true
        let whole = GeminiResponseCodec.part(part, &reader)
        switch whole.content {
        case .text(let text): say(text, isThought: false, whole.signature?.value, into: &events)
        default: events.append(.part(whole))
        }
    }

    private mutating func say(
        _ text: String, isThought: Bool, _ signature: String?, into events: inout [CanonicalEvent]
    ) {
        let kind: Open = isThought ? .thinking : .text
        // An empty piece says nothing, unless it brings a seal.
        guard !text.isEmpty || signature != nil else { return }
        hasSpoken = true
        if seal != nil { flush(into: &events) }
        if text.isEmpty, open != kind {
            // It stands by itself: what was open before it is another part.
            if open != .nothing { events.append(.partEnded) }
            open = .nothing
            if isThought {
                events.append(.part(Part(.thinking(Thinking("")), signature: signature.map { Signature(.gemini, $0) })))
                return
            }
        } else if !text.isEmpty {
            events.append(isThought ? .reasoningDelta(text) : .textDelta(text))
            open = kind
        }
        seal = signature.map { Signature(.gemini, $0) }
    }

    /// Gives the seal that waits; it ends its part.
    private mutating func flush(into events: inout [CanonicalEvent]) {
        guard let seal else { return }
        events.append(.signature(seal))
        self.seal = nil
        open = .nothing
    }

    // MARK: Calls

    private mutating func read(
        call: JSONValue, part: JSONValue, into events: inout [CanonicalEvent]
    ) throws(Failure) {
        flush(into: &events)
        open = .nothing
        let signature = part["thoughtSignature"]?.string
        let name = call["name"]?.string ?? ""
        let goesOn = call["willContinue"]?.bool == true
        let pieces = call["partialArgs"]?.array
        if name.isEmpty, partial != nil {
            for piece in pieces ?? [] { try partial?.add(piece) }
            if let signature { partial?.signature = signature }
            if !goesOn { endPartial(into: &events) }
            return
        }
        endPartial(into: &events)
        guard !name.isEmpty else {
            if goesOn || pieces != nil { throw Failure(.protocol, detail: "a piece of a call that never began") }
            return
        }
        let id = call["id"]?.string
        if goesOn || pieces != nil {
            partial = GeminiPartialCall(id: id, name: name, signature: signature)
            for piece in pieces ?? [] { try partial?.add(piece) }
            if !goesOn { endPartial(into: &events) }
            return
        }
        let arguments = call["args"].flatMap { $0.object == nil ? nil : $0.text } ?? "{}"
        give(id: id, name: name, arguments: arguments, signature, into: &events)
    }

    private mutating func endPartial(into events: inout [CanonicalEvent]) {
        guard let call = partial else { return }
        partial = nil
        give(id: call.id, name: call.name, arguments: call.arguments.text, call.signature, into: &events)
    }

    private mutating func give(
        id: String?, name: String, arguments: String, _ signature: String?, into events: inout [CanonicalEvent]
    ) {
        let made = reader.nextID(for: name)
        let id = id.flatMap { $0.isEmpty ? nil : $0 } ?? made
        hasSpoken = true
        events.append(.toolCallDelta(index: calls, id: id, name: name, arguments: arguments))
        if let signature { events.append(.toolCallSignature(index: calls, Signature(.gemini, signature))) }
        events.append(.partEnded)
        calls += 1
    }

    // MARK: The end

    private mutating func finish(into events: inout [CanonicalEvent]) throws(Failure) {
        endPartial(into: &events)
        let candidate = JSONValue.object(candidateMembers)
        if open == .text {
            events += GeminiGrounding.citations(candidate).map { .citation($0.citation) }
        }
        flush(into: &events)
        var finish: Finish
        if let reason {
            let end = GeminiFinish.decode(reason, hasCalls: calls > 0)
            guard hasSpoken || end != .stop else { throw Failure(.empty, detail: "a stream that says nothing") }
            finish = Finish(end, usage: usage)
            finish.extensions[.gemini, GeminiFinish.Note.reason] = reason
            finish.extensions[.gemini, GeminiFinish.Note.candidate] = candidate
        } else {
            finish = GeminiFinish.blocked(blockReason ?? .null, usage: usage)
        }
        finish.extensions[.gemini, GeminiFinish.Note.top] = .object(topMembers)
        isDone = true
        events.append(.finished(finish))
    }
}
