import GatehouseCore
import GatehouseEngine
import NIOCore

/// An answer ends well only when its upstream ended it, and reaches the client of the same dialect as it was sent.
struct NoMadeUpEnding: Invariant {
    static let name = "no-made-up-ending"

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        guard event.kind == .settled else { return nil }
        let call = facts.calls[event.call]
        guard call.ended != nil, call.status == 200 else { return nil }
        if call.plan.isSound, call.isSevered { return severed(call, facts) }
        if call.isStreaming, !call.plan.isSound, call.saysError { return broken(call, facts) }
        guard let source = source(call, facts) else { return "the answer is of no attempt's, or not whole" }
        let name = facts.plan.upstreams[source.upstream].name
        if facts.record?.provider != name { return "the record does not name \(name)" }
        guard !call.plan.isForeign, source.answer.wholeBytes != nil else {
            return call.isStreaming && !call.saysItIsWhole ? "the stream has no end" : nil
        }
        return source.answer.visible == call.received ? nil : "the answer is not what the upstream sent"
    }

    /// The attempt whose answer this is: it ended as its upstream ends answers.
    private func source(_ call: CallFacts, _ facts: Facts) -> AttemptFacts? {
        call.attempts.reversed().lazy.map { facts.attempts[$0] }.first { attempt in
            attempt.isWhole && call.holds("a\(attempt.number)_")
        }
    }

    /// Sound that broke off: what came before is what was sent.
    private func severed(_ call: CallFacts, _ facts: Facts) -> String? {
        let isSent = call.attempts.contains { number in
            let attempt = facts.attempts[number]
            return attempt.bytes >= call.received.readableBytes
                && attempt.answer.visible.begins(with: call.received, call.received.readableBytes)
        }
        return isSent ? nil : "what came before the cut is not what the upstream sent"
    }

    /// A stream that tells of an error: what came before is what was sent, and no end was made up.
    private func broken(_ call: CallFacts, _ facts: Facts) -> String? {
        if call.saysItIsWhole { return "the stream tells of an error and says that it is whole" }
        guard !call.plan.isForeign else { return nil }
        let relayed = call.attempts.contains { number in
            let attempt = facts.attempts[number]
            // Events of agents have no bytes of their own.
            guard !facts.plan.upstreams[attempt.upstream].isAgent else { return true }
            let sent = attempt.answer.visible(of: attempt.bytes)
            return call.received.begins(with: attempt.answer.visible, sent) && call.errorBegins(at: sent)
        }
        // A heartbeat had opened the stream, and there never was an answer.
        if !relayed, call.errorBegins(at: 0) { return nil }
        return relayed ? nil : "what came before the error is not what the upstream sent"
    }
}

extension CallFacts {
    /// The answer tells of an error.
    var saysError: Bool { holds(plan.isForeign ? #""type":"error""# : #""error":"#) }

    /// The last words of the answer are those by which its dialect says that it is whole.
    var saysItIsWhole: Bool {
        if plan.isForeign { return holds(#""type":"message_stop""#) }
        return received.ends(with: "data: [DONE]\n\n")
    }

    func holds(_ text: String) -> Bool { received.holds(text) }

    /// Behind so many bytes nothing follows but an error.
    func errorBegins(at offset: Int) -> Bool {
        guard let rest = received.getSlice(at: received.readerIndex + offset, length: received.readableBytes - offset)
        else { return false }
        return rest.begins(with: Self.error, Self.error.readableBytes)
    }

    private static let error = ByteBuffer(string: #"data: {"error":"#)
}

extension ByteBuffer {
    func begins(with other: ByteBuffer, _ count: Int) -> Bool {
        guard readableBytes >= count, other.readableBytes >= count else { return false }
        return readableBytesView.prefix(count).elementsEqual(other.readableBytesView.prefix(count))
    }

    func ends(with text: String) -> Bool {
        readableBytesView.suffix(text.utf8.count).elementsEqual(text.utf8)
    }

    func holds(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        return withUnsafeReadableBytes { bytes in
            guard let first = wanted.first, bytes.count >= wanted.count else { return false }
            for start in 0...bytes.count - wanted.count where bytes[start] == first {
                if zip(bytes[start...], wanted).allSatisfy(==) { return true }
            }
            return false
        }
    }
}
