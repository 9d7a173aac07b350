import GatehouseCore

/// Writes the answer of an agent, in events.
struct AgentWriter {
    let attempt: Int
    /// From the request to the first event, on average.
    let latency: Interval
    /// It takes exactly that long.
    var isSteady = false
    var dice: Dice
    private var steps: [Answer.Step] = []

    init(_ attempt: Int, latency: Interval, _ dice: Dice) {
        self.attempt = attempt
        self.latency = latency
        self.dice = dice
    }

    mutating func answer(_ fate: Fate) -> Answer {
        switch fate {
        case .refused, .unconnected: return failing(fate, dice.chance(0.5) ? .spawn : .busy, pause())
        case .status(429): return failing(fate, .rate, pause())
        case .status(401), .status(403): return failing(fate, .auth, pause())
        case .status(400): return failing(fate, .input, pause())
        case .status(402): return failing(fate, .quota, pause())
        case .status(408), .status(504): return failing(fate, .timeout(.own), pause())
        case .status(503), .status(529): return failing(fate, .capacity, pause())
        case .status(404): return failing(fate, .modelUnknown, pause())
        case .status, .errorInside: return failing(fate, .upstream, pause())
        case .silent: return failing(fate, .timeout(.firstByte), .seconds(60), isTimer: true)
        case .reset: return failing(fate, .crashed, pause())
        case .empty: return failing(fate, .empty, pause())
        case .page, .garbage: return failing(fate, .protocol, pause())
        default: return speak(fate)
        }
    }

    private func failing(_ fate: Fate, _ kind: Failure.Kind, _ wait: Interval, isTimer: Bool = false) -> Answer {
        var failure = Failure(kind)
        failure.isUnsent = !fate.isSent
        return Answer(fate, [.init(wait: wait, deed: .fail(failure), isTimer: isTimer)], nil)
    }

    private mutating func speak(_ fate: Fate) -> Answer {
        add(pause(), .event(.started(AnswerStart(model: "real", session: "s\(attempt)"))))
        if fate == .cutBefore || fate == .stalledBefore { return stop(fate) }
        for word in 0..<dice.number(1...4) {
            if dice.chance(0.2) {
                add(.milliseconds(5), .event(.toolStarted(id: "t\(word)", name: "Read", input: "{}")))
                add(.milliseconds(5), .event(.toolFinished(id: "t\(word)", succeeded: true, denied: false)))
            }
            add(dice.wait(Interval(nanoseconds: latency.nanoseconds / 8)), .event(.textDelta("a\(attempt)_\(word) ")))
        }
        guard fate == .answer else { return stop(fate) }
        add(.milliseconds(1), .event(.finished(Finish(.stop, usage: Usage(input: 3, output: 4)))))
        let events = steps.count
        add(.milliseconds(2), .end)
        return Answer(fate, steps, nil, wholeEvents: events)
    }

    private mutating func stop(_ fate: Fate) -> Answer {
        switch fate {
        case .stalledBefore, .stalledBehind:
            steps.append(.init(wait: .seconds(120), deed: .fail(Failure(.timeout(.idle))), isTimer: true))
        case .endless: add(.seconds(300), .fail(Failure(.timeout(.total))))
        case .errorBehind, .resetBehind: add(.milliseconds(5), .fail(Failure(.crashed)))
        default: add(.milliseconds(5), .end)
        }
        return Answer(fate, steps, nil)
    }

    private mutating func pause() -> Interval { isSteady ? latency : dice.wait(latency) }

    private mutating func add(_ wait: Interval, _ deed: Answer.Deed) {
        steps.append(.init(wait: wait, deed: deed))
    }
}
