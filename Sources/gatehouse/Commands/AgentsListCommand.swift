import ArgumentParser
import GatehouseCore
import GatehouseEngine
import NIOCore

/// `gatehouse agents list`, which is also what `gatehouse agents` does.
struct AgentsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the agents that are configured, and those found on PATH.",
        discussion: """
            EXAMPLES
              gatehouse agents
              gatehouse agents list --config gatehouse.yaml --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            let loader = try options.loader()
            let configuration = try loader.load().get()
            let list = Self.list(configuration, found: loader.catalog.agentsOnPath())
            CommandOutput.print(json ? Self.render(list) : Self.table(list))
        }
    }

    struct Line: Equatable {
        var name: String
        var kind: String
        var command: [String]
        /// Whether the gateway offers it.
        var isConfigured: Bool
    }

    static func list(_ configuration: GatehouseConfiguration, found: [ConfigurationCatalog.Agent]) -> [Line] {
        let configured = configuration.agents.map { agent in
            let executable = found.first { $0.kind == agent.kind }?.executable
            let command = agent.command.isEmpty ? [executable ?? agent.kind] : agent.command
            return Line(name: agent.name, kind: agent.kind, command: command, isConfigured: true)
        }
        let others = found.filter { agent in !configured.contains { $0.kind == agent.kind } }.map { agent in
            Line(name: agent.name, kind: agent.kind, command: [agent.executable], isConfigured: false)
        }
        return configured + others
    }

    static func table(_ lines: [Line]) -> String {
        guard !lines.isEmpty else { return "No agents are configured and none were found on PATH.\n" }
        let rows = lines.map { [$0.name, $0.kind, $0.isConfigured ? "yes" : "no", $0.command.joined(separator: " ")] }
        return CommandOutput.table([["NAME", "KIND", "CONFIGURED", "COMMAND"]] + rows)
    }

    static func render(_ lines: [Line]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("agents")
        writer.beginArray()
        for line in lines {
            writer.beginObject()
            writer.key("name")
            writer.string(line.name)
            writer.key("kind")
            writer.string(line.kind)
            writer.key("configured")
            writer.bool(line.isConfigured)
            writer.key("command")
            writer.beginArray()
            for part in line.command { writer.string(part) }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return String(buffer: writer.buffer)
    }
}
