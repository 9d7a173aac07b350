/// What the operator and callers see of accounts.
extension AccountPool {
    package enum State: String, Sendable {
        case usable
        /// Some models rest.
        case limited
        /// The agent's own model rests, or all do.
        case resting
        case signedOut = "signed_out"
        /// Somebody logs in: no run begins there.
        case loggingIn = "logging_in"

        /// Whether the agent's own model may be used.
        package var isUsable: Bool { self == .usable || self == .limited }
    }

    package struct Status: Sendable, Equatable {
        package struct Rest: Sendable, Equatable {
            /// `nil` for all.
            package var model: String?
            package var kind: Failure.Kind
            package var until: Instant
        }

        package var name: String
        package var state: State
        package var running: Int
        package var concurrency: Int
        /// In the order of their ends.
        package var rests: [Rest]
        package var windows: [UsageLimit]
        /// The soonest that a run with the agent's own model may begin, as far as is known; `nil` without a login.
        package var begins: Instant?
    }

    /// - Parameters:
    ///   - model: The agent's own.
    ///   - wall: Seconds since 1970. A window that has ended by then says nothing any more.
    package func status(model: String, now: Instant, wall: Int) -> [Status] {
        accounts.map { account in
            let rests = account.rests.filter { $0.value.until > now }
                .map {
                    Status.Rest(
                        model: $0.key == Self.everyModel ? nil : $0.key, kind: $0.value.kind, until: $0.value.until)
                }
                .sorted { ($0.until, $0.model ?? "") < ($1.until, $1.model ?? "") }
            let own = account.rest(model).flatMap { $0.until > now ? $0 : nil }
            let state: State =
                account.isReserved
                ? .loggingIn
                : account.isSignedOut ? .signedOut : own != nil ? .resting : rests.isEmpty ? .usable : .limited
            return Status(
                name: account.member.name, state: state, running: account.running,
                concurrency: account.member.concurrency, rests: rests,
                windows: account.windows.values.filter { $0.resetsAt.map { $0 > wall } ?? true }
                    .sorted { $0.kind < $1.kind },
                begins: account.isSignedOut ? nil : own?.until ?? now)
        }
    }
}
