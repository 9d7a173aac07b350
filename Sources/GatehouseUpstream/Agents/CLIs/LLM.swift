import GatehouseCore

/// Simon Willison's `llm`: plain text on stdout, tokens on standard error, no tools unless asked for.
struct LLM: AgentCLI {
    let executables = ["llm"]
    let contract = AgentContract(
        tried: "0.36", minimum: "0.23", installation: "pipx install llm", login: "llm keys set NAME")
    let environmentNames = [
        "LLM_USER_PATH", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY",
        "OPENROUTER_KEY",
    ]
    let readsCommands = false
    let opensFiles = false
    let homeFolders = [
        AgentHomeFolder(
            ".config/io.datasette.llm", variable: "LLM_USER_PATH",
            [
                .read("keys.json"), .read("extra-openai-models.yaml"), .read("default_model.txt"),
                .read("aliases.json"),
                .read("model_options.json"), .read("templates"),
            ])
    ]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["prompt", "-n", "-u"] + invocation.model("-m")
    }

    func makeOutput() -> any AgentOutput { TextOutput(usage: Self.usage) }

    /// `Token usage: 7 input, 5 output`, the last one of several.
    @Sendable static func usage(_ stderr: String) -> Usage? {
        let mark = "Token usage: "
        guard let line = stderr.split(separator: "\n").last(where: { $0.hasPrefix(mark) }) else { return nil }
        var counts: [Substring: Int] = [:]
        for piece in line.dropFirst(mark.count).split(separator: ",") {
            let words = piece.split(separator: " ")
            guard words.count >= 2, let count = Int(words[0]), count >= 0 else { continue }
            if counts[words[1]] == nil { counts[words[1]] = count }
        }
        guard let input = counts["input"], let output = counts["output"] else { return nil }
        return Usage(input: input, output: output)
    }
}
