/// A key's own limits as JSON: `{"requests": "60/min", "tokens": "100000/min", "concurrency": 4}`.
enum RateLimitDocument {
    private static let periods: [(word: String, seconds: Int)] = [("s", 1), ("min", 60), ("h", 3600), ("day", 86_400)]
    private static let mostCalls = 1_000_000
    private static let most = 1_000_000_000

    static func value(_ limits: RateLimits) -> JSONValue {
        let burst = limits.requests.flatMap { $0.capacity == $0.count ? nil : $0.capacity }
        return .object([
            "requests": limits.requests.map(rate), "tokens": limits.tokens.map(rate),
            "uploads": limits.uploads.map(rate), "concurrency": limits.concurrency.map { .int($0) },
            "burst": burst.map { .int($0) },
        ])
    }

    private static func rate(_ settings: TokenBucket.Settings) -> JSONValue {
        let seconds = Int(settings.period.nanoseconds / 1_000_000_000)
        let word = periods.first { $0.seconds == seconds }?.word ?? "s"
        return .string("\(settings.count)/\(word)")
    }

    /// `nil` where nothing is limited.
    ///
    /// - Throws: `invalid_value` or `unknown_parameter` with the field's name.
    static func read(_ fields: JSONFields) throws(GatehouseError) -> RateLimits? {
        var fields = fields
        let burst = try fields.int("burst", in: 1...most)
        let requests = try rate(&fields, "requests", burst)
        if burst != nil, requests == nil { throw fields.invalid("burst", "means nothing without requests") }
        let limits = RateLimits(
            requests: requests, tokens: try rate(&fields, "tokens", nil), uploads: try rate(&fields, "uploads", nil),
            concurrency: try fields.int("concurrency", in: 1...mostCalls))
        if let unknown = fields.rest.first(where: { !$0.value.isNull }) {
            let path = fields.path(String(unknown.key.prefix(64)))
            throw GatehouseError(
                .unknownParameter,
                "There is no field \(path); requests, tokens, uploads, concurrency and burst are known.", param: path)
        }
        return limits.isEmpty ? nil : limits
    }

    private static func rate(
        _ fields: inout JSONFields, _ key: String, _ capacity: Int?
    ) throws(GatehouseError) -> TokenBucket.Settings? {
        guard let text = try fields.string(key) else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(parts[0]),
            (1...most).contains(count), let period = periods.first(where: { $0.word == parts[1] })
        else { throw fields.invalid(key, "must be a rate such as 10/s, 60/min, 1000/h or 5000/day") }
        return TokenBucket.Settings(count: count, period: .seconds(period.seconds), capacity: capacity)
    }
}
