import NIOCore

/// Classifies what Bedrock says when it fails: by the exception's name where it is told, else by status and by words of
/// the message that name a class. The message itself goes nowhere.
enum BedrockFailure {
    /// The failure of an answer with an error status. The exception's name stands in a header that is not seen here,
    /// and in some bodies.
    static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        let retryAfter = RetryAfter.seconds(head.retryAfter, milliseconds: head.retryAfterMilliseconds)
        let value = body.readableBytes <= 1 << 20 ? try? JSONValue(parsing: body.readableBytesView) : nil
        let facts = Facts(value ?? .null)
        let kind = facts.kind ?? kind(status: head.status, facts)
        return Failure(kind, detail: "status \(head.status) type=\(facts.name)", retryAfter: retryAfter)
    }

    /// The failure of an exception in a stream, or of one that stands in a body with status 200.
    static func exception(_ name: String, _ body: JSONValue) -> Failure {
        var facts = Facts(body)
        facts.name = Facts.known(name)
        let status = body["originalStatusCode"]?.int
        var kind = facts.kind ?? .upstream
        if kind == .upstream, let status, (400..<600).contains(status) { kind = self.kind(status: status, facts) }
        return Failure(kind, detail: "exception \(facts.name) status=\(status ?? 0)")
    }

    /// What a body says that should have been an answer; `nil` when it is no error.
    static func inBody(_ body: JSONValue) -> Failure? {
        let name = body["__type"]?.string ?? body["Output"]?["__type"]?.string
        return name.map { exception($0, body) }
    }

    private static func kind(status: Int, _ facts: Facts) -> Failure.Kind {
        switch status {
        case 300..<400: .protocol
        case 401, 403: .auth
        case 402: .quota
        case 404: .modelUnknown
        case 408, 504: .timeout(.own)
        case 424: .upstream
        case 429: facts.isQuota ? .quota : facts.isCapacity ? .capacity : .rate
        case 503, 529: .capacity
        case 400..<500: facts.inputKind
        default: .upstream
        }
    }
}

/// What can be relied on in an error body.
private struct Facts {
    /// One of the exceptions that AWS documents, in lower case; else empty.
    var name: String
    private let message: String

    init(_ body: JSONValue) {
        let type = body["__type"]?.string ?? body["Output"]?["__type"]?.string ?? body["code"]?.string ?? ""
        name = Self.known(type)
        message = String((body["message"]?.string ?? body["Message"]?.string ?? "").prefix(4096)).lowercased()
    }

    /// `com.amazon.coral.service#ThrottlingException:http://...` is `throttlingexception`.
    static func known(_ type: String) -> String {
        let bare = type.prefix(256).split(separator: "#").last?.prefix { $0 != ":" }.lowercased() ?? ""
        return kinds[bare] != nil || bare == "validationexception" ? bare : ""
    }

    private static let kinds: [String: Failure.Kind] = [
        "accessdeniedexception": .auth, "unrecognizedclientexception": .auth, "expiredtokenexception": .auth,
        "expiredtoken": .auth, "invalidsignatureexception": .auth, "missingauthenticationtokenexception": .auth,
        "invalidclienttokenid": .auth, "incompletesignatureexception": .auth, "signaturedoesnotmatch": .auth,
        "optinrequired": .auth, "notauthorized": .auth,
        "throttlingexception": .rate, "toomanyrequestsexception": .rate, "throttledexception": .rate,
        "servicequotaexceededexception": .quota, "resourcenotfoundexception": .modelUnknown,
        "modeltimeoutexception": .timeout(.own), "modelnotreadyexception": .capacity,
        "serviceunavailableexception": .capacity, "serviceunavailable": .capacity,
        "modelerrorexception": .upstream, "modelstreamerrorexception": .upstream,
        "internalserverexception": .upstream, "internalfailure": .upstream, "internalservererror": .upstream,
        "unknownoperationexception": .protocol,
    ]

    var kind: Failure.Kind? {
        switch kinds[name] {
        case .rate: isQuota ? .quota : .rate
        case let found?: found
        case nil: name == "validationexception" ? inputKind : nil
        }
    }

    private var kinds: [String: Failure.Kind] { Self.kinds }

    private func says(_ words: String...) -> Bool { words.contains { message.contains($0) } }

    /// Daily and monthly limits do not pass in seconds.
    var isQuota: Bool { says("per day", "daily", "per month", "monthly") }
    var isCapacity: Bool { says("not ready", "model is currently loading") }

    /// A request at fault: which fault.
    var inputKind: Failure.Kind {
        if says(
            "input is too long", "prompt is too long", "maximum context length", "context window",
            "too many input tokens", "input tokens exceed", "exceeds the maximum number of tokens",
            "exceed context limit", "exceeds the context")
        {
            return .contextLength
        }
        if says(
            "model identifier is invalid", "on-demand throughput", "end of its life",
            "could not resolve the foundation",
            "model is not supported", "inference profile")
        {
            return .modelUnknown
        }
        if says("security token", "signature") { return .auth }
        return .input
    }
}
