/// The keys of one provider: each call takes the next usable one.
///
/// A key that was too fast rests as long as told. A key that was refused is retired and the operator told; now and then
/// one call tries it again, since purses are filled and access is given back without a word to this gateway.
package struct KeyRing: Sendable {
    package struct Settings: Sendable, Equatable {
        /// How long a key rests that is not told for how long; doubles with each time in a row.
        package var firstRest = Interval.seconds(1)
        /// The longest rest when nothing is said.
        package var longestRest = Interval.seconds(15)
        /// The longest rest that an upstream's word is good for.
        package var longestTold = Interval.seconds(60)
        /// How long a retired key is left alone before one call tries it.
        package var retrial = Interval.seconds(300)

        package init() {}
    }

    package enum State: Sendable, Equatable {
        case usable
        /// - `isTold`: the upstream said for how long; else the key is still used when there is nothing else.
        case resting(until: Instant, isTold: Bool)
        /// Taken out with an alert until a call succeeds with it.
        case retired(nextTrial: Instant)
    }

    package enum Pick: Sendable, Equatable {
        case key(Int)
        /// None can be used before then; `nil` when all keys were tried by this very call.
        case none(until: Instant?)
        /// None should be used before then, but nobody said so: one may be forced.
        case soft(until: Instant)
    }

    private struct Key {
        var until = Instant.distantPast
        var isRetired = false
        /// The upstream said how long it must rest.
        var isTold = false
        var rests = 0

        /// It should not be used now, but could be.
        func isSoft(_ now: Instant) -> Bool { until > now && !isRetired && !isTold }
    }

    package let settings: Settings
    private var keys: [Key]
    private var next = 0

    package init(count: Int, _ settings: Settings = Settings()) {
        self.settings = settings
        keys = Array(repeating: Key(), count: max(0, count))
    }

    package var count: Int { keys.count }
    package var retiredCount: Int { keys.count { $0.isRetired } }

    package func state(of key: Int, now: Instant) -> State? {
        guard keys.indices.contains(key) else { return nil }
        if keys[key].isRetired { return .retired(nextTrial: keys[key].until) }
        return keys[key].until <= now ? .usable : .resting(until: keys[key].until, isTold: keys[key].isTold)
    }

    /// The next usable key, but none of `tried`.
    ///
    /// - Parameter forced: Also one that rests although nobody said so.
    package mutating func pick(now: Instant, tried: Positions = Positions(), forced: Bool = false) -> Pick {
        var soonest: Instant?
        var soft: Int?
        var trial: Int?
        for step in keys.indices {
            let index = (next + step) % keys.count
            guard !tried.contains(index) else { continue }
            let key = keys[index]
            if key.until <= now {
                // A sound key goes before a trial, but a trial that is due must not wait for ever.
                if !key.isRetired { return trial.map { begin($0, now: now) } ?? take(index) }
                trial = trial ?? index
            } else {
                soonest = min(soonest ?? key.until, key.until)
                if key.isSoft(now) { soft = soft ?? index }
            }
        }
        if let trial { return begin(trial, now: now) }
        guard let soft, let soonest else { return .none(until: soonest) }
        return forced ? take(soft) : .soft(until: soonest)
    }

    /// Whether a key other than those of `tried` could be used now, without taking it.
    package func hasUsable(now: Instant, tried: Positions) -> Bool {
        keys.indices.contains { !tried.contains($0) && keys[$0].until <= now }
    }

    /// When the first of the resting or retired keys may be used again; `nil` when one may be used now, be it by force, or
    /// none ever.
    package func soonest(now: Instant, tried: Positions) -> Instant? {
        let open = keys.indices.filter { !tried.contains($0) }
        guard !open.contains(where: { keys[$0].until <= now || keys[$0].isSoft(now) }) else { return nil }
        return keys.indices.filter { !tried.contains($0) }.map { keys[$0].until }.min()
    }

    /// Whether a key that somebody else chose may be used now. A retired one whose trial is due is handed out for it.
    package mutating func lend(_ key: Int, now: Instant) -> Bool {
        guard keys.indices.contains(key), keys[key].until <= now else { return false }
        if keys[key].isRetired { keys[key].until = now + settings.retrial }
        return true
    }

    /// The upstream said that this key is too fast.
    package mutating func rest(_ key: Int, told: Interval? = nil, now: Instant) {
        guard keys.indices.contains(key), !keys[key].isRetired else { return }
        // Calls that ran together hear the same at about the same time: that is one lesson, not many.
        let isNew = keys[key].until <= now
        let doublings = max(0, min(keys[key].rests - (isNew ? 0 : 1), 20))
        let untold = min(settings.longestRest, settings.firstRest * (1 << doublings))
        if isNew { keys[key].rests = min(keys[key].rests + 1, 20) }
        let length = told.map { min(max($0, .zero), settings.longestTold) } ?? untold
        // An answer that comes late must not shorten what another was told, nor, untold, prolong it.
        guard isNew || told != nil else { return }
        keys[key].isTold = told != nil || keys[key].isTold && !isNew
        keys[key].until = max(keys[key].until, now + length)
    }

    /// The upstream refused this key.
    ///
    /// - Returns: Whether that is news: the moment for one alert.
    package mutating func retire(_ key: Int, now: Instant) -> Bool {
        guard keys.indices.contains(key) else { return false }
        let isNews = !keys[key].isRetired
        keys[key].isRetired = true
        keys[key].until = now + settings.retrial
        return isNews
    }

    /// A call succeeded with this key.
    ///
    /// - Returns: Whether the key is back from retirement: the moment to end the alert.
    package mutating func worked(_ key: Int) -> Bool {
        guard keys.indices.contains(key) else { return false }
        keys[key].rests = 0
        guard keys[key].isRetired else { return false }
        keys[key] = Key()
        return true
    }

    /// All keys are as new, as an operator may ask.
    package mutating func reset() {
        for index in keys.indices { keys[index] = Key() }
    }

    private mutating func take(_ index: Int) -> Pick {
        next = (index + 1) % keys.count
        return .key(index)
    }

    /// Hands out a retired key for one trial; should it never be reported, the next trial is as far away as ever.
    private mutating func begin(_ index: Int, now: Instant) -> Pick {
        keys[index].until = now + settings.retrial
        return take(index)
    }
}
