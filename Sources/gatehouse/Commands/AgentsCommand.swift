import ArgumentParser

/// `gatehouse agents`
struct AgentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agents",
        abstract: "List agents, record what one prints, and log accounts in.",
        discussion: """
            EXAMPLES
              gatehouse agents
              gatehouse agents --config gatehouse.yaml --json
              gatehouse agents record claude
              gatehouse agents add-account claude work
            """,
        subcommands: [AgentsListCommand.self, AgentsRecordCommand.self, AddAccountCommand.self],
        defaultSubcommand: AgentsListCommand.self)
}
