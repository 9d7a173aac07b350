import GatehouseCore
import NIOCore

/// What is left of a caller's limits, as its own clients read it: by Anthropic's names on Anthropic's routes, by OpenAI's
/// elsewhere.
enum RateLimitHeaders {
    static func write(_ status: RateLimitStatus, _ dialect: Dialect, now: Int, to writer: inout TextWriter) {
        let isAnthropic = dialect == .anthropic
        for (count, name) in [(status.requests, "requests"), (status.tokens, "tokens")] {
            guard let count else { continue }
            if isAnthropic {
                field("anthropic-ratelimit-\(name)-limit", "\(count.limit)", to: &writer)
                field("anthropic-ratelimit-\(name)-remaining", "\(count.remaining)", to: &writer)
                let seconds = count.reset == .zero ? 0 : count.reset.retryAfter
                field("anthropic-ratelimit-\(name)-reset", HTTPDate.rfc3339(now + seconds), to: &writer)
            } else {
                field("x-ratelimit-limit-\(name)", "\(count.limit)", to: &writer)
                field("x-ratelimit-remaining-\(name)", "\(count.remaining)", to: &writer)
                field("x-ratelimit-reset-\(name)", duration(count.reset), to: &writer)
            }
        }
    }

    private static func field(_ name: String, _ value: String, to writer: inout TextWriter) {
        writer.literal("\r\n")
        writer.text(name)
        writer.literal(": ")
        writer.text(value)
    }

    /// As OpenAI writes it: `120ms`, `6s`, `1m30s`, `2h0m0s`; never shorter than it is.
    static func duration(_ interval: Interval) -> String {
        let milliseconds = (max(0, interval.nanoseconds) / 1_000_000) + (interval.nanoseconds % 1_000_000 > 0 ? 1 : 0)
        guard milliseconds >= 1000 else { return milliseconds == 0 ? "0s" : "\(milliseconds)ms" }
        let seconds = (milliseconds + 999) / 1000
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        if hours > 0 { return "\(hours)h\(minutes)m\(seconds % 60)s" }
        return minutes > 0 ? "\(minutes)m\(seconds % 60)s" : "\(seconds)s"
    }
}

extension FrontDoor {
    /// Whom limits take for the caller: whoever is at the other end of the connection.
    func callerAddress(_ channel: any Channel) -> String? { channel.remoteAddress?.ipAddress }
}
