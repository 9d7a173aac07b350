/// What a gateway may ask of upstreams beyond the first attempts of its calls: retries, fallbacks and hedges alike.
///
/// An account, not a window: each first attempt pays in a share of a try, each further attempt takes a whole one, and
/// no more than `capacity` is kept, so what calm hours paid in does not become a storm. In any stretch of time with `n`
/// first attempts, the further ones are at most `share · n + capacity + time / refill`. By the usual settings that is
/// below a tenth of `n` in ten minutes with a thousand calls or more, whatever their pattern.
package struct RetryBudget: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Thousandths of a try that a first attempt pays in. Less than the tenth promised: the rest of the tenth covers
        /// what an idle gateway has.
        package var share = 85
        /// Tries kept at most.
        package var capacity = 8
        /// In this time one try comes by itself, so that a gateway with few calls can retry at all.
        package var refill = Interval.seconds(100)

        package init() {}
    }

    package let settings: Settings
    /// In thousandths of a try.
    private var balance: Int
    private var refilled: Instant

    package init(_ settings: Settings = Settings(), now: Instant) {
        self.settings = settings
        balance = Self.full(settings)
        refilled = now
    }

    /// The first attempt of a call begins. One that is refused before it reaches an upstream does not count.
    package mutating func firstAttempt(now: Instant) {
        refill(now)
        balance = min(Self.full(settings), balance + min(max(settings.share, 0), 1000))
    }

    /// Takes one try for a retry, a fallback or a hedge. `false`: there is none, and the failure stands.
    package mutating func take(now: Instant) -> Bool {
        refill(now)
        guard balance >= 1000 else { return false }
        balance -= 1000
        return true
    }

    /// Puts a try back that was taken and not used: the wait before it ended otherwise.
    package mutating func putBack() {
        balance = min(Self.full(settings), balance + 1000)
    }

    /// Whole tries that could be made now.
    package mutating func remaining(now: Instant) -> Int {
        refill(now)
        return balance / 1000
    }

    private mutating func refill(_ now: Instant) {
        // A clock that does not move, or not forward, adds nothing.
        let thousandth = max(1, settings.refill.nanoseconds / 1000)
        let count = (now - refilled).nanoseconds / thousandth
        guard count > 0 else { return }
        let room = Self.full(settings) - balance
        if count >= Int64(room) {
            // What is full takes in nothing: the time behind it is spent too.
            balance = Self.full(settings)
            refilled = now
        } else {
            balance += Int(count)
            refilled = refilled + Interval(nanoseconds: count * thousandth)
        }
    }

    private static func full(_ settings: Settings) -> Int {
        min(max(settings.capacity, 0), 1_000_000) * 1000
    }
}
