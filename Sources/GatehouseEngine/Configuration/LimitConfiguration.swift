package import GatehouseCore

/// How fast something may be used. Keys below `keys[].rateLimit`, and of an item of `limits`.
package struct RateLimitConfiguration: Sendable, Equatable {
    package var requests: Rate?
    package var tokens: Rate?
    package var uploads: Rate?
    /// Calls at the same time.
    package var concurrency: Int?
    /// Requests that may come at once; `nil`: as many as `requests` counts.
    package var burst: Int?

    package init() {}

    package var limits: RateLimits {
        RateLimits(
            requests: requests.map { $0.bucket(burst) }, tokens: tokens.map { $0.bucket(nil) },
            uploads: uploads.map { $0.bucket(nil) }, concurrency: concurrency)
    }
}

/// A limit for each subject of a kind whose name fits a pattern. An item of `limits`.
package struct LimitConfiguration: Sendable, Equatable {
    package var subject: RateLimits.Subject
    package var pattern: String
    package var rates = RateLimitConfiguration()

    package init(_ subject: RateLimits.Subject, _ pattern: String) {
        self.subject = subject
        self.pattern = pattern
    }

    package var rule: RateLimitRule { RateLimitRule(subject, ModelPattern(pattern), rates.limits) }
}

extension Rate {
    fileprivate func bucket(_ capacity: Int?) -> TokenBucket.Settings {
        TokenBucket.Settings(count: count, period: Interval(period), capacity: capacity)
    }
}

extension ConfigurationReader {
    func read(_ section: ConfigurationSection, into rates: inout RateLimitConfiguration) {
        section.read("requests", .rate, into: &rates.requests)
        section.read("tokens", .rate, into: &rates.tokens)
        section.read("uploads", .rate, into: &rates.uploads)
        section.read("concurrency", .integer(1...1_000_000), into: &rates.concurrency)
        section.read("burst", .integer(1...1_000_000_000), into: &rates.burst)
        if rates.burst != nil, rates.requests == nil, !section.has("requests") {
            section.report("burst", "means nothing without requests; set both")
        }
    }

    func limit(_ section: ConfigurationSection) -> LimitConfiguration {
        var found: [LimitConfiguration] = []
        for subject in RateLimits.Subject.allCases {
            var pattern: String?
            section.read(subject.rawValue, .model, into: &pattern)
            if let pattern { found.append(LimitConfiguration(subject, pattern)) }
        }
        let names = RateLimits.Subject.allCases.map(\.rawValue)
        let made = names.filter { section.has($0) }
        if made.count != 1 {
            section.report(
                made.dropFirst().first ?? names[0], "one of \(names.joined(separator: ", ")) must be set, not more")
        }
        var limit = found.first ?? LimitConfiguration(.key, "*")
        read(section, into: &limit.rates)
        if limit.pattern.dropLast().contains("*") {
            section.report(limit.subject.rawValue, "\"\(limit.pattern)\" holds a '*' that is not at its end")
        }
        let hasRate = ["requests", "tokens", "uploads", "concurrency"].contains { section.has($0) }
        if !hasRate { section.report("requests", "is missing; a limit needs requests, tokens, uploads or concurrency") }
        return limit
    }
}
