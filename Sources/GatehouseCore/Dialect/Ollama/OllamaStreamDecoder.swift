import NIOCore

/// Reads a stream of Ollama's chat API: a JSON object a line; the one with `done` ends it.
struct OllamaStreamDecoder: StreamDecoder {
    private(set) var isDone = false
    private var lines = JSONLines()
    private var isStarted = false
    private var calls = 0

    mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        lines.append(bytes)
        while !isDone, let line = try lines.next() { try take(line, &events) }
    }

    mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        // A last line without its line feed: what is no whole JSON was cut.
        let last: JSONValue?
        do { last = try lines.last() } catch { throw Failure(.truncated, detail: "cut in a line") }
        if let last { try take(last, &events) }
        if !isDone { throw isStarted ? Failure(.truncated, detail: "not done") : Failure(.empty) }
    }

    private mutating func take(_ line: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        if let error = line["error"] { throw OllamaFailure.classify(text: error.string ?? "", "error in a stream") }
        guard let message = line["message"] else { throw Failure(.protocol, detail: "line without a message") }
        let time = line["created_at"]?.string
        if !isStarted {
            isStarted = true
            events.append(
                .started(AnswerStart(model: line["model"]?.string, created: time.flatMap(RFC3339Time.seconds))))
        }
        if let text = message["thinking"]?.string, !text.isEmpty { events.append(.reasoningDelta(text)) }
        if let text = message["content"]?.string, !text.isEmpty { events.append(.textDelta(text)) }
        for element in message["tool_calls"]?.array ?? [] {
            guard calls < AnswerBuilder.maximumCalls else {
                throw Failure(.outputTooLarge, detail: "more than \(AnswerBuilder.maximumCalls) tool calls")
            }
            let call = try OllamaAnswer.call(element, index: calls, turn: time ?? "")
            events.append(.toolCallDelta(index: calls, id: call.id, name: call.name, arguments: call.arguments))
            events.append(.partEnded)
            calls += 1
        }
        guard line["done"]?.bool == true else { return }
        events.append(.finished(OllamaAnswer.finish(line, hasCalls: calls > 0)))
        isDone = true
    }
}
