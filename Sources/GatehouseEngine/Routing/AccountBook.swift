package import GatehouseCore
import Synchronization

/// The accounts of one agent, for all its models and all event loops. It outlives reloads.
package final class AccountBook: Sendable {
    package let agent: String
    private struct State {
        var pool: AccountPool
        /// The model of calls that name only the agent.
        var model: String
        var queue: AccountQueue
        var waiting: [UInt64: Waiter] = [:]
        var lastTicket: UInt64 = 0
        /// The last time that anybody told.
        var now = Instant.distantPast
        /// Seconds that a run takes, on average of the last ones.
        var runSeconds = 1.0

        mutating func see(_ moment: Instant) { now = max(now, moment) }

        /// Seconds after which there may be room.
        var patience: Int {
            let places = pool.members.reduce(0) { $0 + $1.concurrency }
            let seconds = runSeconds * Double(queue.count + 1) / Double(max(1, places))
            return Int(max(1, min(60, seconds.rounded(.up))))
        }
    }

    private struct Waiter: Sendable {
        /// Where the account is put that it gets.
        var lent: @Sendable (Lent) -> Void
        var resume: Deployment.Resume
    }

    /// A place at an account, and the account's position among the agent's.
    struct Lent: Sendable {
        let lease: Lease
        let index: Int
    }

    private let state: Mutex<State>
    private let alert: @Sendable (AccountAlert) -> Void

    init(
        agent: String, members: [AccountPool.Member], model: String, queue: AccountQueue.Settings = .init(),
        alert: @escaping @Sendable (AccountAlert) -> Void
    ) {
        self.agent = agent
        self.alert = alert
        state = Mutex(State(pool: AccountPool(members), model: model, queue: AccountQueue(queue)))
    }

    func update(members: [AccountPool.Member], model: String, queue: AccountQueue.Settings) {
        change { state in
            state.model = model
            state.queue.settings = queue
            if state.pool.members != members { state.pool.replace(with: members) }
        }
    }

    // MARK: For calls

    enum Admission {
        case lent(Lent)
        case busy
        case resting(until: Instant, Failure.Kind)
        case signedOut
    }

    func lend(_ wish: AccountQueue.Wish, now: Instant) -> Admission {
        tell { state -> (Admission, [Deed]) in
            state.see(now)
            // Who has waited goes first.
            let others = self.serve(&state)
            let wish = Self.named(wish, state)
            let admission: Admission
            switch state.pool.pick(model: wish.model, sticky: wish.sticky, passing: wish.passing, now: now) {
            case .account(let index, let isProbe):
                state.queue.began(wish.owner)
                admission = .lent(self.lent(index, isProbe, wish, state))
            case .busy: admission = .busy
            case .resting(let until, let kind): admission = .resting(until: until, kind)
            case .signedOut: admission = .signedOut
            }
            return (admission, others)
        }
    }

    private static func named(_ wish: AccountQueue.Wish, _ state: State) -> AccountQueue.Wish {
        var wish = wish
        if wish.model.isEmpty { wish.model = state.model }
        return wish
    }

    private func lent(_ index: Int, _ isProbe: Bool, _ wish: AccountQueue.Wish, _ state: State) -> Lent {
        let name = state.pool.members[index].name
        return Lent(lease: Lease(self, name, wish, isProbe: isProbe), index: index)
    }

    // MARK: Waiting

    /// Into the queue for an account.
    ///
    /// - Parameters:
    ///   - lent: Given the account, before `resume` is told.
    ///   - resume: Told once, unless the call leaves the queue by itself. May be called on any thread.
    func wait(
        _ wish: AccountQueue.Wish, now: Instant, lent: @escaping @Sendable (Lent) -> Void,
        resume: @escaping Deployment.Resume
    ) -> Deployment.Entry {
        let waiter = Waiter(lent: lent, resume: resume)
        return tell { self.enqueue(waiter, wish, now, &$0) }
    }

    private func enqueue(
        _ waiter: Waiter, _ wish: AccountQueue.Wish, _ now: Instant, _ state: inout State
    ) -> (Deployment.Entry, [Deed]) {
        state.see(now)
        state.lastTicket &+= 1
        let ticket = state.lastTicket
        let patience = state.patience
        guard case .queued(let deadline, let displaced) = state.queue.enter(ticket, Self.named(wish, state), now: now)
        else { return (.refused(retryAfter: patience), []) }
        state.waiting[ticket] = waiter
        var deeds: [Deed] = []
        if let displaced, let other = state.waiting.removeValue(forKey: displaced) {
            deeds.append { other.resume(.refused(retryAfter: patience)) }
        }
        return (.queued(ticket, deadline: deadline), deeds + serve(&state))
    }

    /// The call waits no longer. `nil`: it has been or will be told what became of it; else the seconds after which there
    /// may be room.
    func abandon(_ ticket: UInt64) -> Int? {
        state.withLock { state in
            guard state.waiting.removeValue(forKey: ticket) != nil else { return nil }
            _ = state.queue.abandon(ticket)
            return state.patience
        }
    }

    /// Time has passed: a rest may be over.
    func look(now: Instant) {
        change { $0.see(now) }
    }

    private typealias Deed = @Sendable () -> Void

    /// Those whose wait is over, to be told outside of the lock.
    private func serve(_ state: inout State) -> [Deed] {
        guard state.queue.count > 0 else { return [] }
        return state.queue.serve(&state.pool, now: state.now).compactMap { served in
            switch served {
            case .hopeless(let ticket):
                guard let waiter = state.waiting.removeValue(forKey: ticket) else { return nil }
                return { waiter.resume(.admitted) }
            case .lent(let ticket, let index, let isProbe, let wish):
                let lent = lent(index, isProbe, wish, state)
                // Without a waiter the lease ends itself.
                guard let waiter = state.waiting.removeValue(forKey: ticket) else { return { _ = lent } }
                return {
                    waiter.lent(lent)
                    waiter.resume(.admitted)
                }
            }
        }
    }

    /// Changes what is known, then tells those who waited for it.
    private func tell<Value: Sendable>(_ body: (inout State) -> (Value, [Deed])) -> Value {
        let (value, deeds) = state.withLock { body(&$0) }
        for deed in deeds { deed() }
        return value
    }

    private func change(_ body: (inout State) -> Void) {
        tell { state -> (Void, [Deed]) in
            body(&state)
            return ((), self.serve(&state))
        }
    }

    /// What a call would be told, without lending anything.
    func forecast(model: String, now: Instant) -> AccountPool.Pick {
        var state = state.withLock { $0 }
        return state.pool.pick(model: model.isEmpty ? state.model : model, now: now)
    }

    func hasFree(model: String, passing: Positions, now: Instant) -> Bool {
        state.withLock { state in
            state.pool.hasFree(model: model.isEmpty ? state.model : model, passing: passing, now: now)
        }
    }

    func soonest(model: String, now: Instant) -> Instant? {
        state.withLock { state in state.pool.soonest(model: model.isEmpty ? state.model : model, now: now) }
    }

    // MARK: For the operator

    /// Calls that wait for an account.
    package var queued: Int { state.withLock { $0.queue.count } }

    package func status(now: Instant, wall: Int) -> [AccountPool.Status] {
        state.withLock { $0.pool.status(model: $0.model, now: now, wall: wall) }
    }

    /// - Returns: `false` when there is no such account.
    package func reset(_ name: String) -> Bool {
        let found = change(name) { pool, index in
            pool.reset(index)
            return true
        }
        return found == true
    }

    /// A login was looked at: it holds, or there is none.
    package func probed(_ name: String, isSignedIn: Bool) {
        let isNews = change(name) { pool, index in
            guard isSignedIn else { return pool.signOut(index) }
            pool.reset(index)
            return false
        }
        if isNews == true { alert(AccountAlert(agent: agent, account: name, isSignedOut: true)) }
    }

    /// Somebody is to be alone with an account: no run begins there until that is taken back.
    package func reserve(_ name: String, _ isReserved: Bool) {
        _ = change(name) { pool, index in
            pool.reserve(index, isReserved)
            return true
        }
    }

    /// `nil` when there is no such account.
    private func change(_ name: String, _ body: (inout AccountPool, Int) -> Bool) -> Bool? {
        tell { state -> (Bool?, [Deed]) in
            guard let index = state.pool.index(of: name) else { return (nil, []) }
            return (body(&state.pool, index), self.serve(&state))
        }
    }

    /// Nothing is left of a run that took `seconds`.
    private func ended(_ lease: Lease, after seconds: Double) {
        change { state in
            state.queue.ended(lease.wish.owner)
            state.runSeconds += (min(3600, max(0, seconds)) - state.runSeconds) / 4
            guard let index = state.pool.index(of: lease.name) else { return }
            state.pool.end(index, model: lease.wish.model, isProbe: lease.isProbe)
        }
    }
}

extension AccountBook {
    /// A place at one account. By name: a reload may change the order.
    final class Lease: AccountLease {
        let name: String
        fileprivate let wish: AccountQueue.Wish
        fileprivate let isProbe: Bool
        private let book: AccountBook
        private let start = ContinuousClock.now
        private let hasEnded = Atomic<Bool>(false)

        fileprivate init(_ book: AccountBook, _ name: String, _ wish: AccountQueue.Wish, isProbe: Bool) {
            self.book = book
            self.name = name
            self.wish = wish
            self.isProbe = isProbe
        }

        deinit { end() }

        func end() {
            guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
            let took = ContinuousClock.now - start
            book.ended(self, after: Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
        }

        func end(behind failure: Failure) {
            if !hasEnded.load(ordering: .relaxed) { failed(failure, now: book.state.withLock { $0.now }) }
            end()
        }

        func note(_ limit: UsageLimit) {
            _ = book.change(name) { pool, index in
                pool.note(limit, of: index)
                return false
            }
        }

        func worked(now: Instant) {
            let isNews = book.change(name) { $0.worked($1, model: wish.model, now: now) }
            if isNews == true { book.alert(AccountAlert(agent: book.agent, account: name, isSignedOut: false)) }
        }

        func failed(_ failure: Failure, now: Instant) {
            let isNews = book.change(name) { $0.failed($1, model: wish.model, failure, now: now) }
            if isNews == true { book.alert(AccountAlert(agent: book.agent, account: name, isSignedOut: true)) }
        }
    }
}

/// News of an agent's account for the operator.
package struct AccountAlert: Sendable, Equatable {
    package var agent: String
    package var account: String
    /// Its login is refused; else it works again.
    package var isSignedOut: Bool
}
