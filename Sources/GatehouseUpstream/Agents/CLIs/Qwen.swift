/// QwenLM/qwen-code: Gemini CLI's flags and Claude's records.
struct Qwen: AgentCLI {
    let executables = ["qwen"]
    let contract = AgentContract(
        installation: "npm install -g @qwen-code/qwen-code", login: "run qwen once and log in, or set OPENAI_API_KEY")
    let environmentNames = ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "DASHSCOPE_API_KEY"]
    let environment = ["NO_BROWSER": "true"]
    let homeFolders = [AgentHomeFolder(".qwen", [.write("oauth_creds.json"), .read("settings.json")])]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["--output-format", "stream-json", "--include-partial-messages", "--approval-mode", "plan"]
            + invocation.model("-m")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(ClaudeParser(inputIncludesCache: true)) }
}
