/// The kinds of agents that Gatehouse knows by name.
package enum AgentKind: String, Sendable, CaseIterable {
    case gemini, claude, codex, copilot, agy, opencode, qwen
    case cursorAgent = "cursor-agent"
    case llm, pi
    /// Described by its settings.
    case custom

    /// What is fixed about it; `nil` for `custom`.
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
        case .custom: nil
        }
    }
}
