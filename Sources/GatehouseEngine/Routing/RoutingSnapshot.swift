package import GatehouseCore

/// Everything a call needs to know about keys and targets, frozen. A call takes one when it is admitted and keeps it to
/// its end; a reload makes a new one.
package final class RoutingSnapshot: Sendable {
    /// A name that clients may ask for instead of `provider/model`.
    package struct Alias: Sendable {
        package struct Target: Sendable {
            package var upstream: String
            package var model: String
            package var weight = 1

            package init(upstream: String, model: String, weight: Int = 1) {
                self.upstream = upstream
                self.model = model
                self.weight = weight
            }
        }

        package let name: String
        /// One of them is chosen for each call.
        package let targets: [Target]
        /// Tried in order when those fail.
        package var fallbacks: [Target] = []
        package var strategy = LoadBalancer.Strategy.weighted
        /// Further attempts at the same target.
        package var retries = 0

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
    private let aliases: [String: Destination]
    package let resilience: Resilience
    /// All names worth listing, in order: aliases, then each target's models.
    package let modelNames: [String]
    /// Seconds since 1970 when this snapshot was made.
    package let created: Int

    /// - Parameter resilience: What is known of targets; the same for every snapshot of an instance.
    package init(
        keys: any KeyStore, entries: [UpstreamEntry], aliases: [Alias], created: Int,
        resilience: Resilience = Resilience()
    ) {
        self.keys = keys
        self.resilience = resilience
        self.created = created
        var byName: [String: UpstreamEntry] = [:]
        for entry in entries { byName[entry.name] = entry }
        self.entries = byName
        var destinations: [String: Destination] = [:]
        for alias in aliases { destinations[alias.name] = Self.destination(alias, byName, resilience) }
        self.aliases = destinations
        modelNames =
            aliases.map(\.name)
            + entries.flatMap { entry in
                (entry.hasDefaultModel ? [entry.name] : []) + entry.models.map { "\(entry.name)/\($0)" }
            }
    }

    package var upstreams: [UpstreamEntry] { Array(entries.values) }

    /// `nil` when none of the targets is there.
    private static func destination(
        _ alias: Alias, _ entries: [String: UpstreamEntry], _ resilience: Resilience
    ) -> Destination? {
        func route(_ target: Alias.Target) -> Route? {
            entries[target.upstream].map { Route(entry: $0, model: target.model) }
        }
        let present = alias.targets.filter { entries[$0.upstream] != nil }
        let fallbacks = alias.fallbacks.compactMap(route)
        guard let first = present.first.flatMap(route) else { return nil }
        guard present.count > 1 || !fallbacks.isEmpty || alias.retries > 0 else { return .target(first) }
        var settings = RoutePlan.Settings()
        settings.strategy = alias.strategy
        settings.weights = present.map(\.weight)
        settings.retries = alias.retries
        return .plan(
            RoutePlan(present.compactMap(route), fallbacks: fallbacks, settings, breaker: resilience.breaker))
    }

    /// Where a model name leads.
    ///
    /// - Throws: `model_not_found`.
    package func destination(_ name: String) throws(GatehouseError) -> Destination {
        if let destination = aliases[name] { return destination }
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            if let entry = entries[name], entry.hasDefaultModel { return .target(Route(entry: entry, model: "")) }
            throw Self.notFound()
        }
        let model = String(name[name.index(after: slash)...])
        guard let entry = entries[String(name[..<slash])], !model.isEmpty,
            !entry.isClosed || entry.models.contains(model)
        else { throw Self.notFound() }
        return .target(Route(entry: entry, model: model))
    }

    private static func notFound() -> GatehouseError {
        GatehouseError(
            .modelNotFound,
            "There is no such model here. GET /v1/models lists the names; provider/model and agent/model always work.",
            param: "model")
    }
}
