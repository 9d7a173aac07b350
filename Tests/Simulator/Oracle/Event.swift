import GatehouseCore

/// One thing that could be seen from outside of the gateway.
struct Event {
    enum Kind: UInt8 {
        /// A client sent a request. Value: the model's number.
        case arrived
        /// An attempt reached an upstream. Value: the upstream's number.
        case began
        /// What the upstream gave the gateway: the status of a head, bytes, an event, the end, a failure.
        case head, bytes, event, end, failed
        /// What the gateway did to the attempt.
        case cancelled, finished, paused, resumed
        /// What the client got: a whole response (value: its status), the head of a stream, bytes, the end, a cut.
        case responded, streamBegan, wrote, streamEnded, severed
        /// A sign that it is awaited.
        case beat
        /// The client's connection takes nothing more for now, and takes again.
        case full, drained
        /// The client left, and the gateway was told.
        case left, leftKnown
        /// The gateway was told to end the call, and has been.
        case aborted, abortKnown
        /// The record of a call. Value: attempts.
        case settled
        /// Everything that the gateway does at the moment of a settled call is done.
        case settledKnown
        /// No call is on its way.
        case idle
        /// The process of the gateway was lost, and another began. Value: its number.
        case crashed, started
        /// A new snapshot was put in place.
        case reloaded
        /// All upstreams are well from here on.
        case healed
        /// Calls were sent to see whether all targets of a model serve again, or share its calls. Value: the model.
        case examined, counted
        /// The gateway is busy and no time passes.
        case circling
        /// Nothing more will happen.
        case over
    }

    var kind: Kind
    var time: Instant
    var call = -1
    var attempt = -1
    var value = 0
}

extension Event: CustomStringConvertible {
    /// A line of the trace.
    var description: String {
        var line = Self.seconds(time) + "  "
        if call >= 0 { line += "call \(call)".padded(to: 10) } else { line += "".padded(to: 10) }
        if attempt >= 0 { line += "attempt \(attempt)".padded(to: 13) } else { line += "".padded(to: 13) }
        return line + words
    }

    private var words: String {
        switch kind {
        case .arrived: "client asks for model \(value)"
        case .began: "begins at upstream \(value)"
        case .head: "upstream sends head \(value)"
        case .bytes: "upstream sends \(value) bytes"
        case .event: "upstream sends an event"
        case .end: "upstream ends its answer"
        case .failed: "upstream fails"
        case .cancelled: "gateway cancels"
        case .finished: "gateway has all it needs"
        case .paused: "gateway stops reading"
        case .resumed: "gateway reads again"
        case .responded: "client gets a response \(value)"
        case .streamBegan: "client gets the head of a stream"
        case .wrote: "client gets \(value) bytes"
        case .streamEnded: "client gets the end of the stream"
        case .beat: "client is told to wait"
        case .severed: "client's connection is cut"
        case .full: "client takes no more for now"
        case .drained: "client takes again"
        case .left: "client leaves"
        case .leftKnown: "gateway knows that the client left"
        case .aborted: "gateway is told to end the call"
        case .abortKnown: "gateway has ended the call"
        case .settled: "record: \(value) attempts"
        case .settledKnown: "settled"
        case .idle: "no call is on its way"
        case .crashed: "the gateway's process is lost"
        case .started: "process \(value) of the gateway starts"
        case .reloaded: "the configuration is read again"
        case .healed: "all upstreams are well from here on"
        case .examined: "all targets of model \(value) should have served"
        case .counted: "all targets of model \(value) should have their share"
        case .circling: "the gateway goes round in circles"
        case .over: "the end"
        }
    }

    static func seconds(_ time: Instant) -> String {
        let (whole, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let micros = String(rest / 1000)
        return (String(whole) + "." + String(repeating: "0", count: max(0, 6 - micros.utf8.count)) + micros)
            .leftPadded(to: 12)
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - utf8.count))
    }

    func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - utf8.count)) + self
    }
}
