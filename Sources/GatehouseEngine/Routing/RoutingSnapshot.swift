package import GatehouseCore
import Synchronization

/// Everything a call needs to know about keys and targets, frozen. A call takes one when it is admitted and keeps it to
/// its end; a reload makes a new one.
package final class RoutingSnapshot: Sendable {
    /// A name that clients may ask for instead of `provider/model`.
    package struct Alias: Sendable {
        package struct Target: Sendable {
            package var upstream: String
            package var model: String
            package var balance = LoadBalancer.Target()
            package var condition = TargetCondition()

            package init(upstream: String, model: String, weight: Int = 1) {
                self.upstream = upstream
                self.model = model
                balance.weight = weight
            }
        }

        package let name: String
        /// One of them is chosen for each call.
        package let targets: [Target]
        /// Tried in order when those fail.
        package var fallbacks: [Target] = []
        package var settings = RoutePlan.Settings()

        package init(name: String, targets: [Target]) {
            self.name = name
            self.targets = targets
        }

        package init(name: String, upstream: String, model: String) {
            self.init(name: name, targets: [Target(upstream: upstream, model: model)])
        }
    }

    package let keys: any KeyStore
    private let entries: [String: UpstreamEntry]
    private let aliases: [String: RoutePlan]
    /// Plans of names with a slash, made when they are first asked for.
    private let direct: Mutex<[String: RoutePlan]>
    /// The headers that plans look at, in lower case.
    package let headers: Set<String>
    package let resilience: Resilience
    package let limits: RateLimitTable
    /// All names worth listing, in order: aliases, then each target's models.
    package let modelNames: [String]
    /// Seconds since 1970 when this snapshot was made.
    package let created: Int
    /// What models cost, and what may be spent.
    package let prices: PriceTable
    package let budgets: [BudgetRule]

    /// - Parameter resilience: What is known of targets; the same for every snapshot of an instance.
    package init(
        keys: any KeyStore, entries: [UpstreamEntry], aliases: [Alias], created: Int,
        resilience: Resilience = Resilience(), limits: RateLimitTable = RateLimitTable(),
        prices: PriceTable = PriceTable(), budgets: [BudgetRule] = []
    ) {
        self.prices = prices
        self.budgets = budgets
        self.keys = keys
        self.limits = limits
        self.resilience = resilience
        self.created = created
        direct = Mutex([:])
        var byName: [String: UpstreamEntry] = [:]
        for entry in entries { byName[entry.name] = entry }
        self.entries = byName
        resilience.keepAccounts(of: entries)
        var plans: [String: RoutePlan] = [:]
        for alias in aliases { plans[alias.name] = Self.plan(alias, byName, resilience) }
        self.aliases = plans
        headers = Set(plans.values.flatMap(\.headers))
        modelNames =
            aliases.map(\.name)
            + entries.flatMap { entry in
                (entry.hasDefaultModel ? [entry.name] : []) + entry.models.map { "\(entry.name)/\($0)" }
            }
    }

    private init(_ other: RoutingSnapshot, keys: any KeyStore) {
        self.keys = keys
        entries = other.entries
        aliases = other.aliases
        direct = Mutex(other.direct.withLock { $0 })
        headers = other.headers
        resilience = other.resilience
        limits = other.limits
        modelNames = other.modelNames
        created = other.created
        prices = other.prices
        budgets = other.budgets
    }

    /// The same for other callers.
    package func replacing(keys: any KeyStore) -> RoutingSnapshot { RoutingSnapshot(self, keys: keys) }

    /// Whether a key may use some model of an agent, by the agent's name or by one of an alias.
    package func mayUse(_ agent: String, _ principal: Principal) -> Bool {
        principal.key.models.contains { $0.matches(agent) || $0.matches(agent + "/") || $0.text.hasPrefix(agent + "/") }
            || aliases.contains { alias in
                principal.mayUse(model: alias.key) && alias.value.places.contains { $0.route.entry.name == agent }
            }
    }

    package var upstreams: [UpstreamEntry] { Array(entries.values) }

    /// `nil` when none of the targets is there.
    private static func plan(
        _ alias: Alias, _ entries: [String: UpstreamEntry], _ resilience: Resilience
    ) -> RoutePlan? {
        func target(_ target: Alias.Target) -> RoutePlan.Target? {
            guard let entry = entries[target.upstream] else { return nil }
            var made = RoutePlan.Target(Route(entry: entry, model: target.model))
            made.balance = target.balance
            made.condition = target.condition
            return made
        }
        let targets = alias.targets.compactMap(target)
        guard !targets.isEmpty else { return nil }
        return RoutePlan(targets, fallbacks: alias.fallbacks.compactMap(target), alias.settings, resilience)
    }

    /// How many direct plans are kept; beyond, they are made anew for each call.
    private static let maximumDirect = 4096

    /// Where a model name leads.
    ///
    /// - Throws: `model_not_found`.
    package func plan(_ name: String) throws(GatehouseError) -> RoutePlan {
        if let plan = aliases[name] ?? direct.withLock({ $0[name] }) { return plan }
        let route = try target(name)
        let isListed = route.model.isEmpty || route.entry.models.contains(route.model)
        let made = RoutePlan([.init(route)], .init(), resilience, isListed: isListed)
        direct.withLock { direct in
            if direct.count < Self.maximumDirect { direct[name] = made }
        }
        return made
    }

    /// Whether a name leads anywhere.
    ///
    /// - Throws: `model_not_found`.
    package func check(_ name: String) throws(GatehouseError) {
        if aliases[name] == nil { _ = try target(name) }
    }

    /// The target of a name that is no alias.
    private func target(_ name: String) throws(GatehouseError) -> Route {
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            if let entry = entries[name], entry.hasDefaultModel { return Route(entry: entry, model: "") }
            throw Self.notFound()
        }
        let model = String(name[name.index(after: slash)...])
        guard let entry = entries[String(name[..<slash])], !model.isEmpty,
            !entry.isClosed || entry.models.contains(model)
        else { throw Self.notFound() }
        return Route(entry: entry, model: model)
    }

    private static func notFound() -> GatehouseError {
        GatehouseError(
            .modelNotFound,
            "There is no such model here. GET /v1/models lists the names; provider/model and agent/model always work.",
            param: "model")
    }
}

extension RoutingSnapshot.Alias {
    /// As the configuration has it.
    package init(_ alias: ModelAliasConfiguration) {
        self.init(name: alias.name, targets: alias.targets.map(Target.init))
        fallbacks = alias.fallbacks.map(Target.init)
        settings.retries = alias.retries
        settings.stickiness = alias.sticky
        settings.hedge = alias.hedge.after.map(Interval.init)
        settings.strategy =
            switch alias.strategy {
            case .weighted: .weighted
            case .leastInflight: .leastInflight
            case .latency: .latency
            case .cost: .cost
            }
    }
}

extension RoutingSnapshot.Alias.Target {
    init(_ target: ModelAliasConfiguration.Target) {
        self.init(upstream: target.upstream.name, model: target.model, weight: target.weight)
        balance.inputPrice = target.price.input.flatMap(Double.init)
        balance.outputPrice = target.price.output.flatMap(Double.init)
        condition.keys = target.when.keys.map(ModelPattern.init)
        condition.headers = target.when.headers.map { ($0.name.lowercased(), ModelPattern($0.value)) }
        condition.minimumInput = target.when.minInput
        condition.maximumInput = target.when.maxInput
        condition.features = target.features.map {
            $0.reduce(into: Features()) { $0.formUnion(Features(named: $1) ?? []) }
        }
    }
}

extension Interval {
    /// Saturating.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = Interval.seconds(Int(clamping: seconds)) + Interval(nanoseconds: attoseconds / 1_000_000_000)
    }
}
