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
        /// The caller asked for the usage of a stream.
        package var wantsUsage: Bool
        package var lane: UpstreamLane
        package var upstreamKind: GatehouseError.UpstreamKind
        package var terminator: OpenAIByteStream.Terminator
        /// What an answer that this gateway writes itself says of itself.
        package var identity: Identity

        package init(
            operation: Operation, stream: Bool, wantsUsage: Bool, lane: UpstreamLane,
            upstreamKind: GatehouseError.UpstreamKind, terminator: OpenAIByteStream.Terminator = .done,
            identity: Identity
        ) {
            self.operation = operation
            self.stream = stream
            self.wantsUsage = wantsUsage
            self.lane = lane
            self.upstreamKind = upstreamKind
            self.terminator = terminator
            self.identity = identity
        }
    }

    /// The id, model and time of an answer.
    package struct Identity: Sendable {
        /// The call's id; the answer's is made from it.
        package var call: String
        /// The model's name as the caller wrote it.
        package var model: String
        /// Seconds since 1970.
        package var created: Int

        package init(call: String, model: String, created: Int) {
            self.call = call
            self.model = model
            self.created = created
        }
    }

    /// What the driver has to do. After `respond`, `finish`, `fail`, `breakOff` and `stop` the call is over: release the
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
        case over
    }

    package let plan: Plan
    /// As far as the upstream has told it.
    package var usage: Usage? { toldUsage ?? byteStream?.usage }
    private var toldUsage: Usage?
    package private(set) var cost: Cost?
    package private(set) var finishReason: FinishReason?
    package private(set) var outcome: Outcome?
    /// The head of the response went out: no way back.
    package private(set) var isCommitted = false
    private var state = State.waiting
    /// What the answer is made with: one of the three. Optionals, not an enum, because they are changed in place: an
    /// enum's payload would be copied out and back for every chunk.
    private var byteStream: OpenAIByteStream?
    private var streamEncoder: OpenAIStreamEncoder?
    private var answer: OpenAIAnswer?

    package init(_ plan: Plan) {
        self.plan = plan
        switch (plan.lane, plan.stream) {
        case (.openAIBytes, _):
            byteStream = OpenAIByteStream(hideUsage: !plan.wantsUsage, terminator: plan.terminator)
        case (.events, true):
            streamEncoder = OpenAIStreamEncoder(
                id: Self.answerID(plan), model: plan.identity.model, created: plan.identity.created,
                operation: plan.operation, wantsUsage: plan.wantsUsage)
        case (.events, false): answer = OpenAIAnswer(operation: plan.operation)
        }
    }

    package var isOver: Bool { outcome != nil }

    private static func answerID(_ plan: Plan) -> String {
        (plan.operation == .chatCompletions ? "chatcmpl-" : "cmpl-") + plan.identity.call
    }

    // MARK: Inputs of the byte lane

    /// The head of the provider's response.
    package mutating func received(head: UpstreamHead) -> Action {
        guard case .waiting = state else { return unexpected("second head") }
        switch head.status {
        case 200..<300:
            let isEventStream = head.contentType == "text/event-stream"
            if plan.stream, isEventStream {
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

    /// Vendors' words for JSON; some send none at all.
    private static func isJSON(_ type: String) -> Bool {
        type.isEmpty || type == "application/json" || type.hasSuffix("+json") || type == "text/json"
    }

    /// A part of the provider's body.
    package mutating func received(bytes: ByteBuffer) -> Action {
        switch state {
        case .streaming: return relay(bytes)
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
        case .buffering(let body): return finishWhole(body)
        case .bufferingError(let head, let body):
            return end(OpenAIFailure.classify(head, body: body.readableBytesUInt8Span))
        case .waiting: return end(.init(.empty, detail: "end without head"))
        case .over: return .wait
        }
    }

    private mutating func relay(_ bytes: ByteBuffer) -> Action {
        guard let output = byteStream?.receive(bytes) else { return unexpected("bytes from a source of events") }
        if let failure = output.failure { return end(failure, after: output.pieces) }
        return byteStream?.isDone == true ? finish(output.pieces) : relay(output.pieces)
    }

    private mutating func endOfStream() -> Action {
        guard let output = byteStream?.end() else {
            return end(.init(.truncated, detail: "end without a last event"))
        }
        if let failure = output.failure { return end(failure, after: output.pieces) }
        return finish(output.pieces)
    }

    private mutating func finishWhole(_ body: ByteBuffer) -> Action {
        guard body.readableBytes > 0 else { return end(.init(.empty, detail: "empty body")) }
        let chunk: OpenAIChunk
        do {
            chunk = try OpenAIChunk(body.readableBytesUInt8Span)
        } catch {
            return end(.init(.protocol, detail: "response is not a JSON object: \(error.kind) at \(error.offset)"))
        }
        if chunk.error != nil {
            return end(
                OpenAIFailure.classify(errorObject: body.readableBytesUInt8Span, in: body.readableBytesUInt8Span))
        }
        guard !plan.stream else { return end(.init(.protocol, detail: "a whole response to a stream")) }
        guard let choices = chunk.choices, choices > 0 else { return end(.init(.empty, detail: "no choices")) }
        toldUsage = chunk.usage
        settle(.completed)
        return .respond(body)
    }

    // MARK: Input of the event lane

    package mutating func received(event: CanonicalEvent) -> Action {
        guard !isOver else { return .wait }
        state = .streaming
        if case .finished(let finish) = event {
            toldUsage = finish.usage
            cost = finish.cost
            finishReason = finish.reason
        }
        if streamEncoder != nil {
            var buffer = ByteBuffer()
            streamEncoder?.encode(event, to: &buffer)
            return relay(event, buffer)
        }
        guard answer != nil else { return unexpected("event from a source of bytes") }
        answer?.add(event)
        return gather(event)
    }

    private mutating func relay(_ event: CanonicalEvent, _ buffer: ByteBuffer) -> Action {
        let pieces: Pieces = buffer.readableBytes > 0 ? .one(buffer) : .none
        switch event {
        case .finished: return finish(pieces)
        // The agent may still turn out to be logged out: the role can wait for the first words.
        case .started: return hold(buffer)
        default: return relay(pieces)
        }
    }

    private var held = ByteBuffer()

    private mutating func hold(_ buffer: ByteBuffer) -> Action {
        guard !isCommitted else { return relay(.one(buffer)) }
        held.writeImmutableBuffer(buffer)
        return .wait
    }

    private mutating func gather(_ event: CanonicalEvent) -> Action {
        guard let answer, answer.size <= Self.maximumResponse else { return end(.init(.outputTooLarge)) }
        guard case .finished(let finish) = event else { return .wait }
        settle(.completed)
        return .respond(
            answer.body(
                id: Self.answerID(plan), model: plan.identity.model, created: plan.identity.created, finish: finish))
    }

    // MARK: Inputs of both lanes

    /// The attempt failed.
    package mutating func failed(_ failure: Failure) -> Action {
        end(failure)
    }

    /// This gateway ends the call: a deadline of its own, a shutdown.
    package mutating func abort(_ error: GatehouseError) -> Action {
        guard !isOver else { return .wait }
        settle(.failed(error.code, nil))
        return isCommitted ? .breakOff(.none, error) : .fail(error)
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
        return .begin(withHeld(pieces))
    }

    private mutating func finish(_ pieces: Pieces) -> Action {
        guard !isOver else { return .wait }
        settle(.completed)
        let begins = !isCommitted
        isCommitted = true
        return .finish(begins ? withHeld(pieces) : pieces, begins: begins)
    }

    private mutating func withHeld(_ pieces: Pieces) -> Pieces {
        guard held.readableBytes > 0 else { return pieces }
        var all = Pieces.one(held)
        held = ByteBuffer()
        switch pieces {
        case .none: break
        case .one(let piece): all.add(piece)
        case .many(let list): for piece in list { all.add(piece) }
        }
        return all
    }

    private mutating func end(_ failure: Failure, after pieces: Pieces = .none) -> Action {
        guard !isOver else { return .wait }
        let error = GatehouseError(failure, of: plan.upstreamKind)
        settle(.failed(error.code, failure))
        guard isCommitted else { return .fail(error) }
        return .breakOff(pieces, error)
    }

    private mutating func unexpected(_ what: String) -> Action {
        end(Failure(.protocol, detail: what))
    }

    private mutating func settle(_ outcome: Outcome) {
        self.outcome = outcome
        state = .over
    }
}
