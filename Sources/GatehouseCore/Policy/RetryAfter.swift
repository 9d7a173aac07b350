/// Reads how long an upstream wants to be left alone (RFC 9110 §10.2.3, and OpenAI's `retry-after-ms`).
package enum RetryAfter {
    /// The longest wait passed on, in seconds: an hour.
    package static let maximum = 3600

    /// Whole seconds, rounded up, from 1 to `maximum`; `nil` when nothing sensible is said.
    ///
    /// - Parameter now: The wall clock in seconds since 1970, to read a date by; without it a date says nothing. A date
    ///   of the past means a second: the clocks differ, or the wait is over.
    package static func seconds(_ value: String?, milliseconds: String? = nil, now: Int64? = nil) -> Int? {
        if let milliseconds, let number = Double(milliseconds), number.isFinite, number >= 0 {
            return clamp(number / 1000)
        }
        guard let value else { return nil }
        if let number = Double(value.filter { $0 != " " }) {
            return number.isFinite && number >= 0 ? clamp(number) : nil
        }
        guard let now, let date = HTTPDateParser.seconds(value, now: now) else { return nil }
        return clamp(Double(date) - Double(now))
    }

    private static func clamp(_ seconds: Double) -> Int {
        max(1, Int(min(seconds.rounded(.up), Double(maximum))))
    }
}
