import GatehouseCore

/// When the client leaves, its attempts are cancelled at the same moment, and so they are when this gateway ends the call;
/// but for the one whose answer is read on for the bill, for a time.
struct Cancellation: Invariant {
    static let name = "cancel"
    private let longestDrain = Interval.seconds(600)

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .leftKnown: left(event, facts)
        case .abortKnown: ended(event, facts)
        case .settledKnown: settled(event, facts)
        default: nil
        }
    }

    private func left(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        let running = call.attempts.map { facts.attempts[$0] }.filter(\.isRunning)
        if running.count > 1 { return "the client left, and \(running.count) attempts go on" }
        guard let attempt = running.first else { return ended(event, facts) }
        return facts.plan.upstreams[attempt.upstream].drains ? nil : "the client left, and its attempt goes on"
    }

    private func ended(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        if call.attempts.contains(where: { facts.attempts[$0].isRunning }) {
            return "the call was ended, and its attempt goes on"
        }
        return call.isOver ? nil : "nobody waits, and the call goes on"
    }

    /// Behind a client that left, the call ends when the attempt does.
    private func settled(_ event: Event, _ facts: Facts) -> String? {
        let call = facts.calls[event.call]
        guard let left = call.left, call.ended == nil, left != event.time else { return nil }
        if event.time > left + longestDrain { return "an answer is read on for more than \(longestDrain.inSeconds) s" }
        let last = call.attempts.compactMap { facts.attempts[$0].ended }.max()
        return last == event.time ? nil : "the call goes on behind a client that left"
    }
}

/// While the client takes nothing, its upstream is not read.
struct BackPressure: Invariant {
    static let name = "back-pressure"

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        guard event.kind == .bytes || event.kind == .event || event.kind == .head else { return nil }
        guard facts.attempts[event.attempt].isReading else { return "something is read that nobody wanted" }
        let call = facts.calls[event.call]
        return call.isFull && call.left == nil ? "the client takes nothing, and its upstream is read" : nil
    }
}
