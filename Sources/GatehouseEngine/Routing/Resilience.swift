package import GatehouseCore
package import NIOCore
import Synchronization

/// What all calls of this instance share to get on with bad upstreams: one budget for further attempts, the deployments
/// with their breakers and bulkheads, the providers' keys, and the number of answers read on for the bill. It outlives
/// reloads: what is known of a target stays known.
package final class Resilience: Sendable {
    /// How many answers may be read on at a time after their callers left.
    package static let maximumDrains = 64
    /// Deployments that callers' own words may make; further ones share one for each provider.
    private static let maximumUnlisted = 1024

    private struct Known {
        var deployments: [Deployment.Name: Deployment] = [:]
        var unlisted = 0
        var keys: [String: ProviderKeys] = [:]
        var accounts: [String: AccountBook] = [:]
    }

    private let budget: Mutex<RetryBudget>
    private let known = Mutex(Known())
    private let random: Mutex<SeededGenerator>
    private let drains = Atomic<Int>(0)
    private let alert: @Sendable (KeyAlert) -> Void
    private let accountAlert: @Sendable (AccountAlert) -> Void

    /// - Parameters:
    ///   - seed: Of the random numbers that spread load and waits.
    ///   - alert: Told of keys that providers refuse, and of those that work again. Called on event loops.
    ///   - accountAlert: The same of agents' logins; called on any thread.
    package init(
        now: Instant = .now(), seed: UInt64 = .random(in: 0 ... .max),
        alert: @escaping @Sendable (KeyAlert) -> Void = { _ in },
        accountAlert: @escaping @Sendable (AccountAlert) -> Void = { _ in }
    ) {
        budget = Mutex(RetryBudget(now: now))
        random = Mutex(SeededGenerator(seed: seed))
        self.alert = alert
        self.accountAlert = accountAlert
    }

    /// Random numbers for one decision.
    func generator() -> SeededGenerator {
        SeededGenerator(seed: random.withLock { $0.next() })
    }

    // MARK: Deployments and keys

    /// The deployment of a target.
    ///
    /// - Parameter isListed: The configuration names it.
    func deployment(_ route: Route, isListed: Bool) -> Deployment {
        let name = Deployment.Name(provider: route.entry.name, model: route.model)
        return known.withLock { known in
            if let found = known.deployments[name], found.isListed || !isListed { return found }
            var name = name
            if !isListed {
                if known.unlisted >= Self.maximumUnlisted {
                    name.model = Deployment.others
                } else {
                    known.unlisted += 1
                }
                if let shared = known.deployments[name] { return shared }
            }
            let deployment = Deployment(
                name, keys: route.entry.keys.count, isListed: isListed, limits: route.entry.limits)
            known.deployments[name] = deployment
            return deployment
        }
    }

    /// The keys of a target's provider. Other names are other keys, of which nothing is known yet.
    func keys(_ route: Route) -> ProviderKeys {
        known.withLock { known in
            let entry = route.entry
            if let keys = known.keys[entry.name], entry.keys.isEmpty || keys.names == entry.keys { return keys }
            let keys = ProviderKeys(provider: entry.name, names: entry.keys, alert: alert)
            known.keys[entry.name] = keys
            return keys
        }
    }

    /// From now on these agents have accounts, and no others. What is known of those that stay is kept.
    func keepAccounts(of entries: [UpstreamEntry]) {
        known.withLock { known in
            var books: [String: AccountBook] = [:]
            for entry in entries where !entry.accounts.isEmpty {
                let book =
                    known.accounts[entry.name]
                    ?? AccountBook(
                        agent: entry.name, members: entry.accounts, model: entry.defaultModel, alert: accountAlert)
                book.update(members: entry.accounts, model: entry.defaultModel, queue: entry.accountQueue)
                books[entry.name] = book
            }
            known.accounts = books
        }
    }

    /// The accounts of an agent; `nil` where it has none.
    package func accounts(of agent: String) -> AccountBook? {
        known.withLock { $0.accounts[agent] }
    }

    /// The accounts of all agents, in a fixed order.
    package var accountBooks: [AccountBook] {
        known.withLock { $0.accounts.values.sorted { $0.agent < $1.agent } }
    }

    /// In a fixed order.
    package var deployments: [Deployment] {
        known.withLock { known in
            known.deployments.values.sorted {
                ($0.name.provider, $0.name.model) < ($1.name.provider, $1.name.model)
            }
        }
    }

    /// In a fixed order.
    package var providerKeys: [ProviderKeys] {
        known.withLock { $0.keys.values.sorted { $0.provider < $1.provider } }
    }

    // MARK: The budget

    /// Tries that could be made now beyond first attempts.
    package func remainingTries(now: Instant) -> Int { budget.withLock { $0.remaining(now: now) } }

    func firstAttempt(now: Instant) { budget.withLock { $0.firstAttempt(now: now) } }
    func takeTry(now: Instant) -> Bool { budget.withLock { $0.take(now: now) } }
    func putBackTry() { budget.withLock { $0.putBack() } }

    // MARK: Answers read on

    package var runningDrains: Int { drains.load(ordering: .relaxed) }

    /// `false`: too many are read on already.
    func beginDrain() -> Bool {
        guard drains.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maximumDrains else {
            drains.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    func endDrain() { drains.wrappingSubtract(1, ordering: .relaxed) }
}

extension Instant {
    /// Of the clock that event loops read.
    package static func now() -> Instant { Instant(.now()) }

    package init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }
}
