/// Mistral's vibe, over ACP.
struct Vibe: AgentCLI {
    let executables = ["vibe-acp"]
    let contract = AgentContract(
        installation: "pipx install mistral-vibe", login: "vibe --setup, or MISTRAL_API_KEY")
    let environmentNames = ["MISTRAL_API_KEY", "VIBE_HOME"]
    let homeFolders = [AgentHomeFolder(".vibe", variable: "VIBE_HOME", [.read("config.toml"), .read(".env")])]
    let drivers = [AgentDriver.acp]
}
