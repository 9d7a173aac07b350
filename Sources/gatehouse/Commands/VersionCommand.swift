import ArgumentParser
import GatehouseCore

/// `gatehouse version`
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.",
        discussion: """
            EXAMPLES
              gatehouse version
              gatehouse version --json
            """)

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        guard json else { return CommandOutput.print("gatehouse \(GatehouseVersion.current)") }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("name")
        writer.string("gatehouse")
        writer.key("version")
        writer.string(GatehouseVersion.current)
        writer.endObject()
        CommandOutput.print(writer.buffer)
    }
}
