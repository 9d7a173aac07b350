/// What is left of the tightest limits of a call, for the headers of its answer.
package struct RateLimitStatus: Sendable, Equatable {
    package struct Count: Sendable, Equatable {
        /// The most that may be taken at once.
        package let limit: Int
        package let remaining: Int
        /// How long it takes until `remaining` is `limit` again, if nobody takes any.
        package let reset: Interval

        package init(limit: Int, remaining: Int, reset: Interval) {
            self.limit = limit
            self.remaining = remaining
            self.reset = reset
        }
    }

    package var requests: Count?
    package var tokens: Count?

    package init(requests: Count? = nil, tokens: Count? = nil) {
        self.requests = requests
        self.tokens = tokens
    }

    static func take(_ bucket: inout TokenBucket?, into count: inout Count?, _ now: Instant) {
        guard let remaining = bucket?.remaining(now: now), remaining < count?.remaining ?? .max,
            let reset = bucket?.untilFull(now: now), let limit = bucket?.settings.capacity
        else { return }
        count = Count(limit: limit, remaining: remaining, reset: reset)
    }
}

/// Why a call was refused, and when a further try may succeed.
package struct RateLimitRefusal: Error, Sendable, Equatable {
    package enum Limit: Sendable, Equatable {
        case rate(TokenBucket.Settings)
        case calls(Int)
    }

    package let subject: RateLimits.Subject
    package let quantity: RateLimits.Quantity
    package let limit: Limit
    package let wait: Interval
    package var status = RateLimitStatus()

    package init(subject: RateLimits.Subject, quantity: RateLimits.Quantity, limit: Limit, wait: Interval) {
        self.subject = subject
        self.quantity = quantity
        self.limit = limit
        self.wait = wait
    }

    /// What the caller is told.
    package var error: GatehouseError {
        let whose =
            switch subject {
            case .key, .model, .route, .address: "this \(subject.rawValue)"
            case .user, .team, .organization: "the key's \(subject.rawValue)"
            }
        let seconds = wait.retryAfter
        let what =
            switch limit {
            case .calls(let most): "\(most) calls at the same time"
            case .rate(let settings): "\(settings.count) \(quantity.rawValue) per \(Self.name(settings.period))"
            }
        return GatehouseError(
            .rateLimited, "The limit of \(what) of \(whose) is reached. Try again in \(seconds) s.",
            retryAfter: seconds)
    }

    private static func name(_ period: Interval) -> String {
        switch period {
        case .seconds(1): "second"
        case .seconds(60): "minute"
        case .seconds(3600): "hour"
        case .seconds(86_400): "day"
        default: "\(period.inSeconds) s"
        }
    }
}
