import GatehouseEngine
import GatehouseStore
import GatehouseUpstream
import Glibc

/// The composition root: the one place that knows every room.
enum Composition {
    static func serve(
        configuration: GatehouseConfiguration, dataDirectory: DataDirectory, loader: ConfigurationLoader
    ) async throws {
        CommandOutput.print(ConfigurationDocument(configuration).yaml)
    }

    /// What this build and this host offer to a configuration.
    static func catalog(variables: [String: String]) -> ConfigurationCatalog {
        let path = variables["PATH"] ?? ""
        return ConfigurationCatalog(
            providers: ProviderRow.all.map { row in
                .init(
                    name: row.kind, kind: row.kind, environmentVariable: row.environmentVariable,
                    needsBaseURL: row.baseURL == nil)
            },
            agentKinds: agents.map(\.kind),
            agentsOnPath: {
                agents.compactMap { agent in
                    ExecutableSearch.find(agent.executable, path: path).map {
                        .init(name: agent.kind, kind: agent.kind, executable: $0)
                    }
                }
            })
    }

    private static let agents: [(kind: String, executable: String)] = [
        ("gemini", "gemini"), ("claude", "claude"), ("codex", "codex"), ("copilot", "copilot"), ("agy", "agy"),
        ("opencode", "opencode"), ("qwen", "qwen"), ("cursor-agent", "cursor-agent"), ("llm", "llm"),
    ]
}

/// Finds executables as a shell does, except that directories which depend on where one stands are passed over.
enum ExecutableSearch {
    static func find(_ name: String, path: String) -> String? {
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let candidate = "\(directory)/\(name)"
            var status = stat()
            guard stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }
}
