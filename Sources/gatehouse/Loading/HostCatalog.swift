import GatehouseEngine
import GatehouseUpstream

/// What this build and this host offer to a configuration.
enum HostCatalog {
    static func make(variables: [String: String]) -> ConfigurationCatalog {
        let path = variables["PATH"] ?? ""
        var catalog = ConfigurationCatalog(
            providers: ProviderRow.all.map { row in
                .init(
                    name: row.kind, kind: row.kind, environmentVariable: row.environmentVariable,
                    needsBaseURL: row.baseURL == nil, needs: row.needs)
            },
            agentKinds: AgentKind.allCases.filter { $0 != .custom }.map(\.rawValue),
            agentsOnPath: {
                AgentDiscovery.onPath(path: path).map { found in
                    .init(name: found.kind.rawValue, kind: found.kind.rawValue, executable: found.path)
                }
            })
        for kind in AgentKind.allCases {
            let drivers = AgentSettings(name: "", kind: kind).drivers
            catalog.agentDrivers[kind.rawValue] = drivers.compactMap { .init(rawValue: $0.rawValue) }
        }
        return catalog
    }
}
