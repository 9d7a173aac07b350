import GatehouseCore
import GatehouseEngine
import GatehouseUpstream
import NIOCore
import NIOSSL

/// Makes the upstreams that a configuration names.
struct UpstreamFactory: Sendable {
    let group: any EventLoopGroup
    let runner: AgentRunner
    let tls: NIOSSLContext
    let proxy: HTTPProxy?
    let version: String

    /// The built-in model, every provider and every agent.
    func entries(_ configuration: GatehouseConfiguration) -> [UpstreamEntry] {
        let echo = UpstreamEntry(
            name: "gatehouse", upstream: EchoUpstream(), kind: .provider, models: ["echo"], isClosed: true)
        return [echo] + configuration.providers.compactMap(provider) + configuration.agents.compactMap(agent)
    }

    private func provider(_ settings: ProviderConfiguration) -> UpstreamEntry? {
        guard let row = ProviderRow.named(settings.kind)?.speaking(settings.dialects),
            let base = settings.baseURL
                ?? row.baseURL.map({ ProviderPlace.fill($0, region: settings.region, project: settings.project) }),
            let origin = HTTPOrigin(base)
        else { return nil }
        let place = ProviderPlace(
            row, base: origin.path, region: settings.region, project: settings.project, apiVersion: settings.apiVersion)
        let timeouts = HTTPTimeouts(
            connect: TimeAmount(settings.timeouts.connect), firstByte: TimeAmount(settings.timeouts.firstByte),
            idle: TimeAmount(settings.timeouts.idle), total: TimeAmount(settings.timeouts.total))
        let connector = HTTPConnector(origin: origin, tls: tls, proxy: proxy, timeout: timeouts.connect)
        let upstream = ProviderUpstream(
            name: settings.name, row: row, place: place, key: settings.keys.first?.value,
            headers: settings.headers.map { ($0.name, $0.value) }, connector: connector, timeouts: timeouts,
            group: group, userAgent: "gatehouse/\(version)")
        return UpstreamEntry(
            name: settings.name, upstream: upstream, kind: .provider, providerKind: settings.kind,
            streams: StreamHabits(terminator: row.terminator, takesOptions: row.takesStreamOptions),
            models: settings.models, source: upstream)
    }

    private func agent(_ settings: AgentConfiguration) -> UpstreamEntry? {
        guard let kind = AgentKind(rawValue: settings.kind) else { return nil }
        let upstream = AgentUpstream(settings: AgentSettings(settings, kind: kind), runner: runner)
        return UpstreamEntry(
            name: settings.name, upstream: upstream, kind: .agent, hasDefaultModel: true,
            models: settings.model.map { [$0] } ?? []
        ) { request throws(GatehouseError) in try upstream.validate(request) }
    }
}

extension AgentSettings {
    init(_ settings: AgentConfiguration, kind: AgentKind) {
        self.init(name: settings.name, kind: kind)
        command = settings.command
        model = settings.model ?? ""
        concurrency = settings.concurrency
        home = settings.home.map { .path($0) }
        environment = Dictionary(settings.environment.map { ($0.name, $0.value) }) { _, last in last }
        timeouts.firstOutput = settings.timeouts.firstOutput
        timeouts.idle = settings.timeouts.idle
        timeouts.total = settings.timeouts.total
        grace = settings.timeouts.grace
        prompt = settings.prompt == .file ? .file : .stdin
        output = AgentKind(rawValue: settings.output).map { .jsonLines($0) } ?? .text
    }
}
