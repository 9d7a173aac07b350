/// gptme, over ACP. It takes its model from the environment, and says things of its own in the place of answers, which are
/// marked by their source.
struct GPTMe: AgentCLI {
    let executables = ["gptme-acp"]
    let contract = AgentContract(
        tried: "0.35.1", installation: "pipx install gptme, and pipx inject gptme agent-client-protocol",
        login: "the API key of its model in agents[].environment, or in ~/.config/gptme/config.local.toml")
    let environmentNames = [
        "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY", "XAI_API_KEY", "MODEL",
    ]
    let homeFolders = [
        AgentHomeFolder(".config/gptme", [.read("config.toml"), .read("config.local.toml")]),
        AgentHomeFolder(".local/share/gptme", []),
    ]
    let drivers = [AgentDriver.acp]

    func environment(model: String) -> [String: String] {
        model.isEmpty ? [:] : ["MODEL": model]
    }

    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        var setup = setup
        setup.noticeSources = ["gptme"]
        // With a directory named, it goes on with the last conversation that was had there.
        setup.sessionDirectory = ""
        return ACPMachine(setup)
    }
}
