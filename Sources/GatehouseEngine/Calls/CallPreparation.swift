import GatehouseCore
import NIOCore

/// What is made of a caller's request before anything is sent: the target's request and the machine's plan.
///
/// Within one dialect the caller's bytes go out with a few edits. Otherwise the body is read once into the canonical model
/// and written in the target's dialect.
struct CallPreparation {
    private(set) var request: UpstreamRequest
    private(set) var plan: CallMachine.Plan
    /// Fields of the caller that the target does not see.
    private(set) var dropped: [String] = []

    /// - Parameters:
    ///   - seals: What earlier answers were sealed with.
    ///   - now: Seconds since 1970, for the answer's time.
    /// - Throws: `GatehouseError` that names the field at fault, or one that the target cannot express.
    init(
        _ call: CallRequest, _ head: CallHead, _ route: Route, seals: SealMemory, now: Int
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
            terminator: route.entry.streams.terminator,
            identity: AnswerIdentity(call: Self.plainID(call.id), model: head.model, created: now))
        // Set below; the body as it came stands for it until then.
        request = UpstreamRequest(
            id: call.id, surface: operation.surface, lane: lane, model: route.model, stream: head.stream,
            payload: .bytes(call.body, JSONSplice()))
        switch lane {
        // Gemini's two methods of embedding have two paths: the one for several inputs serves both. And a history that
        // holds another vendor's seals must lose them.
        case .wire(operation.dialect) where operation != .embedContent && !ForeignSeals.mayBe(in: call):
            request.payload = .bytes(
                call.body, head.splice(model: route.model, asking: route.entry.streams.takesOptions ? .always : .never))
            request.contentType = call.contentType
            request.headers = call.betas.isEmpty ? [] : [.init("anthropic-beta", call.betas.joined(separator: ","))]
        case .wire(let wire): try translate(call, head, route, into: wire, seals)
        case .events:
            let canonical = try canonical(call, head, route)
            try route.entry.validate(canonical)
            request.payload = .canonical(canonical)
        }
    }

    private mutating func translate(
        _ call: CallRequest, _ head: CallHead, _ route: Route, into wire: Dialect, _ seals: SealMemory
    ) throws(GatehouseError) {
        var traits = TargetTraits(kind: route.entry.providerKind, model: route.model)
        traits.betas = call.betas
        let encoded: EncodedRequest
        if call.operation.surface == .generation {
            var canonical = try canonical(call, head, route)
            canonical.restoreSeals { seals.seal(call: $0, owner: call.principal.name) }
            // Told to a caller that did not ask only where its dialect always does; counted in any case.
            canonical.wantsUsage = true
            encoded = try wire.codec.encodeRequest(canonical, for: traits)
        } else {
            let (body, answer) = try RequestTranslation.encode(
                try Self.document(call.body), call.operation, wire: wire, for: traits)
            encoded = body
            plan.translation = answer
        }
        request.payload = .bytes(encoded.body.bytes, JSONSplice())
        request.headers = encoded.headers
        plan.names = encoded.names
        dropped = encoded.dropped
    }

    private mutating func canonical(
        _ call: CallRequest, _ head: CallHead, _ route: Route
    ) throws(GatehouseError) -> CanonicalRequest {
        let document = try Self.document(call.body)
        if call.operation == .responses { plan.identity.echo = ResponsesEcho.members(of: document) }
        var request = try call.operation.dialect.codec.decodeRequest(document)
        request.model = route.model
        request.stream = head.stream
        return request
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
        if id.utf8.count <= 64, id.utf8.allSatisfy(isPlain) { return id }
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

/// The head of a call's body: of JSON, or of a form with a sound file.
enum CallHead {
    case json(RequestHead)
    case form(model: String, MultipartHead)

    /// - Throws: `GatehouseError` that names the field at fault.
    init(_ call: CallRequest) throws(GatehouseError) {
        guard let type = call.contentType else {
            self = .json(
                try RequestHead(scanning: call.body, operation: call.operation, target: call.target))
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
        self = .form(model: model, form)
    }

    var model: String {
        switch self {
        case .json(let head): head.model
        case .form(let model, _): model
        }
    }

    var stream: Bool {
        switch self {
        case .json(let head): head.stream
        case .form(_, let form): form.value("stream") == "true"
        }
    }

    var wantsUsage: Bool {
        if case .json(let head) = self { head.wantsUsage } else { true }
    }

    func splice(model: String, asking: RequestHead.UsageAsking) -> JSONSplice {
        switch self {
        case .json(let head): head.splice(model: model, asking: asking)
        case .form(_, let form): form.splice(model: model)
        }
    }
}
