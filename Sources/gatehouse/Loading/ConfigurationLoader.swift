import GatehouseEngine

/// Loads the effective configuration, at the start and at each reload.
struct ConfigurationLoader: Sendable {
    /// `nil` for none: the gateway then finds providers and agents by itself.
    var file: String?
    var catalog: ConfigurationCatalog
    var variables: [String: String]
    /// From the command line.
    var overrides: [ConfigurationBuilder.Override] = []

    /// Reads the file and those that variables name anew; finds all problems at once.
    func load() -> Result<GatehouseConfiguration, ConfigurationProblems> {
        let environment = ConfigurationEnvironment(variables: variables, readFile: TextFile.read)
        let builder = ConfigurationBuilder(catalog: catalog, environment: environment)
        guard let file else { return builder.build(file: nil, overrides: overrides).flatMap(withUsableTLS) }
        return document(file).flatMap { builder.build(file: $0, overrides: overrides) }.flatMap(withUsableTLS)
    }

    /// A certificate that cannot be used is a fault of the configuration, not of the server that tries to use it.
    private func withUsableTLS(
        _ configuration: GatehouseConfiguration
    ) -> Result<GatehouseConfiguration, ConfigurationProblems> {
        do {
            _ = try configuration.server.tls.makeContext()
            return .success(configuration)
        } catch {
            let message = "the certificate or its key cannot be read, is not PEM, or the two do not belong together"
            return .failure(ConfigurationProblems([ConfigurationProblem(path: "server.tls", message: message)]))
        }
    }

    private func document(_ path: String) -> Result<ConfigurationNode, ConfigurationProblems> {
        switch TextFile.read(path) {
        case .failure(let problem):
            let problem = ConfigurationProblem(path: path, message: problem.message)
            return .failure(ConfigurationProblems([problem]))
        case .success(let text):
            return YAMLDocument.parse(text).mapError { problem in
                ConfigurationProblems([
                    ConfigurationProblem(path: path, message: problem.message, origin: problem.origin)
                ])
            }
        }
    }
}
