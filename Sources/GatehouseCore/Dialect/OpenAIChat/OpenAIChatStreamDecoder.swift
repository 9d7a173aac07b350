package import NIOCore

/// Reads a stream of OpenAI's chat format.
package struct OpenAIChatStreamDecoder: StreamDecoder {
    /// What deltas of text would go on with.
    private enum Open: Sendable { case nothing, text, thinking, refusal, call }

    package private(set) var isDone = false
    private let terminator: OpenAIByteStream.Terminator
    private var reader = OpenAIEventReader()
    private var start: AnswerStart?
    private var open = Open.nothing
    private var calls = OpenAIToolCalls()
    private var facts = OpenAIFinish.Facts()
    private var reason: String?
    private var usage: Usage?
    private var cost: Cost?
    /// Choices by number, and whether they told why they ended.
    private var choices: [Int: Bool] = [:]

    /// - Parameter terminator: How the provider says that a stream is whole.
    package init(terminator: OpenAIByteStream.Terminator = .done) { self.terminator = terminator }

    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        reader.append(bytes)
        while !isDone, let item = try reader.next() {
            switch item {
            case .object(let chunk): try take(chunk, &events)
            case .done: try finish(&events)
            }
        }
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        let last = reader.last()
        if last.isDone { return try finish(&events) }
        guard start != nil else { throw Failure(.empty) }
        let hasEnded = terminator == .doneOrFinishReason && choices.values.allSatisfy { $0 }
        guard hasEnded, !last.isCut else { throw Failure(.truncated, detail: "no terminator") }
        try finish(&events)
    }

    private mutating func finish(_ events: inout [CanonicalEvent]) throws(Failure) {
        guard start != nil else { throw Failure(.empty, detail: "terminator without an answer") }
        try calls.check()
        facts.hasCalls = !calls.isEmpty
        var finish = try OpenAIFinish.finish(reason, facts, in: .openAIChat)
        finish.usage = usage
        finish.cost = cost
        events.append(.finished(finish))
        isDone = true
    }

    // MARK: Chunks

    private mutating func take(_ chunk: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        for choice in chunk["choices"]?.array ?? [] { try take(choice, of: chunk, &events) }
        guard let usage = OpenAIUsage.read(chunk, in: .openAIChat) else { return }
        if usage != self.usage { events.append(.usage(usage)) }
        self.usage = usage
        cost = OpenAIUsage.cost(chunk) ?? cost
    }

    private mutating func take(
        _ choice: JSONValue, of chunk: JSONValue, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        let number = choice["index"]?.int ?? 0
        let word = choice["finish_reason"]?.string
        if choices.count < AnswerBuilder.maximumCalls || choices[number] != nil {
            choices[number] = word != nil || choices[number] == true
        }
        // A canonical answer has one choice.
        guard number == 0 else { return }
        if start == nil {
            let start = OpenAIEnvelope.start(chunk)
            self.start = start
            events.append(.started(start))
        }
        if let delta = choice["delta"] ?? choice["message"] { try take(delta: delta, &events) }
        if let word, !word.isEmpty || reason == nil { reason = word }
        facts.stopSequence = OpenAIFinish.stopSequence(choice) ?? facts.stopSequence
    }

    private mutating func take(delta: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        thoughts(delta, &events)
        switch delta["content"] {
        case .string(let text): add(text, &events)
        case .array(let pieces): for piece in pieces { take(piece: piece, &events) }
        default: break
        }
        if let transcript = delta["audio"]?["transcript"]?.string { add(transcript, &events) }
        if let refusal = delta["refusal"]?.string, !refusal.isEmpty {
            facts.hasRefusal = true
            open = .refusal
            events.append(.refusalDelta(refusal))
        }
        for annotation in delta["annotations"]?.array ?? [] {
            guard let citation = OpenAICitations.read(annotation) else { continue }
            open = .text
            events.append(.citation(citation))
        }
        for image in delta["images"]?.array ?? [] {
            if let url = image["image_url"]?["url"]?.string { whole(Part(.image(Media(url: url))), &events) }
        }
        try takeCalls(delta, &events)
        if let signature = OpenAIChatMessageDecoder.signature(delta["extra_content"]) {
            if open == .thinking || open == .refusal { events.append(.partEnded) }
            events.append(.signature(signature))
            open = .nothing
        }
    }

    private mutating func takeCalls(_ delta: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        for entry in delta["tool_calls"]?.array ?? [] {
            try calls.take(entry, answer: start?.id ?? "", into: &events)
            open = .call
        }
        if let function = delta["function_call"], function["name"]?.string != "" || !calls.isEmpty,
            function.object != nil
        {
            let entry = JSONValue.object(["index": .int(0), "function": function])
            try calls.take(entry, answer: start?.id ?? "", into: &events)
            open = .call
        }
    }

    /// A piece of Mistral's content.
    private mutating func take(piece: JSONValue, _ events: inout [CanonicalEvent]) {
        switch piece["type"]?.string {
        case "text": add(piece["text"]?.string ?? "", &events)
        case "thinking": think(OpenAIContentReader.thinkingText(piece["thinking"]), &events)
        case .some(let type): whole(Part(.native(.openAIChat, type: type, piece)), &events)
        case nil: break
        }
    }

    private mutating func add(_ text: String, _ events: inout [CanonicalEvent]) {
        guard !text.isEmpty else { return }
        facts.hasText = true
        open = .text
        events.append(.textDelta(text))
    }

    private mutating func think(_ text: String, _ events: inout [CanonicalEvent]) {
        guard !text.isEmpty else { return }
        open = .thinking
        events.append(.reasoningDelta(text))
    }

    private mutating func whole(_ part: Part, _ events: inout [CanonicalEvent]) {
        open = .nothing
        events.append(.part(part))
    }

    // MARK: Thoughts

    /// Text for display comes beside the same text in blocks or pieces, which hold the signatures: it counts once.
    private mutating func thoughts(_ delta: JSONValue, _ events: inout [CanonicalEvent]) {
        var parts = (delta["thinking_blocks"]?.array ?? []).compactMap(OpenAIThoughts.part(block:))
        parts += Self.joined((delta["reasoning_details"]?.array ?? []).compactMap(OpenAIThoughts.part(detail:)))
        let isWhole = parts.contains { $0.thinking?.id != nil && $0.thinking?.text.isEmpty == false }
        let display = isWhole ? nil : OpenAIThoughts.text(delta)
        if let display { think(display, &events) }
        for part in parts { take(thought: part, hasDisplay: display != nil, &events) }
    }

    private mutating func take(thought part: Part, hasDisplay: Bool, _ events: inout [CanonicalEvent]) {
        guard let thinking = part.thinking else { return }
        guard let signature = part.signature else {
            if !hasDisplay { think(thinking.text, &events) }
            return
        }
        if thinking.isRedacted || thinking.id != nil { return whole(part, &events) }
        if open != .thinking, !hasDisplay { think(thinking.text, &events) }
        if open == .thinking {
            events.append(.signature(signature))
            open = .nothing
        } else {
            whole(Part(.thinking(Thinking("")), signature: signature), &events)
        }
    }

    /// A summary and its encrypted form are one thought.
    private static func joined(_ parts: [Part]) -> [Part] {
        var joined: [Part] = []
        for part in parts {
            if let last = joined.last, last.signature == nil, let thinking = last.thinking, !thinking.isRedacted,
                part.thinking?.isRedacted == true, part.thinking?.id == thinking.id
            {
                joined[joined.count - 1].signature = part.signature
            } else {
                joined.append(part)
            }
        }
        return joined
    }
}
