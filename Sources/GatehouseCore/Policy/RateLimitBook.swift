/// The buckets of all subjects of limits. A call is charged to each of its own, or to none where one refuses it.
///
/// Memory is bounded: a subject whose buckets are full and that has no call in flight is as good as an unknown one, and is
/// dropped. Beyond `maximumSubjects` those that come new share one place for each rule.
package struct RateLimitBook {
    /// A subject under a rule.
    private struct Name: Hashable {
        let rule: String
        let subject: String
    }

    private struct Place {
        let name: Name
        var limits: RateLimits
        var requests: TokenBucket?
        var tokens: TokenBucket?
        var uploads: TokenBucket?
        /// Calls that have begun and not ended.
        var inFlight = 0
    }

    /// What one call was charged to.
    package struct Charge: Sendable, Equatable {
        let places: [Int]
        let tokens: Int
    }

    package enum Verdict: Sendable, Equatable {
        /// Nothing limits it.
        case free
        case admitted(Charge, RateLimitStatus)
        case refused(RateLimitRefusal)
    }

    private var places: [Place?] = []
    private var indices: [Name: Int] = [:]
    private var vacant: [Int] = []
    /// The place that is looked at next.
    private var hand = 0
    /// A new subject asked for a place since places were looked at.
    private var hasGrown = false
    private let maximumSubjects: Int
    /// Places that are looked at behind newcomers: several, so that they are dropped faster than they come.
    private static let glance = 16
    private static let others = "*others*"

    package init(maximumSubjects: Int = 65_536) {
        self.maximumSubjects = maximumSubjects
    }

    /// Subjects that are known now.
    package var count: Int { indices.count }

    // MARK: Admission

    package mutating func admit(_ query: RateLimitQuery, _ table: RateLimitTable, now: Instant) -> Verdict {
        // Before any place is looked up: none of this call's own may go.
        if hasGrown { dropSome(now) }
        var own: [(index: Int, subject: RateLimits.Subject)] = []
        if let limits = query.key.rateLimit {
            own.append((place(Name(rule: "key", subject: query.key.name), limits, now), .key))
        }
        for row in table.rows {
            let rule = row.rule
            guard let name = query.name(of: rule.subject), rule.pattern.matches(name) else { continue }
            own.append((place(Name(rule: row.name, subject: name), rule.limits, now), rule.subject))
        }
        guard !own.isEmpty else { return .free }
        var refusal: RateLimitRefusal?
        for (index, subject) in own {
            guard let found = check(index, subject, query.work, now) else { continue }
            if found.wait > refusal?.wait ?? Interval(nanoseconds: -1) { refusal = found }
        }
        if var refusal {
            refusal.status = status(own, now)
            return .refused(refusal)
        }
        for (index, _) in own { charge(index, query.work, now) }
        guard case .call(let tokens) = query.work else {
            return .admitted(Charge(places: [], tokens: 0), status(own, now))
        }
        return .admitted(Charge(places: own.map(\.index), tokens: tokens), status(own, now))
    }

    /// Why this subject takes no more; the wait is the longest of what it lacks.
    private mutating func check(
        _ index: Int, _ subject: RateLimits.Subject, _ work: RateLimitQuery.Work, _ now: Instant
    ) -> RateLimitRefusal? {
        var worst: RateLimitRefusal?
        func lacks(_ quantity: RateLimits.Quantity, _ wait: Interval, _ limit: RateLimitRefusal.Limit) {
            if wait > worst?.wait ?? Interval(nanoseconds: -1) {
                worst = RateLimitRefusal(subject: subject, quantity: quantity, limit: limit, wait: wait)
            }
        }
        func look(_ bucket: inout TokenBucket?, _ quantity: RateLimits.Quantity, _ amount: Int) {
            guard bucket?.has(amount, now: now) == false, let wait = bucket?.wait(for: amount, now: now),
                let settings = bucket?.settings
            else { return }
            lacks(quantity, wait, .rate(settings))
        }
        guard var place = places[index] else { return nil }
        defer { places[index] = place }
        switch work {
        case .upload: look(&place.uploads, .uploads, 1)
        case .control: look(&place.requests, .requests, 1)
        case .call(let tokens):
            look(&place.requests, .requests, 1)
            look(&place.tokens, .tokens, tokens)
            if let most = place.limits.concurrency, place.inFlight >= most {
                // When one ends is not known.
                lacks(.concurrency, .seconds(1), .calls(most))
            }
        }
        return worst
    }

    private mutating func charge(_ index: Int, _ work: RateLimitQuery.Work, _ now: Instant) {
        switch work {
        case .upload: places[index]?.uploads?.take(1, now: now)
        case .control: places[index]?.requests?.take(1, now: now)
        case .call(let tokens):
            places[index]?.requests?.take(1, now: now)
            places[index]?.tokens?.take(tokens, now: now)
            places[index]?.inFlight += 1
        }
    }

    /// The tightest of the buckets.
    private mutating func status(_ own: [(index: Int, subject: RateLimits.Subject)], _ now: Instant) -> RateLimitStatus
    {
        var status = RateLimitStatus()
        for (index, _) in own {
            guard var place = places[index] else { continue }
            RateLimitStatus.take(&place.requests, into: &status.requests, now)
            RateLimitStatus.take(&place.tokens, into: &status.tokens, now)
        }
        return status
    }

    // MARK: Settlement

    /// A call has ended.
    ///
    /// - Parameter used: The tokens that it used; `nil` where nobody says, and the estimate stands.
    package mutating func settle(_ charge: Charge, used: Int?, now: Instant) {
        for index in charge.places where places.indices.contains(index) {
            places[index]?.inFlight -= 1
            if let used { places[index]?.tokens?.correct(taken: charge.tokens, used: used, now: now) }
        }
    }

    // MARK: Places

    private mutating func place(_ name: Name, _ limits: RateLimits, _ now: Instant) -> Int {
        if let index = indices[name] {
            adapt(index, limits, now)
            return index
        }
        var name = name
        hasGrown = true
        if indices.count >= maximumSubjects {
            name = Name(rule: name.rule, subject: Self.others)
            if let index = indices[name] {
                adapt(index, limits, now)
                return index
            }
        }
        let place = Place(
            name: name, limits: limits, requests: limits.requests.map { TokenBucket($0, now: now) },
            tokens: limits.tokens.map { TokenBucket($0, now: now) },
            uploads: limits.uploads.map { TokenBucket($0, now: now) })
        let index = vacant.popLast() ?? places.count
        if index == places.count { places.append(place) } else { places[index] = place }
        indices[name] = index
        return index
    }

    /// After a reload other limits may hold.
    private mutating func adapt(_ index: Int, _ limits: RateLimits, _ now: Instant) {
        guard let known = places[index]?.limits, known != limits else { return }
        func adapt(_ bucket: inout TokenBucket?, _ settings: TokenBucket.Settings?) {
            guard let settings else {
                bucket = nil
                return
            }
            if bucket == nil {
                bucket = TokenBucket(settings, now: now)
            } else {
                bucket?.change(to: settings, now: now)
            }
        }
        places[index]?.limits = limits
        guard var place = places[index] else { return }
        adapt(&place.requests, limits.requests)
        adapt(&place.tokens, limits.tokens)
        adapt(&place.uploads, limits.uploads)
        places[index] = place
    }

    /// Drops those of the next few that are as good as unknown.
    private mutating func dropSome(_ now: Instant) {
        hasGrown = false
        for _ in 0..<min(Self.glance, places.count) {
            hand = hand + 1 < places.count ? hand + 1 : 0
            guard var place = places[hand], place.inFlight == 0 else { continue }
            let waits = [
                place.requests?.untilFull(now: now), place.tokens?.untilFull(now: now),
                place.uploads?.untilFull(now: now),
            ]
            guard waits.allSatisfy({ ($0 ?? .zero) == .zero }) else { continue }
            indices.removeValue(forKey: place.name)
            places[hand] = nil
            vacant.append(hand)
        }
    }
}
