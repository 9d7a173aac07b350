import NIOCore

/// What came of some input: what to pass on, whether the answer broke behind it, or is whole.
struct AnswerOutput: Sendable {
    var pieces = Pieces.none
    var failure: Failure?
    var isDone = false
}

/// How what an upstream sends becomes what the caller gets. One of three ways, chosen when the call is dispatched:
/// - relay: both speak the same dialect, bytes go through and are watched;
/// - translate: the upstream's bytes become canonical events, and those the caller's bytes;
/// - render: the upstream gives canonical events itself.
struct AnswerLane: Sendable {
    /// What may wait for the first content, so that an error before it can have its own status.
    static let maximumHeld = 64 << 10

    /// The target's dialect; `nil` for an upstream of events.
    private let wire: Dialect?
    private let dialect: Dialect
    private let identity: AnswerIdentity
    private let names: NameMap
    private let isGeneration: Bool
    private let surface: Surface
    private let translation: AnswerTranslation?

    // One of these is there. Optionals, not an enum: they are changed in place, and an enum's payload would be copied out
    // and back for every chunk.
    private var byteStream: OpenAIByteStream?
    private var relay: StreamRelay?
    /// In a box: few answers need it, and all would carry it.
    private var eventRelay: (any PassingRelay)?
    private var decoder: (any StreamDecoder)?
    private var encoder: (any StreamEncoder)?
    private var builder: AnswerBuilder?

    /// Only where seals could be lost: between dialects.
    private var sealCollector: SealCollector?
    private var wholeSeals: [Seal] = []
    private let keepsItems: Bool
    private var wholeItems: [ByteBuffer] = []
    private var wholeSummary: ByteBuffer?
    private var events: [CanonicalEvent] = []
    private var held = ByteBuffer()
    private var hasContent = false
    private var toldUsage: Usage?
    /// Tokens of the input, as the head of the response tells them.
    var toldInput: Int?
    private(set) var cost: Cost?
    private(set) var reason: FinishReason?

    init(_ plan: CallMachine.Plan) {
        dialect = plan.operation.dialect
        identity = plan.identity
        names = plan.names
        surface = plan.operation.surface
        isGeneration = surface == .generation
        translation = plan.translation
        keepsItems = plan.keepsItems
        if case .wire(let wire) = plan.lane { self.wire = wire } else { wire = nil }
        guard isGeneration else { return }
        switch (wire, plan.stream) {
        case (dialect, true) where dialect == .openAIChat || dialect == .openAICompletions:
            byteStream = OpenAIByteStream(hideUsage: !plan.options.wantsUsage, terminator: plan.terminator)
        case (dialect, true) where !plan.options.asArray: relay = StreamRelay(dialect.codec)
        case (.some(let wire), true):
            decoder =
                wire == .openAIChat
                ? OpenAIChatStreamDecoder(terminator: plan.terminator) : wire.codec.streamDecoder()
            encoder = dialect.codec.streamEncoder(as: identity, options: plan.options)
            sealCollector = SealCollector()
        case (nil, true): encoder = dialect.codec.streamEncoder(as: identity, options: plan.options)
        case (nil, false): builder = AnswerBuilder()
        case (.some, false): break
        }
    }

    /// As far as the upstream has told it.
    var usage: Usage? { toldUsage ?? byteStream?.usage ?? relay?.usage ?? eventRelay?.usage }

    /// What the vendor sealed in this answer, once it is whole.
    var seals: [Seal] { sealCollector?.seals ?? wholeSeals }

    /// The items of an answer of OpenAI's Responses that was written here, once it is whole.
    var items: [ByteBuffer] { (encoder as? ResponsesStreamEncoder)?.items ?? wholeItems }

    /// That answer without its items, as JSON.
    var summary: ByteBuffer? { (encoder as? ResponsesStreamEncoder)?.summary ?? wholeSummary }

    /// Bytes of answers gathered from events so far.
    var gathered: Int { builder?.size ?? 0 }

    // MARK: Streams of bytes

    mutating func receive(_ bytes: ByteBuffer) -> AnswerOutput? {
        if let output = byteStream?.receive(bytes) {
            return AnswerOutput(pieces: output.pieces, failure: output.failure, isDone: byteStream?.isDone == true)
        }
        if let output = relay?.receive(bytes) {
            noteRelay()
            return output
        }
        guard decoder != nil, encoder != nil else { return nil }
        var output = AnswerOutput()
        do throws(Failure) {
            try decoder?.receive(bytes, into: &events)
        } catch {
            output.failure = error
        }
        encode(&output)
        return output
    }

    mutating func end() -> AnswerOutput? {
        if let output = byteStream?.end() {
            return AnswerOutput(pieces: output.pieces, failure: output.failure, isDone: output.failure == nil)
        }
        if let output = relay?.end() {
            noteRelay()
            return output
        }
        guard decoder != nil, encoder != nil else { return nil }
        var output = AnswerOutput()
        do throws(Failure) {
            try decoder?.end(into: &events)
        } catch {
            output.failure = error
        }
        encode(&output)
        return output
    }

    private mutating func noteRelay() {
        cost = relay?.cost ?? cost
        reason = relay?.reason ?? reason
    }

    private mutating func encode(_ output: inout AnswerOutput) {
        var buffer = ByteBuffer()
        for event in events { encode(event, &buffer, &output) }
        events.removeAll(keepingCapacity: true)
        pass(buffer, &output)
    }

    // MARK: Streams of other surfaces

    /// What passes is a stream of events, to be passed on in whole ones.
    mutating func watchEvents() { eventRelay = EventRelay() }

    var watchesEvents: Bool { eventRelay != nil }

    /// `nil` when nothing is looked into.
    mutating func receivePassing(_ bytes: ByteBuffer) -> AnswerOutput? { eventRelay?.receive(bytes) }
    mutating func endPassing() -> AnswerOutput? { eventRelay?.end() }

    // MARK: Events

    /// One event of an upstream that speaks in events.
    mutating func receive(event: CanonicalEvent) -> AnswerOutput? {
        guard wire == nil else { return nil }
        var output = AnswerOutput()
        if encoder != nil {
            var buffer = ByteBuffer()
            encode(event, &buffer, &output)
            pass(buffer, &output)
            return output
        }
        note(event)
        builder?.add(event)
        if case .finished = event, let response = builder?.response {
            output.pieces.add(write(response))
            output.isDone = true
        }
        return output
    }

    private mutating func encode(_ event: CanonicalEvent, _ buffer: inout ByteBuffer, _ output: inout AnswerOutput) {
        note(event)
        sealCollector?.add(event)
        if Self.isContent(event) { hasContent = true }
        if case .finished = event { output.isDone = true }
        let restored = names.restore(event)
        encoder?.encode(restored, to: &buffer)
    }

    /// Passes bytes on, once there is content to pass.
    private mutating func pass(_ buffer: ByteBuffer, _ output: inout AnswerOutput) {
        guard hasContent || held.readableBytes > Self.maximumHeld else {
            held.writeImmutableBuffer(buffer)
            return
        }
        if held.readableBytes > 0 {
            output.pieces.add(held)
            held = ByteBuffer()
        }
        output.pieces.add(buffer)
    }

    private mutating func note(_ event: CanonicalEvent) {
        switch event {
        case .started(let start): toldUsage = start.usage ?? toldUsage
        case .usage(let usage): toldUsage = usage
        case .finished(let finish):
            toldUsage = finish.usage ?? toldUsage
            cost = finish.cost
            reason = finish.reason
        default: break
        }
    }

    /// Whether an event is a part of the answer itself, so that there is no way back behind it.
    static func isContent(_ event: CanonicalEvent) -> Bool {
        switch event {
        case .textDelta(let text), .reasoningDelta(let text), .refusalDelta(let text): !text.isEmpty
        case .toolCallDelta, .part, .citation, .signature, .toolStarted, .finished: true
        case .started, .usage, .partEnded, .toolCallSignature, .toolCallIsCustom, .toolFinished, .file, .notice,
            .limit:
            false
        }
    }

    // MARK: Whole answers

    /// Checks a whole answer and gives what the caller gets for it.
    mutating func whole(_ body: ByteBuffer) -> Result<ByteBuffer, Failure> {
        guard isGeneration else { return wholeOther(body) }
        if wire == dialect, dialect == .openAIChat || dialect == .openAICompletions { return wholeOpenAI(body) }
        guard let wire else { return .failure(Failure(.protocol, detail: "bytes from a source of events")) }
        let document: JSONValue
        do {
            document = try JSONValue(parsing: body.readableBytesView)
        } catch {
            return .failure(Failure(.protocol, detail: "response is not JSON: \(error.kind) at \(error.offset)"))
        }
        do throws(Failure) {
            let response = try wire.codec.decodeResponse(document)
            toldUsage = response.finish.usage ?? response.start.usage
            cost = response.finish.cost
            reason = response.finish.reason
            if wire == dialect { return .success(body) }
            wholeSeals = SealCollector.seals(of: response)
            return .success(write(names.restore(response)))
        } catch {
            return .failure(error)
        }
    }

    private mutating func write(_ response: CanonicalResponse) -> ByteBuffer {
        let document = dialect.codec.encodeResponse(response, as: identity)
        if keepsItems {
            wholeItems = document["output"]?.array?.map(\.bytes) ?? []
            wholeSummary = JSONValue.object(document.members(except: ["output"])).bytes
        }
        return document.bytes
    }

    /// Embeddings, counts, pictures: translated, or passed through with their usage read.
    private mutating func wholeOther(_ body: ByteBuffer) -> Result<ByteBuffer, Failure> {
        guard let translation else {
            let bytes = body.readableBytesUInt8Span
            do {
                guard try OpenAIChunk(bytes).error == nil else {
                    return .failure(OpenAIFailure.classify(errorObject: bytes, in: bytes))
                }
                if let missing = try UsageReader.missing(bytes, of: surface) {
                    return .failure(Failure(.protocol, detail: "answer without \(missing)"))
                }
            } catch {
                return .failure(Failure(.protocol, detail: "answer is not a JSON object: \(error.kind)"))
            }
            toldUsage = UsageReader.read(body)?.tokens
            return .success(body)
        }
        do throws(Failure) {
            let (answer, usage) = try translation.translate(body, as: identity, toldInput: toldInput)
            toldUsage = usage
            return .success(answer)
        } catch {
            return .failure(error)
        }
    }

    /// The hot path: scanned, not parsed.
    private mutating func wholeOpenAI(_ body: ByteBuffer) -> Result<ByteBuffer, Failure> {
        let bytes = body.readableBytesUInt8Span
        let chunk: OpenAIChunk
        do {
            chunk = try OpenAIChunk(bytes)
        } catch {
            return .failure(
                Failure(.protocol, detail: "response is not a JSON object: \(error.kind) at \(error.offset)"))
        }
        if chunk.error != nil { return .failure(OpenAIFailure.classify(errorObject: bytes, in: bytes)) }
        guard let choices = chunk.choices, choices > 0 else { return .failure(Failure(.empty, detail: "no choices")) }
        toldUsage = chunk.usage
        return .success(body)
    }

    // MARK: Errors

    /// The error as the caller's dialect ends a stream with it.
    mutating func errorEvent(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        if encoder != nil {
            encoder?.fail(error, requestID: requestID, to: &buffer)
        } else {
            var encoder =
                relay?.failureEncoder(as: identity)
                ?? dialect.codec.streamEncoder(as: identity, options: StreamOptions())
            encoder.fail(error, requestID: requestID, to: &buffer)
        }
        return buffer
    }

    /// The failure of a response with an error status.
    func failure(_ head: UpstreamHead, _ body: ByteBuffer) -> Failure {
        (wire ?? dialect).codec.failure(head, body: body)
    }
}
