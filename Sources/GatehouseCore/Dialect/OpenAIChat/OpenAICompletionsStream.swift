package import NIOCore

/// Reads a stream of OpenAI's older text completions.
package struct OpenAICompletionsStreamDecoder: StreamDecoder {
    package private(set) var isDone = false
    private let terminator: OpenAIByteStream.Terminator
    private var reader = OpenAIEventReader()
    private var start: AnswerStart?
    private var facts = OpenAIFinish.Facts()
    private var reason: String?
    private var usage: Usage?

    /// - Parameter terminator: How the provider says that a stream is whole.
    package init(terminator: OpenAIByteStream.Terminator = .done) { self.terminator = terminator }

    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        reader.append(bytes)
        while !isDone, let item = try reader.next() {
            switch item {
            case .object(let chunk): take(chunk, &events)
            case .done: try finish(&events)
            }
        }
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        let last = reader.last()
        if last.isDone { return try finish(&events) }
        guard start != nil else { throw Failure(.empty) }
        guard terminator == .doneOrFinishReason, reason != nil, !last.isCut else {
            throw Failure(.truncated, detail: "no terminator")
        }
        try finish(&events)
    }

    private mutating func finish(_ events: inout [CanonicalEvent]) throws(Failure) {
        guard start != nil else { throw Failure(.empty, detail: "terminator without an answer") }
        var finish = try OpenAIFinish.finish(reason, facts, in: .openAICompletions)
        finish.usage = usage
        events.append(.finished(finish))
        isDone = true
    }

    private mutating func take(_ chunk: JSONValue, _ events: inout [CanonicalEvent]) {
        for choice in chunk["choices"]?.array ?? [] where (choice["index"]?.int ?? 0) == 0 {
            if start == nil {
                let start = OpenAIEnvelope.start(chunk)
                self.start = start
                events.append(.started(start))
            }
            if let text = choice["text"]?.string ?? choice["delta"]?["content"]?.string, !text.isEmpty {
                facts.hasText = true
                events.append(.textDelta(text))
            }
            if let word = choice["finish_reason"]?.string { reason = word }
            facts.stopSequence = OpenAIFinish.stopSequence(choice) ?? facts.stopSequence
        }
        guard let usage = OpenAIUsage.read(chunk, in: .openAICompletions) else { return }
        if usage != self.usage { events.append(.usage(usage)) }
        self.usage = usage
    }
}

/// Writes a stream of OpenAI's older text completions. Thoughts and calls have no place in it.
package struct OpenAICompletionsStreamEncoder: StreamEncoder {
    private let writer: OpenAIChunkWriter
    private let wantsUsage: Bool
    private var facts = OpenAIFinish.Facts()
    private var usage: Usage?
    private var isOver = false

    package init(as identity: AnswerIdentity, options: StreamOptions) {
        writer = OpenAIChunkWriter(
            id: "cmpl-\(identity.call)", object: "text_completion", identity: identity, dialect: .openAICompletions)
        wantsUsage = options.wantsUsage
    }

    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        switch event {
        case .started(let start): usage = start.usage
        case .textDelta(let text): self.text(text, to: &buffer)
        case .part(let part): self.text(part.text ?? "", to: &buffer)
        case .toolStarted, .toolFinished, .file, .notice, .limit: SSEWriter.write(progress: event, to: &buffer)
        case .usage(let usage): self.usage = usage
        case .finished(let finish): end(finish, to: &buffer)
        default: break
        }
    }

    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        guard !isOver else { return }
        isOver = true
        buffer.writeImmutableBuffer(OpenAIErrorBody.event(error))
    }

    private mutating func text(_ text: String, to buffer: inout ByteBuffer) {
        guard !text.isEmpty else { return }
        facts.hasText = true
        writer.open(&buffer)
        buffer.writeStaticString(#""choices":[{"text":"#)
        JSONText.write(text, to: &buffer)
        buffer.writeStaticString(#","index":0,"logprobs":null,"finish_reason":null}]}"#)
        writer.close(&buffer)
    }

    private mutating func end(_ finish: Finish, to buffer: inout ByteBuffer) {
        writer.open(&buffer)
        buffer.writeStaticString(#""choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"#)
        JSONText.write(OpenAIFinish.word(finish, facts, in: .openAICompletions), to: &buffer)
        buffer.writeStaticString("}]}")
        writer.close(&buffer)
        if wantsUsage, let usage = finish.usage ?? usage { writer.usage(usage, to: &buffer) }
        writer.done(to: &buffer)
        isOver = true
    }
}
