import GatehouseCore

/// opencode. It reads stdin to its end and gives whole parts, never deltas.
struct OpenCode: AgentCLI {
    let executables = ["opencode"]
    let contract = AgentContract(
        tried: "1.1.49", installation: "npm install -g opencode-ai",
        login: "opencode auth login, or the vendor's key in the environment")
    let environmentNames = [
        "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY",
        "OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
    ]
    let environment = [
        "OPENCODE_PERMISSION": #"{"edit":"deny","bash":"deny","webfetch":"deny","external_directory":"deny"}"#,
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    ]

    let fileVariables = ["OPENCODE_CONFIG"]
    let homeFolders = [
        AgentHomeFolder(".local/share", variable: "XDG_DATA_HOME", [.write("opencode/auth.json")]),
        AgentHomeFolder(
            ".config", variable: "XDG_CONFIG_HOME",
            [.read("opencode/opencode.json"), .read("opencode/opencode.jsonc"), .read("opencode/config.json")]),
        AgentHomeFolder(".local/state", variable: "XDG_STATE_HOME", []),
        AgentHomeFolder(".cache", variable: "XDG_CACHE_HOME", []),
    ]
    let drivers = [AgentDriver.oneShot, .acp]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["run", "--format", "json", "--agent", "plan"] + invocation.model("-m")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(OpenCodeParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        ["acp"]
    }
}

struct OpenCodeParser: AgentParser {
    private var verdict = AgentVerdict()
    private var hasStarted = false
    private var isFinished = false
    private var session: String?
    private var usage: Usage?
    private var cost: CostSum?
    private var reason = FinishReason.stop
    private var error: JSONValue?

    /// Its last step may be followed by another one; only the newer `done` is certain.
    private(set) var isComplete = false

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        let part = record["part"] ?? .object([])
        switch type {
        case "step_start":
            isFinished = false
            guard !hasStarted else { return [] }
            hasStarted = true
            session = record.text("sessionID")
            return [.started(AnswerStart(session: session))]
        case "text":
            guard let text = part.text("text") else { return [] }
            verdict.breakText()
            return [verdict.give(text)]
        case "reasoning": return part.text("text").map { [.reasoningDelta($0)] } ?? []
        case "tool_use": return tool(part)
        case "step_finish":
            stepFinished(part)
            return []
        case "error":
            error = record["error"] ?? .null
            return []
        case "done":
            isComplete = true
            verdict.denials += (record["rejected"]?.array ?? []).map { $0.string ?? $0.text("permission") ?? "a tool" }
            return []
        default: return []
        }
    }

    /// A tool is told of once, when it has ended.
    private mutating func tool(_ part: JSONValue) -> [CanonicalEvent] {
        guard let id = part.text("callID"), let name = part.text("tool") else { return [] }
        let state = part["state"]
        let text = state?.text("error")?.lowercased() ?? ""
        let isDenied = text.contains("rejected permission") || text.contains("denied") || text.contains("prevents you")
        if isDenied { verdict.denials.append(name) }
        return [
            .toolStarted(id: id, name: name, input: state?["input"]?.text),
            .toolFinished(id: id, succeeded: state?.text("status") == "completed", denied: isDenied),
        ]
    }

    private mutating func stepFinished(_ part: JSONValue) {
        if let tokens = part["tokens"] {
            let cached = tokens["cache"]?.tokens("read") ?? 0
            let written = tokens["cache"]?.tokens("write") ?? 0
            let reasoning = tokens.tokens("reasoning")
            let sum = usage ?? Usage(input: 0, output: 0)
            usage = Usage(
                input: sum.input.capped(adding: tokens.tokens("input")).capped(adding: cached).capped(adding: written),
                output: sum.output.capped(adding: tokens.tokens("output")).capped(adding: reasoning),
                cachedInput: sum.cachedInput.capped(adding: cached),
                reasoning: sum.reasoning.capped(adding: reasoning))
        }
        if let amount = part["cost"]?.numberText { cost = CostSum(cost, adding: amount) }
        switch part.text("reason") {
        case "tool-calls": isFinished = false
        case "length": (isFinished, reason) = (true, .length)
        case "content-filter": (isFinished, reason) = (true, .contentFilter)
        default: (isFinished, reason) = (true, .stop)
        }
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let error {
            let name = error.text("name") ?? "error"
            let message = error["data"]?.text("message") ?? error.text("message") ?? "no message"
            if let status = error["data"]?["statusCode"]?.int {
                verdict.failure = FailureText.classify(
                    status: status, message: "\(name): \(message)", clock: exit.clock)
            } else {
                verdict.failure = FailureText.classify("\(name): \(message)", clock: exit.clock, fallback: .failed)
            }
        } else if isFinished {
            verdict.finish = Finish(
                reason, usage: usage, cost: cost.map { Cost(unit: "usd", amount: $0.text) }, session: session)
        }
        return verdict.settle(exit)
    }
}
