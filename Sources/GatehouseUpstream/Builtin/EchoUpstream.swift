package import GatehouseCore
package import NIOCore

/// The built-in model `gatehouse/echo`: streams the last message back word by word and counts words as tokens. For a
/// first call without any key, and for tests of everything around a model.
package final class EchoUpstream: Upstream {
    package func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? {
        operation.surface == .generation ? .events : nil
    }

    package init() {}

    package func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        guard case .canonical(let canonical) = request.payload else {
            return FailedAttempt(
                Failure(.protocol, detail: "echo takes canonical requests"), on: eventLoop, reply: reply)
        }
        let run = EchoRun(canonical, eventLoop: eventLoop, reply: reply)
        run.schedule()
        return run
    }
}

/// One answer of the echo. Yields to the loop after a few words, so that a long text does not hold up others.
private final class EchoRun: UpstreamAttempt {
    private static let wordsPerTurn = 32

    private let eventLoop: any EventLoop
    private let maxTokens: Int
    private let inputTokens: Int
    private var words: [Substring]
    private var next = 0
    private var reply: (any UpstreamReply)?
    private var isReading = true
    private var isScheduled = false
    private var hasStarted = false

    init(_ request: CanonicalRequest, eventLoop: any EventLoop, reply: any UpstreamReply) {
        self.eventLoop = eventLoop
        self.reply = reply
        let texts = request.messages.map(Self.text)
        inputTokens = texts.reduce(0) { $0 + Self.words(of: $1).count }
        words = Self.words(of: texts.last ?? "")
        maxTokens = request.maxTokens ?? .max
    }

    private static func text(_ message: Message) -> String {
        message.parts.map { part in
            switch part.content {
            case .text(let text), .refusal(let text): text
            case .toolCall(let call): "[call of \(call.name)]"
            case .toolResult(let result): result.content.texts.joined(separator: " ")
            default: "[\(part.kindName)]"
            }
        }.joined(separator: " ")
    }

    /// Words with the white space before them, so that they join to the same text.
    private static func words(of text: String) -> [Substring] {
        var words: [Substring] = []
        var start = text.startIndex
        var inWord = false
        for index in text.indices {
            let isSpace = text[index].isWhitespace
            if isSpace, inWord {
                words.append(text[start..<index])
                start = index
            }
            inWord = !isSpace
        }
        if start < text.endIndex { words.append(text[start...]) }
        return words
    }

    func schedule() {
        guard !isScheduled, isReading, reply != nil else { return }
        isScheduled = true
        eventLoop.assumeIsolated().execute { self.turn() }
    }

    private func turn() {
        isScheduled = false
        if !hasStarted {
            hasStarted = true
            reply?.received(event: .started(AnswerStart()))
        }
        var left = Self.wordsPerTurn
        while let reply, isReading, left > 0 {
            guard next < words.count, next < maxTokens else { return end() }
            let word = String(words[next])
            next += 1
            left -= 1
            reply.received(event: .textDelta(word))
        }
        reply?.receivedBatchEnd()
        schedule()
    }

    private func end() {
        let listener = reply
        reply = nil
        let reason: FinishReason = next < words.count ? .length : .stop
        listener?.received(event: .finished(Finish(reason, usage: Usage(input: inputTokens, output: next))))
        listener?.receivedEnd()
    }

    func cancel() { reply = nil }
    func finish() { reply = nil }

    func setReading(_ reading: Bool) {
        isReading = reading
        schedule()
    }
}
