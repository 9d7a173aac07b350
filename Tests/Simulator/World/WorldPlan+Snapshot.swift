import GatehouseCore
import GatehouseEngine

extension WorldPlan {
    /// The gateway's routing, as it would be made from a configuration.
    func snapshot(_ upstreams: [any Upstream], _ keys: SimulatedKeys, _ resilience: Resilience) -> RoutingSnapshot {
        let entries = zip(self.upstreams, upstreams).map(entry)
        let aliases = models.filter { !$0.isDirect }.map(alias)
        return RoutingSnapshot(keys: keys, entries: entries, aliases: aliases, created: 1, resilience: resilience)
    }

    private func entry(_ plan: UpstreamPlan, _ upstream: any Upstream) -> UpstreamEntry {
        var entry = UpstreamEntry(
            name: plan.name, upstream: upstream, kind: plan.isAgent ? .agent : .provider,
            habits: WireHabits(terminator: plan.endsWithReason ? .doneOrFinishReason : .done), models: ["real"])
        if plan.keys.count > 1 { entry.keys = plan.keys.indices.map { "key\($0)" } }
        entry.onDisconnect = plan.drains ? .drain : .cancel
        if let limits = plan.limits {
            var configured = ProviderConfiguration.Limits()
            configured.concurrency = limits.concurrency
            configured.queue = limits.queue
            configured.wait = .nanoseconds(limits.wait.nanoseconds)
            entry.limits = Deployment.Limits(configured)
        }
        return entry
    }

    private func alias(_ model: ModelPlan) -> RoutingSnapshot.Alias {
        var alias = RoutingSnapshot.Alias(name: model.name, targets: model.targets.map(target))
        alias.fallbacks = model.fallbacks.map(target)
        alias.settings.strategy = model.strategy
        alias.settings.retries = model.retries
        alias.settings.hedge = model.hedge
        alias.settings.stickiness = model.isSticky ? .session : .none
        return alias
    }

    private func target(_ target: ModelPlan.Target) -> RoutingSnapshot.Alias.Target {
        let upstream = upstreams[target.upstream]
        var made = RoutingSnapshot.Alias.Target(upstream: upstream.name, model: "real", weight: target.weight)
        made.balance.inputPrice = Double(upstream.price)
        made.balance.outputPrice = Double(upstream.price)
        if target.isExclusive { made.condition.keys = [ModelPattern("k0")] }
        return made
    }
}
