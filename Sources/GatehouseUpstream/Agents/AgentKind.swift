/// The kinds of agents that Gatehouse knows by name.
package enum AgentKind: String, Sendable, CaseIterable {
    case gemini, claude, codex, copilot, agy, opencode, qwen
    case cursorAgent = "cursor-agent"
    case llm, pi, aider
    case goose, vibe, kimi, gptme
    /// Any agent that speaks the Agent Client Protocol, described by its settings.
    case acp
    /// Described by its settings.
    case custom

    /// What is fixed about it; `nil` for those that settings describe.
    package var cli: (any AgentCLI)? {
        switch self {
        case .gemini: Gemini()
        case .claude: Claude()
        case .codex: Codex()
        case .copilot: Copilot()
        case .agy: Agy()
        case .opencode: OpenCode()
        case .qwen: Qwen()
        case .cursorAgent: CursorAgent()
        case .llm: LLM()
        case .pi: Pi()
        case .aider: Aider()
        case .goose: Goose()
        case .vibe: Vibe()
        case .kimi: Kimi()
        case .gptme: GPTMe()
        case .custom, .acp: nil
        }
    }
}
