/// goose, over ACP. It asks before it changes anything, and is answered by policy.
struct Goose: AgentCLI {
    let executables = ["goose"]
    let contract = AgentContract(
        installation: "https://github.com/block/goose/releases",
        login: "goose configure, or the API key of GOOSE_PROVIDER")
    let environmentNames = [
        "GOOSE_PROVIDER", "GOOSE_MODEL", "OPENAI_API_KEY", "OPENAI_HOST", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY",
        "OPENROUTER_API_KEY", "DATABRICKS_HOST", "DATABRICKS_TOKEN",
    ]
    let environment = [
        "GOOSE_MODE": "approve", "GOOSE_DISABLE_KEYRING": "1", "GOOSE_DISABLE_SESSION_NAMING": "1",
    ]
    let homeFolders = [
        AgentHomeFolder(".config/goose", [.read("config.yaml"), .read("secrets.yaml")]),
        AgentHomeFolder(".local/share/goose", []), AgentHomeFolder(".local/state/goose", []),
    ]
    let drivers = [AgentDriver.acp]

    func arguments(_ driver: AgentDriver, model: String) -> [String] { ["acp"] }

    func environment(model: String) -> [String: String] {
        model.isEmpty ? [:] : ["GOOSE_MODEL": model]
    }
}
