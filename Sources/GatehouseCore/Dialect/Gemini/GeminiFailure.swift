package import NIOCore

/// Classifies what Google says when it fails (AIP-193: `{"error": {code, message, status, details}}`).
///
/// The message is looked at and goes no further: a failure carries only words of Google's closed lists and paths of
/// fields.
package enum GeminiFailure {
    /// The failure of a response with an error status. `body` may be cut or not JSON at all.
    package static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        let limits = JSONLimits(values: 20_000, isLenient: true)
        let document = try? JSONValue(parsing: body.readableBytesView, limits: limits)
        let facts = GeminiErrorFacts(document.flatMap(error) ?? .null)
        let kind = kind(head.status, facts)
        let wait = RetryAfter.seconds(head.retryAfter, milliseconds: head.retryAfterMilliseconds) ?? facts.retryDelay
        return Failure(
            kind, detail: "status \(head.status) \(facts.words)", retryAfter: wait, hint: facts.hint(kind))
    }

    /// The failure of an error object inside a 200, or in a stream; `nil` when there is none.
    static func inside(_ body: JSONValue) -> Failure? {
        guard let error = error(body) else { return nil }
        let facts = GeminiErrorFacts(error)
        let kind = kind(facts.code ?? 0, facts)
        return Failure(
            kind, detail: "error in a 200 \(facts.words)", retryAfter: facts.retryDelay, hint: facts.hint(kind))
    }

    /// The error object; streams that are arrays wrap it once more.
    private static func error(_ body: JSONValue) -> JSONValue? {
        let error = body["error"] ?? body[0]?["error"]
        return error?.isNull == true ? nil : error
    }

    private static func kind(_ status: Int, _ facts: GeminiErrorFacts) -> Failure.Kind {
        if facts.isBadKey { return .auth }
        if facts.isTooLong { return .contextLength }
        return switch status {
        case 300..<400: .protocol
        case 400 where facts.isPlace: .auth
        case 401: .auth
        case 402: .quota
        case 403: facts.isAboutResource ? .input : .auth
        case 404: facts.isAboutResource ? .input : .modelUnknown
        case 408, 504: .timeout(.own)
        case 429: facts.isQuota ? .quota : .rate
        case 503, 529: .capacity
        case 400..<500 where status != 499: .input
        default: named(facts)
        }
    }

    /// By the status word, where no number tells.
    private static func named(_ facts: GeminiErrorFacts) -> Failure.Kind {
        switch facts.status {
        case "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE": .input
        case "UNAUTHENTICATED", "PERMISSION_DENIED": .auth
        case "NOT_FOUND": .modelUnknown
        case "RESOURCE_EXHAUSTED": facts.isQuota ? .quota : .rate
        case "UNAVAILABLE": .capacity
        case "DEADLINE_EXCEEDED": .timeout(.own)
        default: .upstream
        }
    }
}

/// What can be relied on in an error object.
struct GeminiErrorFacts {
    let code: Int?
    /// Google's status word (`RESOURCE_EXHAUSTED`); empty when there is none.
    let status: String
    /// `ErrorInfo.reason` (`API_KEY_INVALID`).
    let reason: String
    /// Seconds that `RetryInfo` asks for.
    let retryDelay: Int?
    private let field: String
    private let quotas: [String]
    private let message: String

    init(_ error: JSONValue) {
        let details = (error["details"]?.array ?? []).prefix(32)
        func all(_ type: String) -> [JSONValue] {
            details.filter { $0["@type"]?.string == "type.googleapis.com/google.rpc.\(type)" }
        }
        code = error["code"]?.int
        status = Self.word(error["status"]?.string)
        reason = Self.word(all("ErrorInfo").first?["reason"]?.string)
        retryDelay = all("RetryInfo").first?["retryDelay"]?.string.flatMap(Self.seconds)
        quotas = all("QuotaFailure").flatMap { $0["violations"]?.array ?? [] }.prefix(32).map { violation in
            (violation["quotaId"]?.string ?? "") + " " + (violation["quotaMetric"]?.string ?? "")
        }
        message = String((error["message"]?.string ?? error.string ?? "").prefix(2000))
        let violation = all("BadRequest").first?["fieldViolations"]?[0]?["field"]?.string
        field = Self.word(violation ?? Self.quotedPath(message))
    }

    var words: String { "status=\(status) reason=\(reason) field=\(field)" }

    /// A wrong key is told with status 400.
    var isBadKey: Bool {
        reason.hasPrefix("API_KEY_") || reason == "SERVICE_DISABLED" || reason == "CONSUMER_INVALID"
            || reason == "ACCESS_TOKEN_EXPIRED" || reason == "CREDENTIALS_MISSING"
            || message.hasPrefix("API key not valid") || message.hasPrefix("API key expired")
    }

    var isTooLong: Bool {
        message.contains("token count") && message.contains("exceeds the maximum number of tokens")
    }

    /// This gateway's place or account may not use the service: no fault of the caller's.
    var isPlace: Bool {
        status == "FAILED_PRECONDITION" && (message.contains("location") || message.contains("billing"))
    }

    /// A cached content or a file that the request names, not the model.
    var isAboutResource: Bool {
        message.contains("CachedContent") || message.contains("cachedContents/") || message.contains("the File ")
            || message.contains("files/")
    }

    /// A day's or the account's allowance, as against a minute's.
    var isQuota: Bool {
        quotas.contains { $0.contains("PerDay") || $0.contains("per_day") } || reason == "BILLING_DISABLED"
    }

    func hint(_ kind: Failure.Kind) -> String? {
        guard kind == .input || kind == .contextLength, !field.isEmpty else { return nil }
        return "field \(field)"
    }

    /// A text that is an identifier or a path of a field, else nothing: free text could hold anything.
    private static func word(_ text: String?) -> String {
        guard let text, text.utf8.count <= 128 else { return "" }
        let isWord = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "["),
                UInt8(ascii: "]"):
                true
            default: false
            }
        }
        return isWord ? text : ""
    }

    /// `Invalid value at 'contents[0].role' ...` names the field between the first quotes behind `at`.
    private static func quotedPath(_ message: String) -> String? {
        let pieces = message.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        return pieces.count == 3 && pieces[0].hasSuffix(" at ") ? String(pieces[1]) : nil
    }

    /// A protobuf duration (`34.074824224s`) in whole seconds, rounded up.
    private static func seconds(_ text: String) -> Int? {
        text.hasSuffix("s") ? RetryAfter.seconds(String(text.dropLast())) : nil
    }
}
