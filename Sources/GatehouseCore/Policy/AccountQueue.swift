/// Calls that wait for an account of one agent, all of which have runs enough.
///
/// Whoever has the fewest runs goes first, and of those who waited longest. What is free is handed on at once, so that
/// nobody who comes later is faster; and whoever waits for accounts that rest meanwhile, or are logged out, is told.
package struct AccountQueue: Sendable {
    /// Chosen by the caller of this queue; not used twice at a time.
    package typealias Call = UInt64

    package struct Settings: Sendable, Equatable {
        package var queue = 16
        package var longestWait = Interval.seconds(60)

        package init() {}
    }

    /// What a call would have.
    package struct Wish: Sendable, Equatable {
        /// Whose call it is.
        package var owner: String
        package var model: String
        package var sticky: UInt64?
        /// Accounts that it has tried.
        package var passing: Positions

        package init(owner: String, model: String, sticky: UInt64? = nil, passing: Positions = Positions()) {
            self.owner = owner
            self.model = model
            self.sticky = sticky
            self.passing = passing
        }
    }

    package enum Entry: Sendable, Equatable {
        /// `displaced` was refused for it.
        case queued(deadline: Instant, displaced: Call?)
        case refused
    }

    /// A call that waits no longer.
    package enum Served: Sendable, Equatable {
        case lent(Call, account: Int, isProbe: Bool, Wish)
        /// There is nothing to wait for any more; asking again tells why.
        case hopeless(Call)
    }

    private struct Waiter: Sendable {
        var call: Call
        var wish: Wish
    }

    package var settings: Settings
    /// The oldest first.
    private var waiters: [Waiter] = []
    /// Runs of each owner that has some.
    private var running: [String: Int] = [:]

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
    }

    package var count: Int { waiters.count }

    /// An owner has one run more.
    package mutating func began(_ owner: String) {
        running[owner, default: 0] += 1
    }

    package mutating func ended(_ owner: String) {
        guard let count = running[owner] else { return }
        running[owner] = count > 1 ? count - 1 : nil
    }

    /// A call waits. A full queue makes room for an owner with few calls at the expense of the one with the most.
    package mutating func enter(_ call: Call, _ wish: Wish, now: Instant) -> Entry {
        var displaced: Call?
        if waiters.count >= settings.queue {
            guard let place = displaceable(by: wish.owner) else { return .refused }
            displaced = waiters.remove(at: place).call
        }
        waiters.append(Waiter(call: call, wish: wish))
        return .queued(deadline: now + settings.longestWait, displaced: displaced)
    }

    /// The newest call of the owner with the most, when that has at least two more than `owner`.
    private func displaceable(by owner: String) -> Int? {
        var counts: [String: Int] = [:]
        for waiter in waiters { counts[waiter.wish.owner, default: 0] += 1 }
        let most = counts.values.max() ?? 0
        guard most >= counts[owner, default: 0] + 2 else { return nil }
        return waiters.lastIndex { counts[$0.wish.owner] == most }
    }

    /// The call waits no longer. `false`: it does not wait here (any more).
    package mutating func abandon(_ call: Call) -> Bool {
        guard let place = waiters.firstIndex(where: { $0.call == call }) else { return false }
        waiters.remove(at: place)
        return true
    }

    /// Those whose wait is over, with the accounts they have now.
    package mutating func serve(_ pool: inout AccountPool, now: Instant) -> [Served] {
        var served: [Served] = []
        while let next = next(&pool, now) { served.append(next) }
        return served
    }

    private mutating func next(_ pool: inout AccountPool, _ now: Instant) -> Served? {
        let order = waiters.indices.sorted { one, other in
            let (mine, theirs) = (runs(one), runs(other))
            return mine == theirs ? one < other : mine < theirs
        }
        for place in order {
            let waiter = waiters[place]
            let wish = waiter.wish
            switch pool.pick(model: wish.model, sticky: wish.sticky, passing: wish.passing, now: now) {
            case .busy where pool.hasOthers(than: wish.passing): continue
            case .account(let index, let isProbe):
                waiters.remove(at: place)
                began(wish.owner)
                return .lent(waiter.call, account: index, isProbe: isProbe, wish)
            case .busy, .resting, .signedOut:
                waiters.remove(at: place)
                return .hopeless(waiter.call)
            }
        }
        return nil
    }

    private func runs(_ place: Int) -> Int { running[waiters[place].wish.owner, default: 0] }
}
