import GatehouseCore
import GatehouseEngine

/// No call outlives the time that it allowed itself, and none goes on trying for longer than ten minutes.
struct Deadlines: Invariant {
    static let name = "deadlines"
    private let longest = Interval.seconds(600)

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .began:
            let call = facts.calls[event.call]
            if event.time > call.arrived + longest { return "an attempt begins after \(longest.inSeconds) s" }
            return check(event.time, call, "an attempt begins")
        case .settled:
            let call = facts.calls[event.call]
            if case .failed(.deadlineExceeded, _) = facts.record?.outcome {
                guard call.end == event.time else { return "its time is said to be over, and is not" }
            }
            return call.left == nil ? check(event.time, call, "it ends") : nil
        default: return nil
        }
    }

    private func check(_ time: Instant, _ call: CallFacts, _ what: String) -> String? {
        guard let end = call.end, time > end else { return nil }
        return "\(what) \((time - end).inSeconds) s after its time is over"
    }
}

extension CallFacts {
    /// When its own time is over.
    fileprivate var end: Instant? { plan.patience.map { arrived + $0 } }
}

/// A key that was told to wait is not used before.
struct RespectsWaits: Invariant {
    static let name = "told-waits"
    private let settings = KeyRing.Settings()

    private struct Key: Hashable {
        var instance: Int
        var upstream: Int
        var key: Int
    }

    private var rests: [Key: Instant] = [:]

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .began:
            let attempt = facts.attempts[event.attempt]
            let key = Key(instance: facts.calls[event.call].instance, upstream: attempt.upstream, key: attempt.key)
            guard let until = rests[key], event.time < until else { return nil }
            return
                "key \(attempt.key) of upstream \(attempt.upstream) is used \((until - event.time).inSeconds) s early"
        case .end, .failed:
            let attempt = facts.attempts[event.attempt]
            guard attempt.isRunning, attempt.answer.fate == .status(429) else { return nil }
            let key = Key(instance: facts.calls[event.call].instance, upstream: attempt.upstream, key: attempt.key)
            guard let told = attempt.answer.told else { return nil }
            rests[key] = max(rests[key] ?? .distantPast, event.time + min(told, settings.longestTold))
            return nil
        default: return nil
        }
    }
}
