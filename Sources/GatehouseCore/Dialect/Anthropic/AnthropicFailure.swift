package import NIOCore

/// Classifies what Anthropic says when it fails.
///
/// Source: https://platform.claude.com/docs/en/api/errors
package enum AnthropicFailure {
    /// The failure of an answer with an error status.
    package static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        let limits = JSONLimits(values: 10_000, isLenient: true)
        let facts = Facts((try? JSONValue(parsing: body.readableBytesView, limits: limits)) ?? .null)
        let kind: Failure.Kind =
            switch head.status {
            case 300..<400: .protocol
            case 401, 403: .auth
            case 402: .quota
            case 404: .modelUnknown
            case 408, 504: .timeout(.own)
            case 429: facts.isSpent ? .quota : .rate
            case 503, 529: .capacity
            case 400..<500: facts.isSpent ? .quota : facts.isTooLong ? .contextLength : .input
            default: facts.type == "overloaded_error" ? .capacity : .upstream
            }
        return Failure(
            kind, detail: "status \(head.status) \(facts.words)",
            retryAfter: RetryAfter.seconds(head.retryAfter, milliseconds: head.retryAfterMilliseconds),
            hint: facts.hint(kind))
    }

    /// The failure of an error object in an answer with status 200, whole or streamed.
    package static func classify(event: JSONValue) -> Failure {
        let facts = Facts(event)
        let kind: Failure.Kind =
            switch facts.type {
            case "overloaded_error": .capacity
            case "rate_limit_error": facts.isSpent ? .quota : .rate
            case "billing_error": .quota
            case "authentication_error", "permission_error": .auth
            case "not_found_error": .modelUnknown
            case "timeout_error": .timeout(.own)
            case "request_too_large": .input
            case "invalid_request_error": facts.isSpent ? .quota : facts.isTooLong ? .contextLength : .input
            default: .upstream
            }
        return Failure(kind, detail: "error in a 200 \(facts.words)", hint: facts.hint(kind))
    }
}

/// The words of an error body that can be relied on. Its message is looked at, never passed on.
private struct Facts {
    /// One of the documented types; empty for anything else.
    var type = ""
    var isTooLong = false
    /// A limit of money is reached, not one of speed.
    var isSpent = false
    private var field: String?

    private static let types: Set<String> = [
        "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
        "conflict_error", "request_too_large", "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
    ]

    /// What a message about a field of the request begins with.
    private static let fields: Set<String> = [
        "messages", "system", "tools", "tool_choice", "model", "max_tokens", "temperature", "top_p", "top_k",
        "stop_sequences", "thinking", "output_config", "output_format", "metadata", "mcp_servers", "container",
        "context_management", "service_tier", "stream",
    ]

    init(_ body: JSONValue) {
        let error = body["error"] ?? body
        if let type = error["type"]?.string, Self.types.contains(type) { self.type = type }
        isSpent = error["details"]?["error_code"]?.string == "enforced_spend_limit_reached"
        guard let message = (error["message"] ?? body["message"])?.string?.prefix(4_096) else { return }
        func says(_ words: String) -> Bool { message.contains(words) }
        isTooLong =
            says("prompt is too long") || says("exceed context limit") || says("exceeds the context window")
            || says("Input is too long")
        isSpent = isSpent || says("credit balance is too low") || says("specified API usage limits")
        let path = message.prefix { $0 != ":" && $0 != " " }
        let isPath = path.utf8.count <= 80 && path.utf8.allSatisfy(Self.isPathByte) && path.count < message.count
        if isPath, let first = path.split(separator: ".").first, Self.fields.contains(String(first)) {
            field = String(path)
        }
    }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    var words: String { "type=\(type) field=\(field ?? "")" }

    func hint(_ kind: Failure.Kind) -> String? {
        guard kind == .input else { return nil }
        if type == "request_too_large" { return type }
        return field.map { "field \($0)" }
    }
}
