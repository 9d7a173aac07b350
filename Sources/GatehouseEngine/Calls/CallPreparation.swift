import GatehouseCore
import NIOCore

/// What is made of a caller's request before anything is sent: the target's request and the machine's plan.
///
/// Within one dialect the caller's bytes go out with a few edits. Otherwise the body is read once into the canonical model
/// and written in the target's dialect.
struct CallPreparation {
    var request: UpstreamRequest
    private(set) var plan: CallMachine.Plan
    /// Fields of the caller that the target does not see.
    private(set) var dropped: [String] = []
    /// What was said up to the answer, where this gateway keeps the conversation.
    private(set) var said: ByteBuffer?

    /// What there was before the call.
    struct Past {
        /// What earlier calls left behind.
        let memory: CallMemory
        /// The conversation that the request goes on from, where this gateway kept it.
        let previous: [JSONValue]?
        /// What was said before in the session that it is a turn of.
        let session: [Message]
        /// The files that it names; `nil` where none were looked for.
        let files: [String: GivenFile]?

        init(
            _ memory: CallMemory, previous: [JSONValue]? = nil, session: [Message] = [],
            files: [String: GivenFile]? = nil
        ) {
            self.memory = memory
            self.previous = previous
            self.session = session
            self.files = files
        }

        /// The caller's bytes are the whole request.
        var isEmpty: Bool { previous == nil && session.isEmpty && files?.isEmpty ?? true }
    }

    /// - Parameters:
    ///   - features: What the operator says that the target has.
    ///   - now: Seconds since 1970, for the answer's time.
    /// - Throws: `GatehouseError` that names the field at fault, or one that the target cannot express.
    init(
        _ call: CallRequest, _ head: CallHead, _ route: Route, _ past: Past, features: Features? = nil, now: Int
    ) throws(GatehouseError) {
        let operation = call.operation
        guard let lane = route.entry.upstream.lane(for: operation) else {
            throw GatehouseError(
                .unsupportedParameter, "\(route.entry.name) does not offer \(operation.path).", param: "model")
        }
        var options = StreamOptions()
        options.wantsUsage = head.wantsUsage || (operation != .chatCompletions && operation != .completions)
        options.asArray = call.target?.asArray ?? false
        plan = CallMachine.Plan(
            operation: operation, stream: head.stream, options: options, lane: lane, upstreamKind: route.entry.kind,
            terminator: route.entry.habits.terminator,
            identity: AnswerIdentity(call: Self.plainID(call.answerID ?? call.id), model: head.model, created: now))
        // Set below; the body as it came stands for it until then.
        request = UpstreamRequest(
            id: call.id, surface: operation.surface, lane: lane, model: route.model, stream: head.stream,
            payload: .bytes(call.body, JSONSplice()))
        request.tenant = call.principal.name
        request.session = call.session
        switch lane {
        // Gemini's two methods of embedding have two paths: the one for several inputs serves both. And a history that
        // holds another vendor's seals must lose them.
        case .wire(operation.dialect)
        where operation != .embedContent && !head.isNested && past.isEmpty && !ForeignSeals.mayBe(in: call):
            request.payload = .bytes(
                call.body, head.splice(model: route.model, habits: route.entry.habits.requests))
            request.contentType = call.contentType
            takeBetas(of: call, route)
        case .wire(let wire):
            if operation.surface == .generation {
                var canonical = try canonical(call, head, route, past, features)
                canonical.restoreSeals { past.memory.seals.seal(call: $0, owner: call.principal.name) }
                // Told to a caller that did not ask only where its dialect always does; counted in any case.
                canonical.wantsUsage = true
                take(try wire.codec.encodeRequest(canonical, for: Self.traits(call, route)))
            } else {
                let (encoded, answer) = try RequestTranslation.encode(
                    try Self.document(call.body), operation, wire: wire, for: Self.traits(call, route))
                plan.translation = answer
                take(encoded)
            }
            if wire != .anthropic, wire != .bedrock { dropBetas(of: call) }
        case .events:
            let canonical = try canonical(call, head, route, past, features)
            try route.entry.validate(canonical)
            dropBetas(of: call)
            dropped += try PlainTarget.dropped(canonical, understood: route.entry.understood)
            request.payload = .canonical(canonical)
        }
    }

    private static func traits(_ call: CallRequest, _ route: Route) -> TargetTraits {
        var traits = TargetTraits(kind: route.entry.providerKind, model: route.model)
        // In other dialects the header is no word of the caller's.
        traits.betas = call.operation.dialect == .anthropic ? call.betas : []
        return traits
    }

    /// Anthropic's features in their own dialect: a platform gets those that it knows.
    private mutating func takeBetas(of call: CallRequest, _ route: Route) {
        guard call.operation.dialect == .anthropic, !call.betas.isEmpty else { return }
        let (kept, left) = AnthropicBetas.filter(call.betas, kind: route.entry.providerKind)
        if !kept.isEmpty { request.headers = [.init(AnthropicBetas.header, kept.joined(separator: ","))] }
        if !left.isEmpty { dropped.append(AnthropicBetas.header) }
    }

    /// Other vendors know none of them.
    private mutating func dropBetas(of call: CallRequest) {
        if call.operation.dialect == .anthropic, !call.betas.isEmpty { dropped.append(AnthropicBetas.header) }
    }

    private mutating func take(_ encoded: EncodedRequest) {
        request.payload = .bytes(encoded.body.bytes, JSONSplice())
        request.headers = encoded.headers
        plan.names = encoded.names
        dropped = encoded.dropped
    }

    private mutating func canonical(
        _ call: CallRequest, _ head: CallHead, _ route: Route, _ past: Past, _ features: Features?
    ) throws(GatehouseError) -> CanonicalRequest {
        var document = try Self.document(call.body)
        let isResponses = call.operation == .responses
        if isResponses {
            plan.identity.echo = ResponsesEcho.members(of: document)
            if let previous = past.previous { document = try ResponsesHistory.join(previous, into: document) }
        }
        var request = try call.operation.dialect.codec.decodeRequest(document)
        request.model = route.model
        request.stream = head.stream
        if !past.session.isEmpty {
            request.goOn(from: past.session)
            // What is kept under the answer's own id begins where the session does.
            if isResponses { document = try ResponsesCodec.encodeRequest(request, for: Self.traits(call, route)).body }
        }
        if isResponses, plan.lane != .wire(.openAIResponses) {
            try keep(&request, document, atMost: past.memory.conversations.maximumSize)
        }
        try placeFiles(past, into: &request, route, features)
        return request
    }

    private mutating func placeFiles(
        _ past: Past, into request: inout CanonicalRequest, _ route: Route, _ features: Features?
    ) throws(GatehouseError) {
        guard past.memory.files != nil, !request.fileIDs.isEmpty else { return }
        guard let files = past.files else {
            // Its name was spelled so that nobody looked for it.
            throw FileLoader.unknown
        }
        if route.entry.upstream.takesFiles {
            self.request.files = files
            return CallFiles.placeMissing(files, in: &request)
        }
        CallFiles.place(
            files, into: &request, takesDocuments: CallFiles.takesDocuments(route, features),
            mark: String(UInt32.random(in: .min ... .max), radix: 36))
    }

    /// The target keeps no conversations: this gateway does, unless the caller does not want it or it is too large.
    private mutating func keep(
        _ request: inout CanonicalRequest, _ document: JSONValue, atMost limit: Int
    ) throws(GatehouseError) {
        guard request.previousResponse == nil else {
            throw GatehouseError(
                .previousResponseNotFound, "There is no such response here, or no more. Send the whole conversation.",
                param: "previous_response_id")
        }
        if request.store != false, limit > 0 {
            let said = try ResponsesHistory.said(in: document)
            if said.readableBytes < limit { self.said = said }
        }
        request.store = nil
        plan.keepsItems = said != nil
        plan.identity.echo.removeAll { $0.key == "store" }
        plan.identity.echo.append(.init("store", .bool(said != nil)))
    }

    private static func document(_ body: ByteBuffer) throws(GatehouseError) -> JSONValue {
        do {
            return try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw GatehouseError(
                error.kind == .tooDeep ? .jsonTooDeep : .invalidJSON, "The body cannot be read as JSON.")
        }
    }

    /// The call's id in characters that ids of answers may have. This gateway's own ids are.
    private static func plainID(_ id: String) -> String {
        if id.utf8.count <= 64, id.isOfBytes(isPlain) { return id }
        return String(decoding: id.utf8.prefix(64).map { isPlain($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// The head of a call's body: of JSON, or of a form with a sound file. A class: it is looked at many times and never
/// changed, and a copy of all it holds would be made for each look.
final class CallHead {
    let model: String
    let stream: Bool
    let wantsUsage: Bool
    let isNested: Bool
    /// The id of the answer that the request goes on from.
    let previousResponse: String?
    /// The session that the body names.
    var session: String? { json?.session }
    /// The body names files by a member of its own.
    var namesFiles: Bool { json?.namesFiles ?? false }
    /// The session that the prompt is a turn of.
    var continued: String? { json?.isPrompt == true ? json?.session : nil }
    /// The call is to go on without its caller.
    var isBackground: Bool { json?.isBackground ?? false }
    /// The most tokens that the caller wants written, where it says so.
    var maxTokens: Int? { json?.maxTokens }
    private let json: RequestHead?
    private let form: MultipartHead?

    /// - Throws: `GatehouseError` that names the field at fault.
    init(_ call: CallRequest) throws(GatehouseError) {
        guard let type = call.contentType else {
            let head = try RequestHead(scanning: call.body, operation: call.operation, target: call.target)
            (model, stream, wantsUsage) = (head.model, head.stream, head.wantsUsage)
            (isNested, previousResponse) = (head.isNested, head.previousResponse)
            (json, form) = (head, nil)
            return
        }
        let form = try MultipartScanner.head(
            of: call.body, boundary: MultipartBoundary(contentType: type), wanted: ["model", "stream"])
        guard let model = try form.model() else {
            throw GatehouseError(.missingField, "The field model is missing.", param: "model")
        }
        guard form.names.contains("file") else {
            throw GatehouseError(.missingField, "The field file is missing.", param: "file")
        }
        (self.model, stream, wantsUsage) = (model, form.value("stream") == "true", true)
        (isNested, previousResponse) = (false, nil)
        (json, self.form) = (nil, form)
    }

    /// The edits that turn the caller's body into the target's.
    func splice(model: String, habits: RequestHabits) -> JSONSplice {
        json?.splice(model: model, habits: habits) ?? form?.splice(model: model) ?? JSONSplice()
    }
}
