import ArgumentParser
import GatehouseEngine
import GatehouseStore

/// `gatehouse check`
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration and print what would be in force.",
        discussion: """
            Prints YAML with every setting, defaults included; secrets are redacted. \
            Exits with 78 and one line for each problem when the gateway would refuse \
            to start. Nothing is made or changed.

            EXAMPLES
              gatehouse check
              gatehouse check --config gatehouse.yaml
              GATEHOUSE_SERVER_PORT=9000 gatehouse check
            """)

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        try await CommandFailure.reported {
            var problems: [ConfigurationProblem] = []
            let result = try options.loader().load()
            if case .failure(let found) = result { problems += found.list }
            do {
                let path = try options.dataDirectoryPath()
                try DataDirectory.inspect(path)
                _ = try AdminKeyFile(directory: path).read()
            } catch let found as ConfigurationProblems {
                problems += found.list
            } catch let error as StoreError {
                problems.append(ConfigurationProblem(path: error.subject, message: error.message))
            }
            guard problems.isEmpty else { throw ConfigurationProblems(problems) }
            CommandOutput.print(ConfigurationDocument(try result.get()).yaml)
        }
    }
}
