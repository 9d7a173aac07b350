/// How long to wait before the same target is tried again: exponential, with full jitter, so that calls that failed
/// together do not come back together.
package struct Backoff: Sendable, Equatable {
    /// The longest wait before the first retry; each further one may be twice as long.
    package var base = Interval.milliseconds(250)
    package var cap = Interval.seconds(8)
    /// The longest wait that an upstream may ask of a caller; beyond it another target serves, or none.
    package var longestTold = Interval.seconds(10)

    package init() {}

    /// The wait, or `nil` when waiting makes no sense.
    ///
    /// - Parameters:
    ///   - retry: 1 for the first retry of a target.
    ///   - told: What the upstream asked for (`Retry-After`); it is never tried earlier.
    ///   - left: The time that the call has left. A wait that takes all of it is none.
    package func wait(
        before retry: Int, told: Interval? = nil, left: Interval, using generator: inout some RandomNumberGenerator
    ) -> Interval? {
        let wait: Interval
        if let told, told > .zero {
            guard told <= longestTold else { return nil }
            // Everybody was told the same: spread what comes after.
            wait = told + base.drawn(using: &generator)
        } else {
            wait = window(before: retry).drawn(using: &generator)
        }
        return wait < left ? wait : nil
    }

    private func window(before retry: Int) -> Interval {
        min(cap, base * (1 << min(max(retry - 1, 0), 30)))
    }
}
