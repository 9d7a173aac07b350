/// Reads how long an upstream wants to be left alone (RFC 9110 §10.2.3, and OpenAI's `retry-after-ms`).
package enum RetryAfter {
    /// The longest wait passed on, in seconds: an hour.
    package static let maximum = 3600

    /// Whole seconds, rounded up, from 1 to `maximum`; `nil` when nothing sensible is said.
    ///
    /// The date form is left out: without a trusted clock at the other end it says little.
    package static func seconds(_ value: String?, milliseconds: String? = nil) -> Int? {
        if let milliseconds, let number = Double(milliseconds), number.isFinite, number >= 0 {
            return clamp(number / 1000)
        }
        guard let value, let number = Double(value.filter { $0 != " " }), number.isFinite, number >= 0 else {
            return nil
        }
        return clamp(number)
    }

    private static func clamp(_ seconds: Double) -> Int {
        max(1, Int(min(seconds.rounded(.up), Double(maximum))))
    }
}
