import GatehouseCore

/// Classifies failures by what agents write in error fields and error lines.
///
/// It must never see the text of an answer: answers are full of these words.
enum FailureText {
    /// The class of an error message; `nil` when it fits none.
    static func classify(_ message: String, clock: WallClock) -> Failure? {
        let text = message.lowercased()
        guard
            let kind = rules.first(where: { rule in rule.words.contains { text.contains($0) } })?.kind
                ?? statusInText(text).flatMap({ kind(ofStatus: $0) })
        else { return nil }
        let retryAfter = ResetTime.seconds(in: message, clock: clock)
        return Failure(adjusted(kind, retryAfter: retryAfter), detail: message.bounded, retryAfter: retryAfter)
    }

    /// The class of an error message, or `fallback`.
    static func classify(_ message: String, clock: WallClock, fallback: Failure.Kind) -> Failure {
        classify(message, clock: clock) ?? Failure(fallback, detail: message.bounded)
    }

    /// The class of an error that came with an HTTP status. A text that tells more is heard first.
    static func classify(status: Int, message: String, clock: WallClock) -> Failure {
        let byStatus = kind(ofStatus: status) ?? .failed
        let byText = classify(message, clock: clock)
        let kind: Failure.Kind
        switch (byStatus, byText?.kind) {
        case (.rate, .quota?), (.input, .contextLength?), (.input, .modelUnknown?): kind = byText?.kind ?? byStatus
        default: kind = byStatus
        }
        return Failure(kind, detail: "status \(status): \(message)".bounded, retryAfter: byText?.retryAfter)
    }

    static func kind(ofStatus status: Int) -> Failure.Kind? {
        switch status {
        case 401, 403: .auth
        case 402: .quota
        case 404: .modelUnknown
        case 408, 504: .timeout(.own)
        case 413: .contextLength
        case 429: .rate
        case 503, 529: .capacity
        case 400..<500: .input
        case 500..<600: .upstream
        default: nil
        }
    }

    /// The lines of standard error that tell an error, in order, without what is drawn on a terminal.
    static func errorLines(_ stderr: String) -> [String] {
        let lines = stderr.utf8.split(separator: 0x0A).suffix(200).map { line in
            String(decoding: TerminalText.strip(line), as: UTF8.self)
        }
        let telling = lines.filter { line in
            let text = line.lowercased()
            return marks.contains { text.hasPrefix($0) } || text.contains("error:") || text.contains("[error]")
        }
        return telling.isEmpty ? Array(lines.suffix(3)) : telling
    }

    private static let marks = ["error", "fatal", "agy_error", "gatehouse-supervisor:", "please set an auth"]

    /// A window of less than five minutes is a matter of pace, not of a purse.
    private static func adjusted(_ kind: Failure.Kind, retryAfter: Int?) -> Failure.Kind {
        guard kind == .quota, let retryAfter, retryAfter <= 300 else { return kind }
        return .rate
    }

    private struct Rule: Sendable {
        var kind: Failure.Kind
        var words: [String]
    }

    /// In order: what is said first decides.
    private static let rules: [Rule] = [
        Rule(
            kind: .contextLength,
            words: ["prompt is too long", "context length", "context window", "maximum context", "input is too long"]
        ),
        Rule(
            kind: .quota,
            words: [
                "usage limit", "hit your limit", "limit reached", "quota exceeded", "exceeded your current quota",
                "quota reached", "quota exhausted", "insufficient_quota", "terminalquotaerror", "billing",
                "credit balance", "out of credits", "purchase more credits", "upgrade your subscription",
                "exhausted your capacity", "payment required", "premium requests",
            ]
        ),
        Rule(
            kind: .modelUnknown,
            words: [
                "unknown model", "model not found", "model_not_found", "modelnotfound", "invalid model",
                "no such model", "model does not exist", "issue with the selected model", "is not a known model",
            ]
        ),
        Rule(
            kind: .rate,
            words: [
                "rate limit", "rate_limit", "ratelimit", "too many requests", "retryablequotaerror",
                "resource_exhausted",
            ]
        ),
        Rule(
            kind: .capacity,
            words: [
                "overloaded", "no capacity", "capacity_exhausted", "at capacity", "service unavailable", "unavailable",
            ]
        ),
        Rule(
            kind: .auth,
            words: [
                "not logged in", "please run /login", "api key", "api_key", "authentication", "unauthorized",
                "unauthenticated", "unauthorised", "login required", "set an auth method", "sign in", "log in",
                "oauth", "permission denied for api", "no key found", "invalid bearer",
            ]
        ),
        Rule(
            kind: .unreachable,
            words: [
                "connection error", "connection refused", "econnrefused", "econnreset", "enotfound", "fetch failed",
                "network error", "could not resolve", "stream disconnected",
            ]
        ),
        Rule(kind: .timeout(.own), words: ["timed out", "timeout", "deadline exceeded"]),
    ]

    /// A three-digit HTTP status that stands alone after a word such as "status" or "code".
    private static func statusInText(_ text: String) -> Int? {
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        for (word, next) in zip(words, words.dropFirst()) where ["status", "code", "error", "http"].contains(word) {
            if next.utf8.count == 3, let status = Int(next), (400..<600).contains(status) { return status }
        }
        return nil
    }
}
