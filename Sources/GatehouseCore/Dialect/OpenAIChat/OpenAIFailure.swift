/// Classifies what providers of the OpenAI family say when they fail.
package enum OpenAIFailure {
    /// The failure of a response with an error status.
    ///
    /// - Parameters:
    ///   - body: What came of the body; its text goes no further than words of a closed vocabulary.
    package static func classify(_ head: UpstreamHead, body: Span<UInt8>) -> Failure {
        let facts = Facts(body)
        let retryAfter = RetryAfter.seconds(head.retryAfter, milliseconds: head.retryAfterMilliseconds)
        let kind: Failure.Kind =
            switch head.status {
            case 300..<400: .protocol
            case 401, 403: .auth
            case 402: .quota
            case 404: .modelUnknown
            case 408, 504: .timeout(.own)
            case 413: facts.isRate ? .rate : facts.kind ?? .input
            case 429: facts.isQuota ? .quota : .rate
            case 498, 503, 529: .capacity
            case 400..<500: facts.kind ?? .input
            default: .upstream
            }
        return Failure(
            kind, detail: "status \(head.status) \(facts.words)", retryAfter: retryAfter, hint: facts.hint(kind))
    }

    /// Whether an answer or an event is an error: `{"error": …}`, or vLLM's `{"object": "error"}`.
    static func isError(_ value: JSONValue) -> Bool {
        if let error = value["error"], !error.isNull { return true }
        return value["object"]?.string == "error"
    }

    /// The failure of an error object inside a 200.
    package static func classify(errorObject bytes: Span<UInt8>, in object: Span<UInt8>) -> Failure {
        let facts = Facts(object)
        if let status = facts.status, (400..<600).contains(status) {
            return classify(UpstreamHead(status: status, contentType: ""), body: object)
        }
        let kind = facts.kind ?? (facts.isQuota ? .quota : facts.isRate ? .rate : .upstream)
        return Failure(kind, detail: "error in a 200 \(facts.words)", hint: facts.hint(kind))
    }
}

/// The words of an error body that can be relied on.
private struct Facts {
    var code = ""
    var type = ""
    var param = ""
    var status: Int?
    /// The message says that the prompt is too long. Its text is looked at and not kept.
    var saysTooLong = false

    init(_ bytes: Span<UInt8>) {
        guard UTF8Check.firstInvalid(bytes) == nil, var object = try? JSONObjectReader(bytes, at: 0) else { return }
        while let key = try? object.nextKey(bytes) {
            let at = object.index
            let isError = JSONObjectReader.isKey(key, "error", bytes)
            guard let value = try? object.skipValue(bytes) else { return }
            if isError, value.kind == .object { read(bytes, at: at) }
        }
        if code.isEmpty, type.isEmpty { read(bytes, at: 0) }
    }

    private mutating func read(_ bytes: Span<UInt8>, at start: Int) {
        guard var object = try? JSONObjectReader(bytes, at: start, depth: 1) else { return }
        while let key = try? object.nextKey(bytes) {
            guard let value = try? object.skipValue(bytes) else { return }
            func named(_ name: StaticString) -> Bool { JSONObjectReader.isKey(key, name, bytes) }
            if value.kind == .string {
                var index = value.range.lowerBound
                guard let range = try? JSONScanner.skipString(bytes, &index) else { continue }
                let text = JSONScanner.string(bytes, range)
                if named("message") { saysTooLong = Self.saysTooLong(text) }
                let word = Self.word(text)
                if named("code") { code = word }
                if named("type") { type = word }
                if named("param") { param = word }
            } else if value.kind == .number, named("code") || named("status_code") || named("status") {
                status = JSONScanner.integer(bytes, value.range)
            }
        }
    }

    /// Open servers have no code for it, only OpenAI's old words.
    private static func saysTooLong(_ text: String) -> Bool {
        let text = text.lowercased()
        return text.contains("maximum context length") || text.contains("context window")
            || text.contains("exceeds the available context size")
    }

    /// A text that is an identifier, else nothing: free text could hold anything.
    private static func word(_ text: String) -> String {
        let isWord =
            text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
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

    var words: String { "code=\(code) type=\(type) param=\(param)" }
    var isQuota: Bool {
        ["insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"].contains(code)
            || type == "insufficient_quota"
    }
    var isRate: Bool { code == "rate_limit_exceeded" || type == "rate_limit_error" || type == "rate_limit_exceeded" }

    var kind: Failure.Kind? {
        switch code {
        case "context_length_exceeded", "context_window_exceeded", "string_above_max_length": .contextLength
        case "model_not_found", "model_not_available", "DeploymentNotFound": .modelUnknown
        case "invalid_api_key", "wrong_api_key": .auth
        case "tool_use_failed": .input
        default: kindOfType
        }
    }

    private var kindOfType: Failure.Kind? {
        if saysTooLong { return .contextLength }
        return switch type {
        case "invalid_model": .modelUnknown
        case "exceed_context_size_error": .contextLength
        case "overloaded_error": .capacity
        case "authentication_error": .auth
        case "invalid_request_error": .input
        default: nil
        }
    }

    /// The codes OpenAI documents for requests at fault; anything else stays here.
    private static let publicCodes: Set<String> = [
        "context_length_exceeded", "invalid_type", "invalid_value", "missing_required_parameter", "unknown_parameter",
        "unsupported_parameter", "unsupported_value", "invalid_image_url", "content_policy_violation", "content_filter",
        "string_above_max_length", "integer_below_min_value", "integer_above_max_value", "decimal_above_max_value",
        "invalid_function_parameters", "tool_use_failed", "json_validate_failed", "array_above_max_length",
    ]

    func hint(_ kind: Failure.Kind) -> String? {
        guard kind == .input || kind == .contextLength else { return nil }
        let known = Self.publicCodes.contains(code) ? code : ""
        let field = param.isEmpty || param == "null" ? "" : "field \(param)"
        let text = [known, field].filter { !$0.isEmpty }.joined(separator: ", ")
        return text.isEmpty ? nil : text
    }
}
