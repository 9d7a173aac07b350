/// The bulkhead of one deployment: so many calls at a time, and a short queue before it that is fair between keys.
///
/// The keys take turns, each with its oldest call, so that one key's flood waits behind itself. A full queue makes room
/// for a key with few calls at the expense of the key with the most. Whoever has waited too long is refused, and nobody
/// is admitted after that. No input is ever answered by more work than the queue is long.
///
/// A queue is for bursts. When calls of a key have waited without a break for half of the longest wait, more come than are
/// served, and waiting changes only how old an answer is: further calls of that key wait a tenth as long at most. And a call
/// that would have no chance, at the pace of the last calls, is refused at once instead of at the end of its wait.
package struct AdmissionQueue<Key: Hashable & Sendable>: Sendable {
    /// Chosen by the caller of this queue; not used twice at a time.
    package typealias Call = UInt64

    package struct Settings: Sendable, Equatable {
        package var queue = 256
        package var longestWait = Interval.seconds(1)

        package init() {}

        /// So long may calls of a key wait without a break ...
        fileprivate var burst: Interval { Interval(nanoseconds: longestWait.nanoseconds / 2) }
        /// ... before the further ones wait no longer than this.
        fileprivate var shortWait: Interval { Interval(nanoseconds: longestWait.nanoseconds / 10) }
    }

    package enum Entry: Sendable, Equatable {
        case admitted
        /// It waits until `next` gives it, or `expired` does after the deadline. `displaced` was refused for it.
        case queued(deadline: Instant, displaced: Call?)
        /// Seconds after which there may be room.
        case refused(retryAfter: Int)
    }

    /// Calls of one key, the oldest first.
    private struct Lane {
        var list = LinkedPlaces.List()
        /// Since when it has not been empty.
        var since: Instant
    }

    private struct Waiter {
        var call: Call
        var key: Key
        var deadline: Instant
        /// Which of the lists by age it is in.
        var age: Age
        /// Whether it can still be admitted.
        var isInLane = true
    }

    /// In each of the two the oldest call is the first whose time is over.
    private enum Age { case long, short }

    package let settings: Settings
    /// Calls at a time. Whoever raises it calls `next` afterwards until it has nothing.
    package var limit: Int
    package private(set) var inFlight = 0

    private var waiters: [Waiter?] = []
    private var free: [Int] = []
    private var places: [Call: Int] = [:]
    private var lanes: [Key: Lane] = [:]
    /// Keys that wait, in the order of their turns.
    private var turns: [Key] = []
    private var laneLinks = LinkedPlaces()
    private var ageLinks = LinkedPlaces()
    private var longWaits = LinkedPlaces.List()
    private var shortWaits = LinkedPlaces.List()
    /// Waiters that can still be admitted.
    private var hopeful = 0
    /// The time between two calls that leave a full bulkhead, on average of so many.
    private var interval = 0.0
    private var samples = 0
    private var lastLeft: Instant?

    package init(limit: Int, _ settings: Settings = Settings()) {
        self.limit = limit
        self.settings = settings
    }

    /// Calls that wait, those too whose time is over but who have not been told.
    package var queued: Int { longWaits.count + shortWaits.count }

    // MARK: Inputs

    /// A call wants in now or not at all.
    package mutating func enterAtOnce(now: Instant) -> Bool {
        if hopeful > 0 { retireExpired(now) }
        guard inFlight < limit, hopeful == 0 else { return false }
        inFlight += 1
        return true
    }

    /// A call wants in.
    package mutating func enter(_ call: Call, key: Key, now: Instant) -> Entry {
        retireExpired(now)
        if inFlight < limit, hopeful == 0 {
            inFlight += 1
            return .admitted
        }
        let since = lanes[key]?.since ?? now
        let age = now - since > settings.burst ? Age.short : .long
        let wait = age == .short ? settings.shortWait : settings.longestWait
        guard hasChance(key, wait) else { return .refused(retryAfter: patience) }
        var displaced: Call?
        if queued >= max(0, settings.queue) {
            guard let place = displaceable(by: key) else { return .refused(retryAfter: patience) }
            displaced = waiters[place]?.call
            remove(place)
        }
        let deadline = now + wait
        append(Waiter(call: call, key: key, deadline: deadline, age: age), since: since)
        return .queued(deadline: deadline, displaced: displaced)
    }

    /// An admitted call is over. Call `next` afterwards until it has nothing.
    package mutating func leave(now: Instant) {
        if inFlight >= limit {
            if let lastLeft {
                let sample = max(0, (now - lastLeft).inSeconds)
                // Calls often end in bunches: the average of many.
                samples = min(64, samples + 1)
                interval += (sample - interval) / Double(samples)
            }
            lastLeft = now
        } else {
            // What leaves an empty bulkhead says nothing about a full one.
            lastLeft = nil
        }
        inFlight = max(0, inFlight - 1)
    }

    /// A waiting call that is admitted now.
    package mutating func next(now: Instant) -> Call? {
        retireExpired(now)
        guard inFlight < limit, let key = turns.first, let place = lanes[key]?.list.first,
            let waiter = waiters[place]
        else { return nil }
        inFlight += 1
        remove(place)
        // It goes to the end of the turns, if it has more.
        if lanes[key] != nil, turns.first == key {
            turns.removeFirst()
            turns.append(key)
        }
        return waiter.call
    }

    /// A waiting call whose time is over, each once: it is refused.
    package mutating func expired(now: Instant) -> Call? {
        for list in [longWaits, shortWaits] {
            guard let place = list.first, let waiter = waiters[place], waiter.deadline <= now else { continue }
            remove(place)
            return waiter.call
        }
        return nil
    }

    /// The caller of a waiting call has gone. `false`: it does not wait here (any more).
    package mutating func abandon(_ call: Call) -> Bool {
        guard let place = places[call] else { return false }
        remove(place)
        return true
    }

    /// Seconds after which a refused caller may have a place.
    package var patience: Int {
        Int(min(30, max(1, (Double(queued) * interval).rounded(.up))))
    }

    /// Whether its turn could come in time. The pace is an estimate: only twice as long is no chance.
    private func hasChance(_ key: Key, _ wait: Interval) -> Bool {
        samples < 16 || Double(ahead(of: key)) * interval <= wait.inSeconds * 2
    }

    /// How many calls will have had their turn before a further one of this key; at most.
    private func ahead(of key: Key) -> Int {
        let own = lanes[key]?.list.count ?? 0
        let keys = turns.count + (own == 0 ? 1 : 0)
        return min(hopeful, (own + 1) * keys - 1)
    }

    // MARK: Places

    /// The newest call of the key with the most, when that has at least two more than `key`.
    private func displaceable(by key: Key) -> Int? {
        let own = lanes[key]?.list.count ?? 0
        var longest = own + 1
        var place: Int?
        // In the order of the turns, which a replay repeats; a dictionary's own order is another in each process.
        for other in turns {
            guard let list = lanes[other]?.list, list.count > longest else { continue }
            longest = list.count
            place = list.last
        }
        return place
    }

    private mutating func append(_ waiter: Waiter, since: Instant) {
        let place = free.popLast() ?? waiters.count
        if place == waiters.count { waiters.append(waiter) } else { waiters[place] = waiter }
        places[waiter.call] = place
        switch waiter.age {
        case .long: ageLinks.append(place, to: &longWaits)
        case .short: ageLinks.append(place, to: &shortWaits)
        }
        if lanes[waiter.key] == nil { turns.append(waiter.key) }
        laneLinks.append(place, to: &lanes[waiter.key, default: Lane(since: since)].list)
        hopeful += 1
    }

    private mutating func remove(_ place: Int) {
        guard let waiter = waiters[place] else { return }
        if waiter.isInLane { leaveLane(place, waiter) }
        switch waiter.age {
        case .long: ageLinks.remove(place, from: &longWaits)
        case .short: ageLinks.remove(place, from: &shortWaits)
        }
        places[waiter.call] = nil
        waiters[place] = nil
        free.append(place)
    }

    private mutating func leaveLane(_ place: Int, _ waiter: Waiter) {
        hopeful -= 1
        let key = waiter.key
        laneLinks.remove(place, from: &lanes[key, default: Lane(since: waiter.deadline)].list)
        guard lanes[key]?.list.first == nil else { return }
        lanes[key] = nil
        if let turn = turns.firstIndex(of: key) { turns.remove(at: turn) }
    }

    /// Those whose time is over can no longer be admitted, told or not.
    private mutating func retireExpired(_ now: Instant) {
        for list in [longWaits, shortWaits] {
            var cursor = list.first
            while let place = cursor, let waiter = waiters[place], waiter.deadline <= now {
                if waiter.isInLane {
                    waiters[place]?.isInLane = false
                    leaveLane(place, waiter)
                }
                cursor = ageLinks.after(place)
            }
        }
    }
}
