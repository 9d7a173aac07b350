import ArgumentParser

@main
struct Gatehouse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "An AI gateway: one address for language models of many providers and for command-line agents.",
        discussion: """
            EXAMPLES
              gatehouse serve
                  without any configuration, on http://127.0.0.1:8080
              gatehouse serve --config gatehouse.yaml
              gatehouse check --config gatehouse.yaml
                  what would be in force, secrets redacted

            EXIT CODES
              0 fine, 64 usage, 69 a needed service is down, 70 internal,
              74 input or output failed, 78 configuration
            """,
        version: GatehouseVersion.current,
        subcommands: [
            ServeCommand.self, CheckCommand.self, DoctorCommand.self, ModelsCommand.self, AgentsCommand.self,
            KeysCommand.self, UsageCommand.self, MigrateCommand.self, BackupCommand.self, RestoreCommand.self,
            VersionCommand.self,
            ReadTextCommand.self,
        ])
}
