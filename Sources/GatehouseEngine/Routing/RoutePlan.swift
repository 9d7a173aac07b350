package import GatehouseCore
import Synchronization

/// Targets among which one is chosen for each call, then those that are tried in order when the chosen ones fail. A name
/// that leads to one target only is a plan too, with nothing to choose.
package final class RoutePlan: Sendable {
    package struct Settings: Sendable {
        package var strategy = LoadBalancer.Strategy.weighted
        package var stickiness = Stickiness.none
        /// Further attempts at the same target.
        package var retries = 0
        /// After this time without an answer another target is asked as well; `nil`: never.
        package var hedge: Interval?

        package init() {}
    }

    /// A target as the configuration has it.
    package struct Target: Sendable {
        package var route: Route
        package var balance = LoadBalancer.Target()
        package var condition = TargetCondition()
        /// Another model of the agent of a target in front of it.
        var isSubstitute = false

        package init(_ route: Route) {
            self.route = route
        }
    }

    /// A target and what is known of it.
    struct Place: Sendable {
        let route: Route
        let deployment: Deployment
        let keys: ProviderKeys
        /// Those of an agent; `nil` where it has none.
        let accounts: AccountBook?
        /// Another model of the agent in front of it, for when that one has no capacity or is not known.
        let isSubstitute: Bool
        /// `nil` where there is none.
        let condition: TargetCondition?
    }

    package let settings: Settings
    let places: [Place]
    /// How many are chosen from; the others are fallbacks.
    let choices: Int
    let attempts: AttemptMachine.Settings
    /// Whether a target is an agent with accounts.
    let hasAccounts: Bool
    /// Whether a condition looks at what a request needs.
    let wantsNeeds: Bool
    /// The headers that conditions look at, in lower case.
    let headers: [String]
    private let balancer: Mutex<LoadBalancer>
    private let sticky: StickyHash?

    /// - Parameters:
    ///   - targets: Never empty.
    ///   - isListed: The configuration names them.
    package init(
        _ targets: [Target], fallbacks: [Target] = [], _ settings: Settings = Settings(), _ resilience: Resilience,
        isListed: Bool = true
    ) {
        self.settings = settings
        let all = targets + Self.substitutes(of: targets) + fallbacks + Self.substitutes(of: fallbacks)
        places = all.map {
            Place(
                route: $0.route, deployment: resilience.deployment($0.route, isListed: isListed),
                keys: resilience.keys($0.route),
                accounts: $0.route.entry.accounts.isEmpty ? nil : resilience.accounts(of: $0.route.entry.name),
                isSubstitute: $0.isSubstitute, condition: $0.condition.isEmpty ? nil : $0.condition)
        }
        choices = targets.count
        var attempts = AttemptMachine.Settings()
        attempts.retries = settings.retries
        // Each account may have to be asked to learn that it is used up.
        attempts.maximumAttempts += min(max(0, (places.map(\.route.entry.accounts.count).max() ?? 0) - 1), 5)
        self.attempts = attempts
        hasAccounts = places.contains { $0.accounts != nil }
        wantsNeeds = all.contains { $0.condition.features != nil }
        headers = all.flatMap { $0.condition.headers.map(\.name) }
        balancer = Mutex(LoadBalancer(settings.strategy, targets.map(\.balance)))
        sticky =
            settings.stickiness == .none
            ? nil
            : StickyHash(
                targets.map { ("\($0.route.entry.name)/\($0.route.model)", $0.balance.weight) })
    }

    /// Further models of agents among `targets`, as the operator lists them.
    private static func substitutes(of targets: [Target]) -> [Target] {
        targets.flatMap { target in
            let entry = target.route.entry
            let asked = target.route.model.isEmpty ? entry.defaultModel : target.route.model
            return entry.fallbackModels.filter { $0 != asked }.map { model in
                var other = target
                other.route = Route(entry: entry, model: model)
                other.isSubstitute = true
                return other
            }
        }
    }

    /// Whether something of a call must be worked out before a target is chosen.
    var wantsTraits: Bool { wantsNeeds || settings.strategy == .cost || places.contains { $0.condition != nil } }

    package var targets: [Route] { places.map(\.route) }

    /// The target that comes next in the order of the strategy, then of the fallbacks; `nil` when none is left.
    ///
    /// - Parameters:
    ///   - passed: Targets that are not looked at.
    ///   - sticky: The key of a call that is to go where its like went.
    func candidate(passing passed: Positions, sticky key: UInt64?, _ traits: CallTraits?, _ choice: Chance) -> Int? {
        if places.count == 1 { return passed.contains(0) ? nil : 0 }
        let chosen =
            key.flatMap { sticky?.pick($0, passing: passed) } ?? balanced(passing: passed, traits, choice)
        return chosen ?? (choices..<places.count).first { !passed.contains($0) }
    }

    private func balanced(passing passed: Positions, _ traits: CallTraits?, _ choice: Chance) -> Int? {
        guard choices > 1 else { return passed.contains(0) ? nil : 0 }
        var generator =
            settings.strategy == .weighted ? SeededGenerator(seed: 0) : choice.resilience.generator()
        let size = traits.map { LoadBalancer.Size(input: $0.input, output: $0.output ?? 250) }
        return balancer.withLock {
            $0.pick(passing: passed, size: size ?? .init(), now: choice.now, using: &generator)
        }
    }

    /// When a choice is made, and where its random numbers come from.
    struct Chance {
        let now: Instant
        let resilience: Resilience
    }

    /// The strategy's books as they are, for a dry run: choosing from a copy takes no turn.
    var books: LoadBalancer { balancer.withLock { $0 } }

    /// Where calls of this key go, best first.
    func stickyOrder(_ key: UInt64) -> [Int] {
        var passed = Positions()
        var order: [Int] = []
        while let next = sticky?.pick(key, passing: passed) {
            passed.insert(next)
            order.append(next)
        }
        return order
    }

    // MARK: Reports to the strategy

    func began(_ index: Int) {
        if choices > 1 { balancer.withLock { $0.began(index) } }
    }

    func answered(_ index: Int, after latency: Interval, now: Instant) {
        if choices > 1 { balancer.withLock { $0.firstToken(index, after: latency, now: now) } }
    }

    func ended(_ index: Int, _ ending: LoadBalancer.Ending, now: Instant) {
        if choices > 1 { balancer.withLock { $0.ended(index, ending, now: now) } }
    }
}
