import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Testing

@testable import gatehouse

@Suite struct CommandTests {
    @Test(arguments: [
        (["serve", "--config", "a.yaml", "--host", "127.0.0.1", "--port", "9", "--data-dir", "d"], "ServeCommand"),
        (["check", "--config", "a.yaml"], "CheckCommand"), (["version", "--json"], "VersionCommand"),
        (["agents", "--json"], "AgentsListCommand"), (["agents", "record", "x", "-o", "f"], "AgentsRecordCommand"),
        (["doctor", "--json", "--run", "--timeout", "3"], "DoctorCommand"), (["models", "--json"], "ModelsCommand"),
    ])
    func areUnderstood(_ arguments: [String], _ expected: String) throws {
        let command = try Gatehouse.parseAsRoot(arguments)
        #expect("\(type(of: command))" == expected)
    }

    @Test(arguments: [
        ["serve", "--port", "65536"], ["serve", "--port", "-1"], ["serve", "--port", "http"], ["serve", "extra"],
        ["nonsense"], ["check", "--confg", "x"], ["version", "--jsn"], ["agents", "record"],
        ["doctor", "--timeout", "0"],
    ])
    func wrongUseExitsWith64(_ arguments: [String]) {
        do {
            _ = try Gatehouse.parseAsRoot(arguments)
            Issue.record("understood")
        } catch {
            #expect(Gatehouse.exitCode(for: error) == ExitCode(64))
        }
    }

    @Test func everyCommandShowsExamples() {
        for command in Gatehouse.configuration.subcommands + [Gatehouse.self] {
            #expect(command.helpMessage().contains("EXAMPLES"))
            #expect(!command.configuration.abstract.isEmpty)
        }
    }

    @Test func errorsHaveTheExitCodesOfTheContract() async {
        let problem = ConfigurationProblem(path: "server.port", message: "is wrong")
        await expect(78, ConfigurationProblems([problem]))
        await expect(78, StoreError(.unsafe, "x", "y"))
        await expect(74, StoreError(.io, "x", "y"))
        await expect(70, CancellationError())
        await expect(64, ExitCode(64))
    }

    private func expect(_ code: Int32, _ error: any Error) async {
        await #expect(throws: ExitCode(code)) {
            try await CommandFailure.reported { throw error }
        }
    }

    @Test func tablesAreAligned() {
        #expect(CommandOutput.table([["A", "LONG", "C"], ["bbb", "x", "y"]]) == "A    LONG  C\nbbb  x     y\n")
    }

    @Test func listsModels() throws {
        var tree = GatehouseConfiguration()
        var provider = ProviderConfiguration(name: "openai", kind: "openai")
        provider.models = ["gpt-4o"]
        tree.providers = [provider]
        tree.agents = [AgentConfiguration(name: "claude", kind: "claude")]
        var alias = ModelAliasConfiguration(name: "fast")
        alias.targets = [.init(upstream: .provider("openai"), model: "gpt-4o")]
        tree.models = [alias]
        let lines = ModelsCommand.list(tree)
        #expect(lines.map(\.name) == ["gatehouse/echo", "fast", "openai/gpt-4o", "openai/*", "claude", "claude/*"])
        let json = try JSONValue(parsing: Array(ModelsCommand.render(lines).utf8))
        #expect(json["models"]?[1]?["upstream"] == .string("openai"))
        #expect(json["models"]?[3]?["model"] == .null)
    }

    @Test func listsAgentsConfiguredAndFound() throws {
        var tree = GatehouseConfiguration()
        tree.agents = [AgentConfiguration(name: "writer", kind: "claude")]
        let found = [
            ConfigurationCatalog.Agent(name: "claude", kind: "claude", executable: "/bin/claude"),
            ConfigurationCatalog.Agent(name: "codex", kind: "codex", executable: "/bin/codex"),
        ]
        let lines = AgentsListCommand.list(tree, found: found)
        #expect(
            lines == [
                .init(name: "writer", kind: "claude", command: ["/bin/claude"], isConfigured: true),
                .init(name: "codex", kind: "codex", command: ["/bin/codex"], isConfigured: false),
            ])
        let json = try JSONValue(parsing: Array(AgentsListCommand.render(lines).utf8))
        #expect(json["agents"]?[1]?["configured"] == .bool(false))
    }

    @Test func theDataDirectoryIsFoundInOrder() throws {
        var variables = ["HOME": "/home/u"]
        #expect(try DataLocation.choose(option: nil, variables: variables) == "/home/u/.local/share/gatehouse")
        variables["XDG_DATA_HOME"] = "relative"
        #expect(try DataLocation.choose(option: nil, variables: variables) == "/home/u/.local/share/gatehouse")
        variables["XDG_DATA_HOME"] = "/data"
        #expect(try DataLocation.choose(option: nil, variables: variables) == "/data/gatehouse")
        variables["GATEHOUSE_DATA_DIR"] = "/here"
        #expect(try DataLocation.choose(option: nil, variables: variables) == "/here")
        #expect(try DataLocation.choose(option: "there", variables: variables) == "there")
        #expect(throws: ConfigurationProblems.self) { try DataLocation.choose(option: nil, variables: [:]) }
        #expect(throws: ConfigurationProblems.self) { try DataLocation.choose(option: "", variables: variables) }
    }

    @Test func theFormOfLogsFollowsTheTerminal() {
        #expect(LogSetup.form(.auto, isTerminal: true) == .console(colour: true))
        #expect(LogSetup.form(.auto, isTerminal: false) == .json)
        #expect(LogSetup.form(.json, isTerminal: true) == .json)
        #expect(LogSetup.form(.console, isTerminal: false) == .console(colour: false))
    }
}
