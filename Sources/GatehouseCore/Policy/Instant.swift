/// A moment of a monotonic clock that its caller reads. Arithmetic saturates, so that no clock can trap this gateway.
package struct Instant: Sendable, Hashable, Comparable {
    /// Since a beginning that means nothing by itself.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let distantPast = Instant(nanoseconds: .min)
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (left: Instant, right: Interval) -> Instant {
        Instant(nanoseconds: Interval.add(left.nanoseconds, right.nanoseconds))
    }

    package static func - (left: Instant, right: Interval) -> Instant {
        Instant(nanoseconds: Interval.subtract(left.nanoseconds, right.nanoseconds))
    }

    package static func - (left: Instant, right: Instant) -> Interval {
        Interval(nanoseconds: Interval.subtract(left.nanoseconds, right.nanoseconds))
    }
}

/// A length of time. Arithmetic saturates.
package struct Interval: Sendable, Hashable, Comparable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let zero = Interval(nanoseconds: 0)

    package static func milliseconds(_ count: Int) -> Interval { Interval(nanoseconds: 1_000_000) * count }
    package static func seconds(_ count: Int) -> Interval { Interval(nanoseconds: 1_000_000_000) * count }

    /// For estimates; never for comparing moments.
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }

    /// Whole seconds for a `Retry-After`, rounded up, at least one.
    package var retryAfter: Int {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return max(1, Int(clamping: rest > 0 ? whole + 1 : whole))
    }

    /// Any length from nothing to this one, each as likely; nothing when this is negative.
    package func drawn(using generator: inout some RandomNumberGenerator) -> Interval {
        Interval(nanoseconds: Int64(generator.next(upperBound: UInt64(max(0, nanoseconds)) + 1)))
    }

    package static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: add(left.nanoseconds, right.nanoseconds))
    }

    package static func - (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: subtract(left.nanoseconds, right.nanoseconds))
    }

    package static func * (left: Interval, right: Int) -> Interval {
        let (product, overflow) = left.nanoseconds.multipliedReportingOverflow(by: Int64(clamping: right))
        guard overflow else { return Interval(nanoseconds: product) }
        return Interval(nanoseconds: (left.nanoseconds < 0) == (right < 0) ? .max : .min)
    }

    fileprivate static func add(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? (right < 0 ? .min : .max) : sum
    }

    fileprivate static func subtract(_ left: Int64, _ right: Int64) -> Int64 {
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? (right < 0 ? .max : .min) : difference
    }
}
