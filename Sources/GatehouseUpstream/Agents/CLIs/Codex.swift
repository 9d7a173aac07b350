import GatehouseCore

/// OpenAI's Codex. `-` reads the prompt from stdin; it gives whole messages, never deltas.
struct Codex: AgentCLI {
    let executables = ["codex"]
    let contract = AgentContract(
        tried: "0.144.1", loginArguments: ["login", "status"], installation: "npm install -g @openai/codex",
        login: "codex login --device-auth, or CODEX_API_KEY")
    let environmentNames = ["CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_HOME"]
    let readsCommands = false
    let homeFolders = [
        AgentHomeFolder(".codex", variable: "CODEX_HOME", [.write("auth.json"), .read("config.toml")])
    ]
    let drivers = [AgentDriver.oneShot, .appServer]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["exec", "--json", "--skip-git-repo-check", "--ephemeral", "--color", "never", "-s", "read-only"]
            + invocation.model("-m") + ["-"]
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(CodexParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        ["app-server", "-c", "sandbox_mode=\"read-only\"", "-c", "approval_policy=\"never\""]
    }

    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        driver == .appServer ? AppServerMachine(setup) : nil
    }
}

struct CodexParser: AgentParser {
    private var verdict = AgentVerdict()
    /// The last message so far. Only the last one of a turn is the answer; earlier ones tell what it is doing.
    private var message: String?
    private var thread: String?
    private var openTools: Set<String> = []
    private var errorText: String?
    private var turnFailure: String?

    var isComplete: Bool { verdict.finish != nil || turnFailure != nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        switch type {
        case "thread.started":
            thread = record.text("thread_id")
            return [.started(AnswerStart(session: thread))]
        case "item.started", "item.completed":
            guard let item = record["item"] else { return [] }
            return self.item(item, isCompleted: type == "item.completed")
        case "turn.completed": return completed(record["usage"])
        case "turn.failed":
            turnFailure = record["error"]?.text("message") ?? errorText ?? "no message"
            return []
        case "error":
            // Also written for each new try of a connection; fatal only with a failed turn or exit.
            errorText = record.text("message")
            return []
        default: return []
        }
    }

    private mutating func item(_ item: JSONValue, isCompleted: Bool) -> [CanonicalEvent] {
        switch item.text("type") {
        case "agent_message":
            guard isCompleted, let text = item.text("text") else { return [] }
            let earlier = message
            message = text
            return earlier.map { [.notice(Notice(.info, $0))] } ?? []
        case "reasoning":
            guard isCompleted, let text = item.text("text") else { return [] }
            return [.reasoningDelta(text)]
        case "error":
            guard isCompleted, let text = item.text("message") else { return [] }
            return [.notice(Notice(.warning, text.bounded))]
        case let type?: return tool(item, type: type, isCompleted: isCompleted)
        case nil: return []
        }
    }

    private mutating func tool(_ item: JSONValue, type: String, isCompleted: Bool) -> [CanonicalEvent] {
        guard let id = item.text("id"), let (name, input) = Self.tool(item, type: type) else { return [] }
        // Some kinds of items are told of only once, when they are over.
        let start = openTools.insert(id).inserted ? [CanonicalEvent.toolStarted(id: id, name: name, input: input)] : []
        guard isCompleted else { return start }
        openTools.remove(id)
        let status = item.text("status") ?? "completed"
        let isDenied = status == "declined"
        if isDenied { verdict.denials.append(name) }
        return start + [.toolFinished(id: id, succeeded: status == "completed", denied: isDenied)]
    }

    private static func tool(_ item: JSONValue, type: String) -> (name: String, input: String?)? {
        switch type {
        case "command_execution":
            return ("shell", item["command"].map { JSONValue.object([.init("command", $0)]).text })
        case "file_change": return ("file_change", item["changes"]?.text)
        case "mcp_tool_call":
            return (
                [item.text("server"), item.text("tool")].compactMap(\.self).joined(separator: "."),
                item["arguments"]?.text
            )
        case "web_search": return ("web_search", item["query"].map { JSONValue.object([.init("query", $0)]).text })
        default: return nil
        }
    }

    private mutating func completed(_ usage: JSONValue?) -> [CanonicalEvent] {
        verdict.finish = Finish(
            .stop,
            usage: usage.map { usage in
                Usage(
                    input: usage.tokens("input_tokens"), output: usage.tokens("output_tokens"),
                    cachedInput: usage.tokens("cached_input_tokens"), reasoning: usage.tokens("reasoning_output_tokens")
                )
            },
            session: thread)
        guard let message else { return [] }
        self.message = nil
        return [verdict.give(message)]
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let turnFailure {
            verdict.failure = FailureText.classify(turnFailure, clock: exit.clock, fallback: .failed)
        } else if exit.status != .exited(0), let errorText {
            verdict.failure = FailureText.classify(errorText, clock: exit.clock, fallback: .failed)
        }
        return verdict.settle(exit)
    }
}
