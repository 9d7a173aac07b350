package import GatehouseCore
import Synchronization

/// The accounts of one agent, for all its models and all event loops. It outlives reloads.
package final class AccountBook: Sendable {
    package let agent: String
    private struct State {
        var pool: AccountPool
        /// The model of calls that name only the agent.
        var model: String
    }

    private let state: Mutex<State>
    private let alert: @Sendable (AccountAlert) -> Void

    init(
        agent: String, members: [AccountPool.Member], model: String, alert: @escaping @Sendable (AccountAlert) -> Void
    ) {
        self.agent = agent
        self.alert = alert
        state = Mutex(State(pool: AccountPool(members), model: model))
    }

    func update(members: [AccountPool.Member], model: String) {
        state.withLock { state in
            state.model = model
            if state.pool.members != members { state.pool.replace(with: members) }
        }
    }

    // MARK: For calls

    enum Admission {
        case lent(Lease, index: Int)
        case busy
        case resting(until: Instant, Failure.Kind)
        case signedOut
    }

    func lend(model: String, sticky: UInt64?, passing: Positions, now: Instant) -> Admission {
        state.withLock { state in
            let model = model.isEmpty ? state.model : model
            switch state.pool.pick(model: model, sticky: sticky, passing: passing, now: now) {
            case .account(let index, let isProbe):
                let name = state.pool.members[index].name
                return .lent(Lease(self, name, model: model, isProbe: isProbe), index: index)
            case .busy: return .busy
            case .resting(let until, let kind): return .resting(until: until, kind)
            case .signedOut: return .signedOut
            }
        }
    }

    /// What a call would be told, without lending anything.
    func look(model: String, now: Instant) -> AccountPool.Pick {
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

    /// `nil` when there is no such account.
    private func change(_ name: String, _ body: (inout AccountPool, Int) -> Bool) -> Bool? {
        state.withLock { state in
            guard let index = state.pool.index(of: name) else { return nil }
            return body(&state.pool, index)
        }
    }
}

extension AccountBook {
    /// A place at one account. By name: a reload may change the order.
    final class Lease: AccountLease {
        let name: String
        private let model: String
        private let isProbe: Bool
        private let book: AccountBook
        private let hasEnded = Atomic<Bool>(false)

        init(_ book: AccountBook, _ name: String, model: String, isProbe: Bool) {
            self.book = book
            self.name = name
            self.model = model
            self.isProbe = isProbe
        }

        deinit { end() }

        func end() {
            guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
            _ = book.change(name) { pool, index in
                pool.end(index, model: model, isProbe: isProbe)
                return false
            }
        }

        func note(_ limit: UsageLimit) {
            _ = book.change(name) { pool, index in
                pool.note(limit, of: index)
                return false
            }
        }

        func worked(now: Instant) {
            let isNews = book.change(name) { $0.worked($1, model: model, now: now) }
            if isNews == true { book.alert(AccountAlert(agent: book.agent, account: name, isSignedOut: false)) }
        }

        func failed(_ failure: Failure, now: Instant) {
            let isNews = book.change(name) { $0.failed($1, model: model, failure, now: now) }
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
