import NIOCore

/// Relays a stream of server-sent events whose dialect is the caller's own, byte for byte, while its decoder watches.
///
/// Only whole events go on, and none before the first one with content: until then an error can still have a status of its
/// own. OpenAI's chat format, which most calls speak, has a relay of its own (`OpenAIByteStream`) that decodes less.
struct StreamRelay: Sendable {
    private var parser = SSEParser()
    private var decoder: any StreamDecoder
    private var events: [CanonicalEvent] = []
    private var hasContent = false
    private(set) var usage: Usage?
    private(set) var cost: Cost?
    private(set) var reason: FinishReason?

    init(_ codec: any DialectCodec.Type) {
        decoder = codec.streamDecoder()
    }

    var isDone: Bool { decoder.isDone }

    /// Writes the error that ends the stream.
    func failureEncoder(as identity: AnswerIdentity) -> (any StreamEncoder)? { decoder.failureEncoder(as: identity) }

    /// Takes bytes as they come.
    mutating func receive(_ bytes: ByteBuffer) -> AnswerOutput {
        var output = AnswerOutput()
        parser.append(bytes)
        var good = parser.cursor
        do throws(Failure) {
            while !decoder.isDone, let frame = try parser.next() {
                good = frame.range.lowerBound
                try decoder.receive(parser.bytes(frame.range), into: &events)
                watch()
                good = parser.cursor
            }
        } catch {
            watch()
            output.failure = error
        }
        if hasContent || good > AnswerLane.maximumHeld { output.pieces.add(parser.take(upTo: good)) }
        output.isDone = decoder.isDone && output.failure == nil
        return output
    }

    /// The transport ended as its framing says.
    mutating func end() -> AnswerOutput {
        var output = AnswerOutput()
        do throws(Failure) {
            // A last event whose blank line is missing.
            if let frame = parser.last() { try decoder.receive(parser.bytes(frame.range), into: &events) }
            try decoder.end(into: &events)
            watch()
            output.pieces.add(parser.take(upTo: parser.cursor))
            output.isDone = true
        } catch {
            watch()
            output.failure = error
        }
        return output
    }

    private mutating func watch() {
        for event in events {
            if AnswerLane.isContent(event) { hasContent = true }
            switch event {
            case .started(let start): usage = start.usage ?? usage
            case .usage(let usage): self.usage = usage
            case .finished(let finish):
                usage = finish.usage ?? usage
                cost = finish.cost
                reason = finish.reason
            default: break
            }
        }
        events.removeAll(keepingCapacity: true)
    }
}
