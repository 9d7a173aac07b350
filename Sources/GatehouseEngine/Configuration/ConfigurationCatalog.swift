/// What this build and this host offer: the kinds a configuration may name, and what is found without one.
package struct ConfigurationCatalog: Sendable {
    /// A row of the provider table.
    package struct Provider: Sendable, Equatable {
        /// The name it gets when it is found by its variable.
        package var name: String
        package var kind: String
        /// The variable that vendors and clients agree on for its key; `nil` when there is none.
        package var environmentVariable: String?
        /// Whether an operator must say where it is.
        package var needsBaseURL: Bool
        /// Settings without which it cannot be reached: `region`, `project`.
        package var needs: [String]

        package init(
            name: String, kind: String, environmentVariable: String?, needsBaseURL: Bool = false, needs: [String] = []
        ) {
            self.name = name
            self.kind = kind
            self.environmentVariable = environmentVariable
            self.needsBaseURL = needsBaseURL
            self.needs = needs
        }
    }

    /// An agent whose executable was found on PATH.
    package struct Agent: Sendable, Equatable {
        package var name: String
        package var kind: String
        /// The path of the executable.
        package var executable: String

        package init(name: String, kind: String, executable: String) {
            self.name = name
            self.kind = kind
            self.executable = executable
        }
    }

    package var providers: [Provider]
    /// Without `custom`.
    package var agentKinds: [String]
    /// How each kind can be driven, its own way first; a kind that is not named has one process for each call.
    package var agentDrivers: [String: [AgentConfiguration.Driver]] = [:]
    package var agentsOnPath: @Sendable () -> [Agent]

    /// How an agent of a kind is driven when nothing is said.
    package func drivers(of kind: String) -> [AgentConfiguration.Driver] {
        agentDrivers[kind] ?? [.oneShot]
    }

    package init(
        providers: [Provider] = [], agentKinds: [String] = [], agentsOnPath: @escaping @Sendable () -> [Agent] = { [] }
    ) {
        self.providers = providers
        self.agentKinds = agentKinds
        self.agentsOnPath = agentsOnPath
    }

    /// In the order of the table, each once.
    package var providerKinds: [String] {
        var kinds: [String] = []
        for provider in providers where !kinds.contains(provider.kind) { kinds.append(provider.kind) }
        return kinds
    }
}
