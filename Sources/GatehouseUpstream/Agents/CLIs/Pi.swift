import GatehouseCore

/// The coding agent `pi`, with the tools that only read. What is piped into it is its prompt.
struct Pi: AgentCLI {
    let executables = ["pi"]
    let contract = AgentContract(
        installation: "npm install -g @earendil-works/pi-coding-agent",
        login: "run pi once and log in, or set the vendor's key in the environment")
    let environmentNames = [
        "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "GROQ_API_KEY",
        "MISTRAL_API_KEY",
        "XAI_API_KEY", "PI_CODING_AGENT_DIR",
    ]
    let homeFolders = [
        AgentHomeFolder(
            ".pi/agent", variable: "PI_CODING_AGENT_DIR",
            [.write("auth.json"), .read("models.json"), .copy("settings.json")])
    ]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["--print", "--mode", "json", "--no-session", "--tools", "read,grep,find,ls"] + invocation.model("--model")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(PiParser()) }
}

struct PiParser: AgentParser {
    private var verdict = AgentVerdict()
    private var hasStarted = false
    /// The text of the open message that was given out.
    private var given = ""
    private var usage: Usage?
    private var cost: CostSum?
    private var session: String?
    /// How its last message stopped, and what went wrong with it.
    private var stopped = FinishReason.stop
    private var errorText: String?
    /// Another run may follow the end of one, when it tries again or makes its context smaller.
    private var hasEnded = false

    var isComplete: Bool { hasEnded && errorText == nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        switch type {
        case "session":
            session = record.text("id")
            return start(nil)
        case "agent_start": hasEnded = false
        case "agent_end": hasEnded = true
        case "message_start":
            guard let message = assistant(record) else { return [] }
            given = ""
            verdict.breakText()
            return start(message)
        case "message_update":
            guard assistant(record) != nil else { return [] }
            return update(record["assistantMessageEvent"])
        case "message_end":
            guard let message = assistant(record) else { return [] }
            return start(message) + end(of: message)
        case "tool_execution_start":
            guard let id = record.text("toolCallId"), let name = record.text("toolName") else { return [] }
            return [.toolStarted(id: id, name: name, input: record["args"]?.text)]
        case "tool_execution_end":
            guard let id = record.text("toolCallId") else { return [] }
            return [.toolFinished(id: id, succeeded: record["isError"]?.bool != true, denied: false)]
        case "auto_retry_start":
            guard let text = record.text("errorMessage") else { return [] }
            return [.notice(Notice(.warning, text.bounded))]
        default: break
        }
        return []
    }

    private func assistant(_ record: JSONValue) -> JSONValue? {
        guard let message = record["message"], message.text("role") == "assistant" else { return nil }
        return message
    }

    private mutating func start(_ message: JSONValue?) -> [CanonicalEvent] {
        guard !hasStarted else { return [] }
        hasStarted = true
        return [.started(AnswerStart(model: message?.text("model"), session: session))]
    }

    private mutating func update(_ event: JSONValue?) -> [CanonicalEvent] {
        guard let event, let delta = event.text("delta") else { return [] }
        switch event.text("type") {
        case "text_delta":
            given += delta
            return [verdict.give(delta)]
        case "thinking_delta": return [.reasoningDelta(delta)]
        default: return []
        }
    }

    /// A message's whole text comes at its end; what of it did not come before is given now.
    private mutating func end(of message: JSONValue) -> [CanonicalEvent] {
        let parts = (message["content"]?.array ?? []).filter { $0.text("type") == "text" }
        let text = parts.compactMap { $0.text("text") }.joined()
        if given.isEmpty { verdict.breakText() }
        let rest = text.hasPrefix(given) ? String(text.dropFirst(given.count)) : ""
        given = ""
        count(message["usage"])
        let reason = message.text("stopReason")
        errorText = reason == "error" || reason == "aborted" ? message.text("errorMessage") ?? "no message" : nil
        stopped = reason == "length" ? .length : .stop
        return rest.isEmpty ? [] : [verdict.give(rest)]
    }

    private mutating func count(_ tokens: JSONValue?) {
        guard let tokens else { return }
        let sum = usage ?? Usage(input: 0, output: 0)
        let cached = tokens.tokens("cacheRead")
        let input = tokens.tokens("input").capped(adding: cached).capped(adding: tokens.tokens("cacheWrite"))
        usage = Usage(
            input: sum.input.capped(adding: input), output: sum.output.capped(adding: tokens.tokens("output")),
            cachedInput: sum.cachedInput.capped(adding: cached))
        if let amount = tokens["cost"]?["total"], let value = amount.double, value > 0, let text = amount.numberText {
            cost = CostSum(cost, adding: text)
        }
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let errorText {
            verdict.failure = FailureText.classify(errorText, clock: exit.clock, fallback: .failed)
        } else if hasEnded {
            verdict.finish = Finish(
                stopped, usage: usage, cost: cost.map { Cost(unit: "usd", amount: $0.text) }, session: session)
        }
        return verdict.settle(exit)
    }
}
