import ArgumentParser

/// `gatehouse agents`
struct AgentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agents",
        abstract: "List agents, and record what one prints.",
        discussion: """
            EXAMPLES
              gatehouse agents
              gatehouse agents --config gatehouse.yaml --json
              gatehouse agents record claude
            """,
        subcommands: [AgentsListCommand.self, AgentsRecordCommand.self],
        defaultSubcommand: AgentsListCommand.self)
}
