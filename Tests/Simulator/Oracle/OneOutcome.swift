import GatehouseCore
import GatehouseEngine

/// Each call has one outcome: one record, and for a client that stayed one ending, which the record tells alike. A client
/// that left gets nothing more.
struct OneOutcome: Invariant {
    static let name = "one-outcome"
    /// Attempts that the records tell of.
    private var recorded = 0

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .responded, .streamBegan, .wrote, .beat, .streamEnded, .severed: given(event, facts)
        case .settled: settled(event, facts)
        case .over: over(facts)
        default: nil
        }
    }

    /// What a client is given.
    private func given(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        if call.left != nil { return "the client has left and is given something" }
        if call.isLost { return "the process is gone and gives something" }
        if call.ended != nil { return "something follows the end" }
        if call.settled != nil { return "something follows the record" }
        switch event.kind {
        case .responded, .streamBegan:
            if call.committed != nil || call.isStreaming { return "a second head" }
            if facts.head?.attempts != call.attempts.count {
                return "the head tells \(facts.head?.attempts ?? -1) attempts of \(call.attempts.count)"
            }
            return nil
        case .beat where call.committed != nil && !call.received.ends(with: "\n\n"):
            return "a heartbeat within an event"
        default: return call.isStreaming ? nil : "a part of a stream that did not begin"
        }
    }

    private mutating func settled(_ event: Event, _ facts: Facts) -> String? {
        recorded += event.value
        let call = facts.calls[event.call]
        guard call.settled == nil else { return "a second record" }
        guard !call.isLost, let record = facts.record else { return "a record of a process that is gone" }
        if record.attempts != call.attempts.count {
            return "the record tells \(record.attempts) attempts of \(call.attempts.count)"
        }
        if record.tries.count != max(0, record.attempts - 1) {
            return "the record tells of \(record.tries.count) tries and \(record.attempts) attempts"
        }
        let key = "k\(call.plan.key)"
        if record.key != key, !record.key.hasPrefix(key + "/") { return "the record names another key" }
        if call.left != nil { return outcomeOfLeft(record, call, event.time) }
        guard let ended = call.ended else { return "a record, and the client waits for its end" }
        guard ended == event.time else { return "the record comes later than the end" }
        switch record.outcome {
        case .clientGone: return "the record says that the client left"
        case .completed: return call.status == 200 && !call.isSevered ? nil : "a failure is told as completed"
        case .failed(let code, _):
            if call.isStreaming {
                let tells = call.plan.isSound ? call.isSevered : call.saysError && !call.isSevered
                return tells ? nil : "the stream tells of no error"
            }
            return call.status == code.status ? nil : "status \(call.status) for \(code.rawValue)"
        }
    }

    private func outcomeOfLeft(_ record: CallRecord, _ call: CallFacts, _ now: Instant) -> String? {
        guard case .clientGone = record.outcome else {
            // It broke while the end was written to it, and this gateway knew only then.
            if case .during = call.plan.leaving, call.left == now { return nil }
            // What was over before the gateway could know of it.
            return call.ended != nil ? nil : "the record does not say that the client left"
        }
        let wanted = call.isStreaming ? 200 : 499
        return record.status == wanted ? nil : "the record of a client that left has status \(record.status)"
    }

    private func over(_ facts: Facts) -> String? {
        for (number, call) in facts.calls.enumerated() where !call.isLost {
            if call.settled == nil { return "call \(number) never ended" }
            if call.left == nil, call.ended == nil { return "call \(number) was left without an answer" }
        }
        // What upstreams were asked is what the records tell, and what was on its way when a process was lost.
        let lost = facts.calls.lazy.filter(\.isLost).reduce(0) { $0 + $1.attempts.count }
        guard recorded + lost == facts.attempts.count else {
            return "\(facts.attempts.count) attempts, of which \(recorded) are in records and \(lost) were lost"
        }
        return nil
    }
}
