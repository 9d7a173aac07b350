package import NIOCore

/// The state machine of one call, from the moment a target is chosen to the moment it is settled.
///
/// It does no I/O and knows no clock: each input returns one action, and the driver performs it. Before the first byte
/// for the caller everything can still become an error with a status of its own; from then on (committed) an answer that
/// breaks ends with an error event, never with a made-up ending.
package struct CallMachine: Sendable {
    /// What the machine must know before it starts.
    package struct Plan: Sendable {
        package var operation: Operation
        package var stream: Bool
        package var options: StreamOptions
        /// What the upstream is spoken to in.
        package var lane: UpstreamLane
        package var upstreamKind: GatehouseError.UpstreamKind
        package var terminator: OpenAIByteStream.Terminator
        /// What an answer that this gateway writes itself says of itself.
        package var identity: AnswerIdentity
        /// Names of functions as the target calls them.
        package var names: NameMap
        /// How the answer is translated, where it is not a generation.
        package var translation: AnswerTranslation?
        /// Whether the answer is written here, and not passed on as it is.
        package var isTranslated: Bool { lane != .wire(operation.dialect) }
        /// Whether the items of the answer are asked for when it is whole.
        package var keepsItems = false

        package init(
            operation: Operation, stream: Bool, options: StreamOptions = StreamOptions(), lane: UpstreamLane,
            upstreamKind: GatehouseError.UpstreamKind, terminator: OpenAIByteStream.Terminator = .done,
            identity: AnswerIdentity, names: NameMap = NameMap()
        ) {
            self.operation = operation
            self.stream = stream
            self.options = options
            self.lane = lane
            self.upstreamKind = upstreamKind
            self.terminator = terminator
            self.identity = identity
            self.names = names
        }
    }

    /// What the driver has to do. After `respond`, `finish`, `fail`, `breakOff`, `sever` and `stop` the call is over: release the
    /// upstream and settle.
    package enum Action: Sendable, Equatable {
        case wait
        /// Send a whole answer with status 200 and this JSON body.
        case respond(ByteBuffer)
        /// Send the head of a stream and its first bytes: commit.
        case begin(Pieces)
        case relay(Pieces)
        /// Send the last bytes (behind the head of the stream when `begins`) and end well.
        case finish(Pieces, begins: Bool)
        /// Nothing was sent: answer with this error.
        case fail(GatehouseError)
        /// Send these bytes, then the error as the stream's last event, and end.
        case breakOff(Pieces, GatehouseError)
        /// Bytes of no format were sent, which no error can stand behind: break the connection.
        case sever(GatehouseError)
        /// The caller has gone: send nothing.
        case stop
    }

    /// How a call ended.
    package enum Outcome: Sendable, Equatable {
        case completed
        case failed(GatehouseError.Code, Failure?)
        case clientGone
    }

    /// The largest whole response taken, and the largest answer gathered from events.
    package static let maximumResponse = 32 << 20
    /// How much of an error's body is read to classify it.
    package static let maximumErrorBody = 64 << 10

    private enum State {
        case waiting
        case buffering(ByteBuffer)
        case bufferingError(UpstreamHead, ByteBuffer)
        case streaming
        /// Bytes of no format that is looked into (sound): they go through as they are.
        case passing
        case over
    }

    package let plan: Plan
    /// Whether the answer is written here; kept beside the plan, which would be copied to be asked.
    package let isTranslated: Bool
    package private(set) var outcome: Outcome?
    /// The head of the response went out: no way back.
    package private(set) var isCommitted = false
    private var state = State.waiting
    private var lane: AnswerLane
    /// What the caller is told the answer is, where it is neither JSON nor a stream of a dialect.
    package private(set) var contentType: String?

    package init(_ plan: Plan) {
        lane = AnswerLane(plan)
        isTranslated = plan.isTranslated
        self.plan = plan
    }

    /// As far as the upstream has told it.
    package var usage: Usage? { lane.usage }
    package var cost: Cost? { lane.cost }
    package var finishReason: FinishReason? { lane.reason }
    package var isOver: Bool { outcome != nil }
    /// What the vendor sealed in this answer, once it is whole.
    package var seals: [Seal] { lane.seals }
    /// The items of an answer of OpenAI's Responses that was written here, once it is whole, where the plan wants them.
    package var items: [ByteBuffer] { plan.keepsItems ? lane.items : [] }

    /// What became of a call.
    package struct Report {
        package var outcome: Outcome
        package var usage: Usage?
        package var cost: Cost?
    }

    /// What became of the call, for its record. `mutating` although nothing changes: a machine that is asked in place
    /// need not be copied, and it is large.
    package mutating func report() -> Report {
        Report(outcome: outcome ?? .clientGone, usage: usage, cost: cost)
    }

    /// What an answer that is whole leaves behind.
    package struct Heritage {
        /// What the vendor sealed.
        package var seals: [Seal]
        /// Its items, where the plan wants them, and the rest of it.
        package var items: [ByteBuffer]
        package var summary: ByteBuffer?
    }

    /// What an answer that is whole leaves for the next turn. `mutating` as above.
    package mutating func heritage() -> Heritage {
        Heritage(seals: seals, items: items, summary: plan.keepsItems ? lane.summary : nil)
    }

    /// The error as the caller's dialect ends a stream with it.
    package mutating func errorEvent(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        lane.errorEvent(error, requestID: requestID)
    }

    // MARK: Inputs of the byte lane

    /// The head of the provider's response.
    package mutating func received(head: UpstreamHead) -> Action {
        guard case .waiting = state else { return unexpected("second head") }
        lane.toldInput = head.inputTokens
        switch head.status {
        case 200..<300:
            let isEventStream = Self.isStream(head.contentType)
            if passes(head.contentType) {
                contentType = head.fullType ?? head.contentType
                if Self.isStream(head.contentType) { lane.watchEvents() }
                state = .passing
            } else if plan.stream, isEventStream {
                state = .streaming
            } else if !isEventStream, Self.isJSON(head.contentType) {
                state = .buffering(ByteBuffer())
            } else {
                return end(.init(.protocol, detail: "content type \(head.contentType.prefix(80))"))
            }
        case 300..<600:
            state = .bufferingError(head, ByteBuffer())
        default:
            return unexpected("status \(head.status)")
        }
        return .wait
    }

    /// Whether an answer of this type is none of those that are looked into: sound, subtitles, events of other surfaces.
    private func passes(_ type: String) -> Bool {
        switch plan.operation.surface {
        case .generation: false
        case .speech, .transcription, .translation: !Self.isJSON(type) && type != "text/html"
        default: Self.isStream(type)
        }
    }

    /// Server-sent events, lines of JSON (Ollama) and Amazon's event stream.
    private static func isStream(_ type: String) -> Bool {
        type == "text/event-stream" || type == "application/x-ndjson" || type == "application/vnd.amazon.eventstream"
    }

    /// Vendors' words for JSON; some send none at all.
    private static func isJSON(_ type: String) -> Bool {
        type.isEmpty || type == "application/json" || type.hasSuffix("+json") || type == "text/json"
    }

    /// A part of the provider's body.
    package mutating func received(bytes: ByteBuffer) -> Action {
        switch state {
        case .streaming: return relay(bytes)
        case .passing:
            guard let output = lane.receivePassing(bytes) else { return relay(.one(bytes)) }
            return perform(output)
        case .buffering(var body):
            state = .over
            // Looked at before it is added: growing a buffer beyond the limit would cost twice the limit.
            guard body.readableBytes + bytes.readableBytes <= Self.maximumResponse else {
                return end(.init(.outputTooLarge, detail: "response over \(Self.maximumResponse) bytes"))
            }
            if body.readableBytes == 0 { body = bytes } else { body.writeImmutableBuffer(bytes) }
            state = .buffering(body)
            return .wait
        case .bufferingError(let head, var body):
            state = .over
            let room = Self.maximumErrorBody - body.readableBytes
            if let part = bytes.getSlice(at: bytes.readerIndex, length: min(room, bytes.readableBytes)) {
                body.writeImmutableBuffer(part)
            }
            state = .bufferingError(head, body)
            guard body.readableBytes < Self.maximumErrorBody else { return receivedEnd() }
            return .wait
        case .waiting: return unexpected("body without head")
        case .over: return .wait
        }
    }

    /// The provider's body ended as its framing says.
    package mutating func receivedEnd() -> Action {
        switch state {
        case .streaming: return endOfStream()
        case .passing:
            guard let output = lane.endPassing() else { return finish(.none) }
            return perform(output)
        case .buffering(let body): return finishWhole(body)
        case .bufferingError(let head, let body):
            var failure = lane.failure(head, body)
            failure.lostAnswer = Self.isOfAProxy(head.status)
            return end(failure)
        case .waiting: return end(.init(.empty, detail: "end without head"))
        case .over: return .wait
        }
    }

    /// Statuses that a proxy in front of a provider gives when the answer behind it does not come (520 to 524 are
    /// Cloudflare's).
    private static func isOfAProxy(_ status: Int) -> Bool {
        status == 502 || status == 504 || (520...524).contains(status)
    }

    private mutating func relay(_ bytes: ByteBuffer) -> Action {
        guard let output = lane.receive(bytes) else { return unexpected("bytes from a source of events") }
        return perform(output)
    }

    private mutating func endOfStream() -> Action {
        guard let output = lane.end() else { return end(.init(.truncated, detail: "end without a last event")) }
        return perform(output)
    }

    private mutating func perform(_ output: AnswerOutput) -> Action {
        if let failure = output.failure { return end(failure, after: output.pieces) }
        return output.isDone ? finish(output.pieces) : relay(output.pieces)
    }

    private mutating func finishWhole(_ body: ByteBuffer) -> Action {
        guard body.readableBytes > 0 else { return end(.init(.empty, detail: "empty body")) }
        switch lane.whole(body) {
        case .failure(let failure): return end(failure)
        case .success(let answer):
            guard !plan.stream || plan.operation.surface != .generation else {
                return end(.init(.protocol, detail: "a whole response to a stream"))
            }
            settle(.completed)
            return .respond(answer)
        }
    }

    // MARK: Input of the event lane

    package mutating func received(event: CanonicalEvent) -> Action {
        guard !isOver else { return .wait }
        state = .streaming
        guard let output = lane.receive(event: event) else { return unexpected("event from a source of bytes") }
        guard !plan.stream else { return perform(output) }
        guard lane.gathered <= Self.maximumResponse else { return end(.init(.outputTooLarge)) }
        guard output.isDone, case .one(let body) = output.pieces else { return .wait }
        settle(.completed)
        return .respond(body)
    }

    // MARK: Inputs of both lanes

    /// The attempt failed.
    package mutating func failed(_ failure: Failure) -> Action {
        end(failure)
    }

    /// This gateway ends the call: a deadline of its own, a shutdown.
    package mutating func abort(_ error: GatehouseError) -> Action {
        guard !isOver else { return .wait }
        let isSevered = isPassingBytes
        settle(.failed(error.code, nil))
        guard isCommitted else { return .fail(error) }
        return isSevered ? .sever(error) : .breakOff(.none, error)
    }

    /// The caller has gone.
    package mutating func clientGone() -> Action {
        guard !isOver else { return .wait }
        settle(.clientGone)
        return .stop
    }

    // MARK: Transitions

    private mutating func relay(_ pieces: Pieces) -> Action {
        guard !pieces.isEmpty else { return .wait }
        if isCommitted { return .relay(pieces) }
        isCommitted = true
        return .begin(pieces)
    }

    private mutating func finish(_ pieces: Pieces) -> Action {
        guard !isOver else { return .wait }
        settle(.completed)
        let begins = !isCommitted
        isCommitted = true
        return .finish(pieces, begins: begins)
    }

    private mutating func end(_ failure: Failure, after pieces: Pieces = .none) -> Action {
        guard !isOver else { return .wait }
        let error = GatehouseError(failure, of: plan.upstreamKind)
        let isSevered = isPassingBytes
        settle(.failed(error.code, failure))
        guard isCommitted else { return .fail(error) }
        return isSevered ? .sever(error) : .breakOff(pieces, error)
    }

    /// What goes through is sound or plain text: it has no place for an error.
    private var isPassingBytes: Bool {
        if case .passing = state { !lane.watchesEvents } else { false }
    }

    private mutating func unexpected(_ what: String) -> Action {
        end(Failure(.protocol, detail: what))
    }

    private mutating func settle(_ outcome: Outcome) {
        self.outcome = outcome
        state = .over
    }
}
