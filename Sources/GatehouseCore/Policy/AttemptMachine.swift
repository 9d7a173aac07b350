/// Decides what follows an attempt that failed before the caller got a byte: another key of the same target at once, the
/// same target once more after a wait, another target at once, or nothing.
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
        /// The same target with another key, at once.
        case otherKey
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

    /// How an attempt came about.
    package enum Beginning: Sendable, Equatable {
        /// The first of the call, or the first at another target.
        case fresh
        /// At the target of the attempt before, after a wait.
        case retry
        /// At the target of the attempt before, with another key.
        case otherKey
        /// Beside one that has not answered yet.
        case hedge
    }

    /// An attempt begins.
    package mutating func began(_ beginning: Beginning) {
        attempts += 1
        switch beginning {
        case .fresh: retries = 0
        case .retry: retries += 1
        case .otherKey, .hedge: break
        }
    }

    /// Whether one more attempt may run beside the one that has not answered.
    package var mayHedge: Bool { attempts > 0 && attempts < settings.maximumAttempts }

    /// Where an attempt could go on.
    package struct Ways: Sendable, Equatable {
        /// The target is not known to be failing: asking it once more may help.
        package var sameTarget = true
        /// The target has another key that can be used now.
        package var otherKey = false
        /// Another target could be tried.
        package var otherTarget = false

        package init(otherKey: Bool = false, otherTarget: Bool = false) {
            self.otherKey = otherKey
            self.otherTarget = otherTarget
        }
    }

    /// The attempt failed, and nothing of it reached the caller.
    ///
    /// - Parameters:
    ///   - mayRepeat: The caller showed that the request may be carried out twice (`Idempotency-Key`): without it, what
    ///     may have been billed is not asked again.
    ///   - left: The time that the call has left.
    package func failed(
        _ failure: Failure, mayRepeat: Bool, ways: Ways, left: Interval,
        using generator: inout some RandomNumberGenerator
    ) -> Step {
        guard left > .zero, attempts < settings.maximumAttempts,
            mayRepeat || !failure.maybeBilled(sent: !failure.isUnsent)
        else { return .stop }
        let again = failure.kind.policy.again
        if again.contains(.otherKey), ways.otherKey { return .otherKey }
        if again.contains(.sameTarget), ways.sameTarget, retries < settings.retries {
            let told = failure.retryAfter.map { Interval.seconds($0) }
            let wait = settings.backoff.wait(before: retries + 1, told: told, left: left, using: &generator)
            if let wait { return .retry(after: wait) }
        }
        return again.contains(.otherTarget) && ways.otherTarget ? .fallback : .stop
    }
}
