/// Decides what follows an attempt that failed before the caller got a byte: the same target once more after a wait,
/// another target at once, or nothing.
///
/// It counts for one call. Whether the budget that all calls share has a try left is asked by whoever acts on it.
package struct AttemptMachine: Sendable {
    package struct Settings: Sendable, Equatable {
        /// Of one call, at all targets together.
        package var maximumAttempts = 3
        /// Further attempts at the same target.
        package var retries = 0
        package var backoff = Backoff()

        package init() {}
    }

    /// What the call does next.
    package enum Step: Sendable, Equatable {
        /// The same target once more, after a wait.
        case retry(after: Interval)
        /// Another target, at once.
        case fallback
        /// The failure stands.
        case stop
    }

    package let settings: Settings
    /// Attempts that began.
    package private(set) var attempts = 0
    private var retries = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    /// An attempt begins.
    ///
    /// - Parameter isRetry: At the target of the attempt before.
    package mutating func began(isRetry: Bool) {
        attempts += 1
        retries = isRetry ? retries + 1 : 0
    }

    /// The attempt failed, and nothing of it reached the caller.
    ///
    /// - Parameters:
    ///   - mayRepeat: The caller showed that the request may be carried out twice (`Idempotency-Key`): without it, what
    ///     may have been billed is not asked again.
    ///   - hasOther: Another target could be tried.
    ///   - left: The time that the call has left.
    package func failed(
        _ failure: Failure, mayRepeat: Bool, hasOther: Bool, left: Interval,
        using generator: inout some RandomNumberGenerator
    ) -> Step {
        guard attempts < settings.maximumAttempts, mayRepeat || !failure.maybeBilled(sent: !failure.isUnsent) else {
            return .stop
        }
        let again = failure.kind.policy.again
        if again.contains(.sameTarget), retries < settings.retries {
            let told = failure.retryAfter.map { Interval.seconds($0) }
            let wait = settings.backoff.wait(before: retries + 1, told: told, left: left, using: &generator)
            if let wait { return .retry(after: wait) }
        }
        return again.contains(.otherTarget) && hasOther ? .fallback : .stop
    }
}
