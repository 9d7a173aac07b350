package import NIOCore

/// Reads a ConverseStream answer: events in `application/vnd.amazon.eventstream`.
///
/// `messageStop` says why the model stopped, `metadata` what it used; they come in either order. The answer is whole
/// with both, or with `messageStop` alone when the transport ends there.
package struct BedrockStreamDecoder: StreamDecoder {
    private var parser = EventStreamParser()
    private var blocks = BedrockStreamBlocks()
    private var hasBytes = false
    private var hasStarted = false
    private var stopWord: String?
    private var ending: [JSONValue.Member] = []
    private var metadata: JSONValue?
    package private(set) var isDone = false

    package init() {}

    package mutating func receive(
        _ bytes: ByteBuffer, into events: inout [CanonicalEvent]
    ) throws(Failure) {
        guard !isDone, bytes.readableBytes > 0 else { return }
        hasBytes = true
        parser.append(bytes)
        while !isDone, let message = try parser.next() { try take(message, &events) }
    }

    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {
        guard !isDone else { return }
        guard hasBytes else { throw Failure(.empty) }
        guard parser.isAtBoundary, stopWord != nil else { throw Failure(.truncated) }
        finish(&events)
    }

    private mutating func take(_ message: EventStreamMessage, _ events: inout [CanonicalEvent]) throws(Failure) {
        switch message.string(":message-type") {
        case "event":
            guard let type = message.string(":event-type") else {
                throw Failure(.protocol, detail: "event stream: an event without a type")
            }
            try take(type, try Self.payload(message), &events)
        case "exception":
            let body = (try? Self.payload(message)) ?? .null
            throw BedrockFailure.exception(message.string(":exception-type") ?? "", body)
        case "error": throw BedrockFailure.exception(message.string(":error-code") ?? "", .null)
        default: throw Failure(.protocol, detail: "event stream: a message of no known type")
        }
    }

    private static func payload(_ message: EventStreamMessage) throws(Failure) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: message.payload.readableBytesView)
        } catch {
            throw Failure(.protocol, detail: "an event is no JSON: \(error.kind.rawValue) at \(error.offset)")
        }
    }

    private mutating func take(
        _ type: String, _ body: JSONValue, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        if !hasStarted {
            hasStarted = true
            events.append(.started(AnswerStart()))
        }
        switch type {
        case "contentBlockDelta": try blocks.delta(body, &events)
        case "contentBlockStart": try blocks.start(body, &events)
        case "contentBlockStop": try blocks.stop(body, &events)
        case "messageStop":
            guard let word = body["stopReason"]?.string else {
                throw Failure(.protocol, detail: "messageStop without a stopReason")
            }
            try blocks.stopAll(&events)
            stopWord = word
            ending += body.members(except: ["stopReason", "p"])
            if metadata != nil { finish(&events) }
        case "metadata":
            metadata = body
            ending += body.members(except: ["usage", "p"])
            if stopWord != nil { finish(&events) }
        // What later versions add is for those who know it.
        default: break
        }
    }

    private mutating func finish(_ events: inout [CanonicalEvent]) {
        guard let stopWord else { return }
        isDone = true
        let usage = metadata?["usage"].flatMap { BedrockUsage.read($0) }
        events.append(.finished(BedrockStop.finish(stopWord, usage: usage, members: ending)))
    }
}
