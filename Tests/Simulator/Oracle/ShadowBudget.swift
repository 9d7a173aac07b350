import GatehouseCore

/// What the budget of further attempts holds at least: as if it paid for each when it begins.
///
/// The gateway pays when it decides, which is not later. Whoever pays earlier has room for more of what comes in, so that
/// the gateway can never have less than this, unless a try was lost.
struct ShadowBudget {
    private let settings = RetryBudget.Settings()
    /// In thousandths of a try; below nothing where the gateway had more.
    private var balance: Int
    private var refilled: Instant

    init(now: Instant) {
        balance = settings.capacity * 1000
        refilled = now
    }

    mutating func firstAttempt(now: Instant) {
        refill(now)
        balance = min(settings.capacity * 1000, balance + settings.share)
    }

    mutating func furtherAttempt(now: Instant) {
        refill(now)
        balance -= 1000
    }

    /// Whole tries.
    mutating func remaining(now: Instant) -> Int {
        refill(now)
        return balance / 1000
    }

    private mutating func refill(_ now: Instant) {
        let thousandth = settings.refill.nanoseconds / 1000
        let count = (now - refilled).nanoseconds / thousandth
        balance = min(settings.capacity * 1000, balance + Int(count))
        refilled = balance == settings.capacity * 1000 ? now : refilled + Interval(nanoseconds: count * thousandth)
    }
}
