/// A bucket that fills at a steady rate up to its capacity, and that calls take from.
///
/// Exact: it counts parts of a token of which every nanosecond adds a whole number, so that nothing is rounded away however
/// often it is asked. In any stretch of time no more is let through than `capacity + count · time / period`.
package struct TokenBucket: Sendable, Equatable {
    package struct Settings: Sendable, Hashable {
        /// Tokens that flow in during `period`.
        package let count: Int
        package let period: Interval
        /// The most that it holds, and so what may be taken at once.
        package let capacity: Int

        /// - Parameter capacity: `nil`: what flows in during one period.
        package init(count: Int, period: Interval, capacity: Int? = nil) {
            self.count = min(max(1, count), Self.most)
            self.period = Interval(nanoseconds: max(1, period.nanoseconds))
            self.capacity = min(max(1, capacity ?? count), Self.most)
        }

        /// So that nothing overflows.
        private static let most = 1_000_000_000_000
    }

    package private(set) var settings: Settings
    /// In parts; a token has as many as the period has nanoseconds. Below zero where more was used than was taken.
    private var level: Int128
    private var moment: Instant

    /// A full one.
    package init(_ settings: Settings, now: Instant) {
        self.settings = settings
        level = Self.parts(of: settings.capacity, settings)
        moment = now
    }

    /// Whether `tokens` can be taken. More than the bucket holds can be taken when it is full: it owes the rest then.
    package mutating func has(_ tokens: Int, now: Instant) -> Bool {
        refill(now)
        return level >= need(tokens)
    }

    /// Takes tokens, be they there or not.
    package mutating func take(_ tokens: Int, now: Instant) {
        refill(now)
        change(by: -Self.parts(of: max(0, tokens), settings))
    }

    /// It turns out that `used` were used where `taken` had been taken.
    package mutating func correct(taken: Int, used: Int, now: Instant) {
        refill(now)
        change(by: Self.parts(of: max(0, taken), settings) - Self.parts(of: max(0, used), settings))
    }

    /// How long it takes until `tokens` can be taken, if nobody else takes any.
    package mutating func wait(for tokens: Int, now: Instant) -> Interval {
        refill(now)
        return time(for: need(tokens) - level)
    }

    /// Whole tokens that are there.
    package mutating func remaining(now: Instant) -> Int {
        refill(now)
        return level <= 0 ? 0 : Int(clamping: level / Int128(settings.period.nanoseconds))
    }

    /// How long it takes until it is full, if nobody takes any.
    package mutating func untilFull(now: Instant) -> Interval {
        refill(now)
        return time(for: full - level)
    }

    /// From now on other settings hold. What was taken before stays taken.
    package mutating func change(to other: Settings, now: Instant) {
        guard other != settings else { return }
        refill(now)
        let (missing, old) = (full - level, Int128(settings.period.nanoseconds))
        settings = other
        // Rounded up: a change must not give anything away.
        level = full
        change(
            by: -((missing / old) * Int128(other.period.nanoseconds))
                - (missing % old == 0 ? 0 : Int128(other.period.nanoseconds)))
    }

    // MARK: Parts

    private var full: Int128 { Self.parts(of: settings.capacity, settings) }

    private func need(_ tokens: Int) -> Int128 {
        Self.parts(of: min(max(0, tokens), settings.capacity), settings)
    }

    private static func parts(of tokens: Int, _ settings: Settings) -> Int128 {
        Int128(tokens) * Int128(settings.period.nanoseconds)
    }

    /// A debt beyond all use, so that no sum overflows.
    private static let lowest = -(Int128(1) << 120)

    private mutating func change(by parts: Int128) {
        level = max(Self.lowest, min(full, level + parts))
    }

    private func time(for parts: Int128) -> Interval {
        guard parts > 0 else { return .zero }
        let (whole, rest) = parts.quotientAndRemainder(dividingBy: Int128(settings.count))
        return Interval(nanoseconds: Int64(clamping: rest == 0 ? whole : whole + 1))
    }

    /// A clock that does not move, or not forward, adds nothing.
    private mutating func refill(_ now: Instant) {
        guard now > moment else { return }
        let elapsed = Int128(now.nanoseconds) - Int128(moment.nanoseconds)
        moment = now
        guard level < full else { return }
        level = min(full, level + elapsed * Int128(settings.count))
    }
}
