/// An agent that the operator describes: any command, prompt on stdin or by file, plain text or a known CLI's records.
///
/// In the command, `{model}` and `{prompt-file}` stand for what they say; without `{prompt-file}` the file's path is
/// the last argument.
struct Custom: AgentCLI {
    var command: [String]
    var delivery: PromptDelivery
    var output: AgentOutputFormat

    var executables: [String] { [] }
    var environmentNames: [String] { [] }
    var home: AgentHome { .perRun }
    var readsCommands: Bool { false }
    var opensFiles: Bool { false }
    var needsNetwork: Bool { false }

    func arguments(_ invocation: AgentInvocation) -> [String] {
        var arguments = command.dropFirst().map { argument in
            switch argument {
            case "{model}": invocation.model
            case "{prompt-file}": invocation.promptFile
            default: argument
            }
        }
        if delivery == .file, !command.contains("{prompt-file}") { arguments.append(invocation.promptFile) }
        return arguments
    }

    func makeOutput() -> any AgentOutput {
        switch output {
        case .text: TextOutput()
        case .jsonLines(let kind): kind.cli?.makeOutput() ?? TextOutput()
        }
    }
}
