/// QwenLM/qwen-code: Gemini CLI's flags and Claude's records.
struct Qwen: AgentCLI {
    let executables = ["qwen"]
    let contract = AgentContract(
        installation: "npm install -g @qwen-code/qwen-code", login: "run qwen once and log in, or set OPENAI_API_KEY")
    let environmentNames = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "DASHSCOPE_API_KEY"]
    let environment = ["NO_BROWSER": "true"]
    let homeFolders = [AgentHomeFolder(".qwen", [.write("oauth_creds.json"), .read("settings.json")])]
    let drivers = [AgentDriver.oneShot, .stdin, .acp]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["--output-format", "stream-json", "--include-partial-messages", "--approval-mode", "plan"]
            + invocation.model("-m")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(ClaudeParser(inputIncludesCache: true)) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        let model = model.isEmpty ? [] : ["-m", model]
        if driver == .acp { return ["--acp", "--approval-mode", "plan"] + model }
        return [
            "--input-format", "stream-json", "--output-format", "stream-json", "--include-partial-messages",
            "--approval-mode", "plan",
        ] + model
    }

    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        switch driver {
        case .stdin:
            StdinStreamMachine(
                setup,
                .init(hasControl: true, message: Claude.message) { ClaudeParser(inputIncludesCache: true) })
        case .acp: ACPMachine(setup)
        case .oneShot, .appServer: nil
        }
    }
}
