import GatehouseCore
import NIOCore

/// Writes the answer of an upstream that speaks OpenAI's format.
struct AnswerWriter {
    /// What is asked, and by which attempt.
    struct Question {
        var attempt: Int
        var stream: Bool
        var isSound: Bool
        /// Whether the caller gets the bytes as they are, and sees the event for the usage.
        var wantsUsage: Bool
        /// The stream is whole without `[DONE]`.
        var endsWithReason: Bool
        /// It takes exactly as long as it does on average.
        var isSteady: Bool
    }

    let question: Question
    /// From the request to the head, on average.
    let latency: Interval
    var dice: Dice
    private var steps: [Answer.Step] = []

    init(_ question: Question, latency: Interval, _ dice: Dice) {
        self.question = question
        self.latency = latency
        self.dice = dice
    }

    mutating func answer(_ fate: Fate) -> Answer {
        switch fate {
        case .refused: return unsent(fate, .unreachable, after: latency)
        case .unconnected: return unsent(fate, .timeout(.connect), after: .seconds(5))
        case .reset: return failing(fate, .unreachable, after: pause())
        case .silent: return failing(fate, .timeout(.firstByte), after: .seconds(60), isTimer: true)
        case .status(let status): return refusal(fate, status)
        case .empty: return short(fate, "", ByteBuffer())
        case .page: return short(fate, "text/html", WireText.page)
        case .errorInside where !question.stream: return short(fate, "application/json", WireText.error)
        case .garbage where !question.stream: return short(fate, "application/json", WireText.garbage)
        default: return question.stream ? stream(fate) : document(fate)
        }
    }

    // MARK: Without an answer

    private mutating func unsent(_ fate: Fate, _ kind: Failure.Kind, after wait: Interval) -> Answer {
        var failure = Failure(kind)
        failure.isUnsent = true
        return Answer(fate, [.init(wait: wait, deed: .fail(failure))], nil)
    }

    private func failing(_ fate: Fate, _ kind: Failure.Kind, after wait: Interval, isTimer: Bool = false) -> Answer {
        Answer(fate, [.init(wait: wait, deed: .fail(Failure(kind)), isTimer: isTimer)], nil)
    }

    private mutating func refusal(_ fate: Fate, _ status: Int) -> Answer {
        var head = UpstreamHead(status: status, contentType: "application/json")
        var told: Int?
        if status == 429 || status == 503, dice.chance(0.7) { told = tellWhen(&head) }
        add(pause(), .head(head))
        if dice.chance(0.8) { add(.zero, .bytes(WireText.error)) }
        add(.milliseconds(1), .end)
        let answer = Answer(fate, steps, nil)
        answer.told = told.map { .seconds($0) }
        return answer
    }

    /// The forms of `Retry-After` that upstreams have: seconds, milliseconds, a date, nonsense.
    ///
    /// - Returns: The seconds that are told.
    private mutating func tellWhen(_ head: inout UpstreamHead) -> Int? {
        switch dice.number(0...7) {
        case 0:
            head.retryAfter = "0"
            return 1
        case 1:
            head.retryAfterMilliseconds = "350"
            return 1
        case 2:
            head.retryAfter = "120"
            return 120
        case 3:
            // No clock to read it by.
            head.retryAfter = "Wed, 21 Oct 2026 07:28:00 GMT"
            return nil
        case 4:
            head.retryAfter = "soon"
            return nil
        default:
            let seconds = dice.number(1...6)
            head.retryAfter = String(seconds)
            return seconds
        }
    }

    private mutating func short(_ fate: Fate, _ type: String, _ body: ByteBuffer) -> Answer {
        let usual = question.stream && type.isEmpty ? "text/event-stream" : type
        add(pause(), .head(UpstreamHead(status: 200, contentType: usual)))
        if body.readableBytes > 0 { add(.milliseconds(1), .bytes(body)) }
        add(.milliseconds(1), .end)
        return Answer(fate, steps, nil)
    }

    // MARK: Whole answers

    private mutating func document(_ fate: Fate) -> Answer {
        let tokens = dice.number(1...40)
        let text =
            question.isSound
            ? WireText.sound(question.attempt, length: tokens) : WireText.document(question.attempt, tokens: tokens)
        let type = question.isSound ? "audio/mpeg" : "application/json"
        add(pause(), .head(UpstreamHead(status: 200, contentType: type)))
        let half = fate == .cutBefore ? 0 : text.sent.readableBytes / 2
        switch fate {
        case .cutBefore, .cutBehind, .unfinished:
            send(text.sent, to: half)
            // Of sound only the transport can tell that it is not whole.
            add(.milliseconds(1), question.isSound ? .fail(Failure(.truncated)) : .end)
        case .resetBehind, .errorBehind:
            send(text.sent, to: half)
            add(.milliseconds(1), .fail(Failure(.truncated)))
        case .stalledBefore, .stalledBehind:
            send(text.sent, to: half)
            add(.seconds(120), .fail(Failure(.timeout(.idle))), isTimer: true)
        case .endless:
            send(text.sent, to: half)
            add(.seconds(300), .fail(Failure(.timeout(.total))))
        default:
            send(text.sent, to: text.sent.readableBytes)
            add(.milliseconds(dice.number(0...2)), .end)
        }
        return Answer(fate, steps, text)
    }

    // MARK: Streams

    private mutating func stream(_ fate: Fate) -> Answer {
        let lacksDone = fate == .unfinished || question.endsWithReason && dice.chance(0.6)
        var text = WireText.stream(
            question.attempt, tokens: dice.number(1...6), tellsUsage: dice.chance(0.7),
            wantsUsage: question.wantsUsage, isDone: !lacksDone)
        add(pause(), .head(UpstreamHead(status: 200, contentType: "text/event-stream")))
        switch fate {
        case .errorInside:
            text = WireText()
            if dice.chance(0.5) { text.event(#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]}"#) }
            text.event(#"{"error":{"message":"It went wrong.","type":"server_error"}}"#)
            send(text.sent, to: text.sent.readableBytes)
            add(.milliseconds(1), .end)
            // Nothing of it is for the caller.
            return Answer(fate, steps, nil)
        case .garbage:
            add(.milliseconds(1), .bytes(ByteBuffer(string: "data: {\"choices\": [}\n\n")))
            add(.milliseconds(1), .end)
            return Answer(fate, steps, nil)
        case .cutBefore: send(text.sent, to: dice.number(0...text.firstContent.lowerBound))
        case .stalledBefore: send(text.sent, to: dice.number(0...text.firstContent.lowerBound))
        case .cutBehind, .resetBehind, .stalledBehind, .endless:
            // The first event that follows the content would tell why it finished.
            send(text.sent, to: dice.number(text.firstContent.upperBound...text.lastContent))
        case .errorBehind:
            send(text.sent, to: text.firstContent.upperBound)
            text.frames.removeAll { $0.sent > text.firstContent.upperBound }
            add(
                .milliseconds(dice.number(0...20)),
                .bytes(ByteBuffer(string: #"data: {"error":{"message":"It went wrong."}}"# + "\n\n")))
        default: send(text.sent, to: text.sent.readableBytes)
        }
        finish(fate)
        if lacksDone, question.endsWithReason, fate == .answer || fate == .unfinished {
            text.wholeBytes = text.sent.readableBytes
            text.needsEnd = true
        }
        return Answer(fate, steps, text)
    }

    private mutating func finish(_ fate: Fate) {
        switch fate {
        case .stalledBefore, .stalledBehind:
            add(.seconds(120), .fail(Failure(.timeout(.idle))), isTimer: true)
        case .resetBehind: add(pause(), .fail(Failure(.unreachable)))
        case .endless: add(.seconds(300), .fail(Failure(.timeout(.total))))
        default: add(.milliseconds(dice.number(0...3)), .end)
        }
    }

    /// Sends the beginning of some bytes in pieces: mostly an event or several at a time, sometimes cut anywhere.
    private mutating func send(_ bytes: ByteBuffer, to end: Int) {
        var index = 0
        let size = dice.pick([60, 300, 300, 600, 4000])
        while index < end {
            let next = min(end, index + dice.number(1...size))
            guard let piece = bytes.getSlice(at: bytes.readerIndex + index, length: next - index) else { return }
            add(index == 0 ? .zero : dice.wait(Interval(nanoseconds: latency.nanoseconds / 8)), .bytes(piece))
            index = next
        }
    }

    private mutating func pause() -> Interval { question.isSteady ? latency : dice.wait(latency) }

    private mutating func add(_ wait: Interval, _ deed: Answer.Deed, isTimer: Bool = false) {
        steps.append(.init(wait: wait, deed: deed, isTimer: isTimer))
    }
}
