/// An agent that the operator describes: any command that speaks the Agent Client Protocol on its stdin and stdout.
///
/// In the command, `{model}` stands for what it says.
struct ACP: AgentCLI {
    var command: [String]

    var executables: [String] { [] }
    var environmentNames: [String] { [] }
    var home: AgentHome { .perRun }
    var needsNetwork: Bool { false }
    var readsCommands: Bool { true }
    var drivers: [AgentDriver] { [.acp] }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        command.dropFirst().map { $0 == "{model}" ? model : $0 }
    }
}
