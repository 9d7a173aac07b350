/// Makes the effective configuration: defaults, under the file, under the environment, under the command line.
package struct ConfigurationBuilder: Sendable {
    package var catalog: ConfigurationCatalog
    package var environment: ConfigurationEnvironment

    package init(catalog: ConfigurationCatalog, environment: ConfigurationEnvironment) {
        self.catalog = catalog
        self.environment = environment
    }

    /// A setting made by an option of the command line.
    package struct Override: Sendable, Equatable {
        /// A key path without lists.
        package var path: String
        package var value: String
        /// The option, with its dashes.
        package var option: String

        package init(path: String, value: String, option: String) {
            self.path = path
            self.value = value
            self.option = option
        }
    }

    /// Every setting that exists, in the order of the documentation.
    package static func keys() -> [ConfigurationKey] { ConfigurationReader.keys() }

    /// Without a file, the providers are those whose key is in the environment, and the agents those found on PATH.
    package func build(
        file: ConfigurationNode?, overrides: [Override] = []
    ) -> Result<GatehouseConfiguration, ConfigurationProblems> {
        let journal = ConfigurationJournal()
        var document = file ?? ConfigurationNode(.map([]))
        ConfigurationInterpolation(environment: environment, journal: journal).apply(to: &document)
        if case .scalar = document.content {
            return refuse("the file must be a group of settings, such as \"server:\"")
        }
        if case .list = document.content { return refuse("the file must be a group of settings, not a list") }
        EnvironmentOverlay(environment: environment, keys: Self.keys()).apply(to: &document, journal: journal)
        for override in overrides {
            let value = ConfigurationNode.text(override.value, origin: .option(override.option))
            document.set(value, at: override.path.split(separator: ".")[...])
        }
        var tree = ConfigurationReader(catalog: catalog, journal: journal).read(document)
        if file == nil { discover(into: &tree, journal) }
        ConfigurationValidation(tree: tree, catalog: catalog, journal: journal).run()
        guard journal.problems.isEmpty else { return .failure(ConfigurationProblems(journal.problems)) }
        return .success(tree)
    }

    private func refuse(_ message: String) -> Result<GatehouseConfiguration, ConfigurationProblems> {
        .failure(ConfigurationProblems([ConfigurationProblem(path: "", message: message)]))
    }

    private func discover(into tree: inout GatehouseConfiguration, _ journal: ConfigurationJournal) {
        for row in catalog.providers {
            guard let variable = row.environmentVariable, !row.needsBaseURL, row.needs.isEmpty else { continue }
            switch environment.value(of: variable) {
            case .failure(let problem):
                journal.report(ConfigurationProblem(path: variable, message: problem.message))
            case .success(nil): break
            case .success(let value?):
                // A variable that is set to nothing is how shells and compose files leave one out.
                guard !value.isEmpty else { continue }
                guard let secret = ConfigurationValue.secret.parse(value) else {
                    let message = "its value is not \(ConfigurationValue.secret.what)"
                    journal.report(ConfigurationProblem(path: variable, message: message))
                    continue
                }
                var provider = ProviderConfiguration(name: row.name, kind: row.kind)
                provider.keys = [.init(name: ProviderConfiguration.defaultKeyName, value: secret)]
                tree.providers.append(provider)
            }
        }
        for found in catalog.agentsOnPath() {
            // A vendor's CLI is often called what its API is called, and model names begin with either.
            let names = [found.name, found.name + "-cli"]
            let taken = tree.providers.map(\.name) + tree.agents.map(\.name)
            guard let name = names.first(where: { !taken.contains($0) }) else { continue }
            var agent = AgentConfiguration(name: name, kind: found.kind)
            agent.command = [found.executable]
            tree.agents.append(agent)
        }
    }
}
