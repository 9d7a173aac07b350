import GatehouseCore
import NIOCore

/// What is made of a caller's request before anything is sent: the target's request and the machine's plan.
///
/// Within one dialect the caller's bytes go out with a few edits. Otherwise the body is read once into the canonical model
/// and written in the target's dialect.
struct CallPreparation {
    var request: UpstreamRequest
    var plan: CallMachine.Plan
    /// Fields of the caller that the target does not see.
    var dropped: [String] = []

    /// - Parameter now: Seconds since 1970, for the answer's time.
    /// - Throws: `GatehouseError` that names the field at fault, or one that the target cannot express.
    init(
        _ call: CallRequest, _ head: RequestHead, _ route: Route, seals: SealMemory, now: Int
    ) throws(GatehouseError) {
        let dialect = call.operation.dialect
        guard let lane = route.entry.upstream.lane(for: call.operation) else {
            throw GatehouseError(
                .unsupportedParameter, "\(route.entry.name) does not offer \(call.operation.path).", param: "model")
        }
        var identity = AnswerIdentity(call: Self.plainID(call.id), model: head.model, created: now)
        var names = NameMap()
        var headers: [EncodedRequest.Header] = []
        let payload: UpstreamRequest.Payload
        switch lane {
        case .wire(dialect):
            payload = .bytes(
                call.body, head.splice(model: route.model, askForUsage: route.entry.streams.takesOptions))
        case .wire(let wire):
            let document = try Self.document(call.body)
            var canonical = try Self.canonical(document, call, head, route)
            canonical.restoreSeals { seals.seal(call: $0, owner: call.principal.name) }
            var traits = TargetTraits(kind: route.entry.providerKind, model: route.model)
            traits.betas = call.betas
            let encoded = try wire.codec.encodeRequest(canonical, for: traits)
            payload = .bytes(Self.bytes(encoded.body), JSONSplice())
            headers = encoded.headers
            names = encoded.names
            dropped = encoded.dropped
            if dialect == .openAIResponses { identity.echo = ResponsesEcho.members(of: document) }
        case .events:
            let document = try Self.document(call.body)
            let canonical = try Self.canonical(document, call, head, route)
            try route.entry.validate(canonical)
            payload = .canonical(canonical)
            if dialect == .openAIResponses { identity.echo = ResponsesEcho.members(of: document) }
        }
        request = UpstreamRequest(
            id: call.id, surface: call.operation.surface, lane: lane, model: route.model, stream: head.stream,
            payload: payload, headers: headers)
        var options = StreamOptions()
        options.wantsUsage = head.wantsUsage || (dialect != .openAIChat && dialect != .openAICompletions)
        options.asArray = call.target?.asArray ?? false
        plan = CallMachine.Plan(
            operation: call.operation, stream: head.stream, options: options, lane: lane,
            upstreamKind: route.entry.kind, terminator: route.entry.streams.terminator, identity: identity, names: names
        )
    }

    private static func canonical(
        _ document: JSONValue, _ call: CallRequest, _ head: RequestHead, _ route: Route
    ) throws(GatehouseError) -> CanonicalRequest {
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

    private static func bytes(_ body: JSONValue) -> ByteBuffer {
        var writer = JSONWriter()
        writer.value(body)
        return writer.buffer
    }

    /// The call's id in characters that ids of answers may have.
    private static func plainID(_ id: String) -> String {
        String(
            decoding: id.utf8.prefix(64).map { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    byte
                default: UInt8(ascii: "-")
                }
            }, as: UTF8.self)
    }
}
