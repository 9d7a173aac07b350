import GatehouseCore

/// GitHub Copilot CLI. Without `-p` it reads the prompt from stdin. It tells its cost in premium requests, not tokens.
struct Copilot: AgentCLI {
    let executables = ["copilot"]
    let contract = AgentContract(
        tried: "1.0.81", installation: "npm install -g @github/copilot",
        login: "copilot login, or set COPILOT_GITHUB_TOKEN")
    let environmentNames = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_HOME"]
    let homeFolders = [AgentHomeFolder(".copilot", variable: "COPILOT_HOME", [.copy("config.json")])]

    let drivers = [AgentDriver.oneShot, .acp]

    private static let fixed = [
        "--disable-builtin-mcps", "--no-custom-instructions", "--deny-tool", "shell", "--deny-tool", "write",
    ]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["--output-format", "json", "--stream", "on", "--no-ask-user"] + Self.fixed + invocation.model("--model")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(CopilotParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        ["--acp"] + Self.fixed + (model.isEmpty ? [] : ["--model", model])
    }
}

struct CopilotParser: AgentParser {
    private var verdict = AgentVerdict()
    private var streamedMessages: Set<String> = []
    private var openTools: [String: String] = [:]
    private var sessionError: (type: String, message: String, status: Int?)?
    private var exitCode: Int?

    var isComplete: Bool { exitCode != nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        let data = record["data"] ?? .object([])
        let isSubagent = data.text("parentToolCallId") != nil
        switch type {
        case "session.start":
            return [.started(AnswerStart(model: data.text("selectedModel"), session: data.text("sessionId")))]
        case "assistant.message_delta": return isSubagent ? [] : delta(data)
        case "assistant.reasoning_delta":
            guard !isSubagent, let text = data.text("deltaContent") else { return [] }
            return [.reasoningDelta(text)]
        case "assistant.message": return message(data, isSubagent: isSubagent)
        case "tool.execution_start":
            guard let id = data.text("toolCallId"), let name = data.text("toolName") else { return [] }
            return tool(id: id, name: name, input: data["arguments"])
        case "tool.execution_complete": return toolCompleted(data)
        case "session.error":
            sessionError = (data.text("errorType") ?? "", data.text("message") ?? "no message", data["statusCode"]?.int)
            return []
        case "session.warning", "session.info":
            guard let text = data.text("message") else { return [] }
            return [.notice(Notice(type == "session.info" ? .info : .warning, text.bounded))]
        case "result": return result(record)
        default: return []
        }
    }

    private mutating func delta(_ data: JSONValue) -> [CanonicalEvent] {
        guard let text = data.text("deltaContent") else { return [] }
        // Ids are kept to tell what came already; a run has few messages, a hostile one is not worth memory.
        if let id = data.text("messageId"), streamedMessages.count < 10_000, streamedMessages.insert(id).inserted {
            verdict.breakText()
        }
        return [verdict.give(text)]
    }

    private mutating func message(_ data: JSONValue, isSubagent: Bool) -> [CanonicalEvent] {
        var events: [CanonicalEvent] = []
        let isStreamed = data.text("messageId").map { streamedMessages.contains($0) } ?? false
        if !isSubagent, !isStreamed, let text = data.text("content") {
            verdict.breakText()
            events.append(verdict.give(text))
        }
        // An error that a later message follows was overcome.
        if !isSubagent { sessionError = nil }
        for request in data["toolRequests"]?.array ?? [] {
            guard let id = request.text("toolCallId"), let name = request.text("name") else { continue }
            events += tool(id: id, name: name, input: request["arguments"])
        }
        return events
    }

    private mutating func tool(id: String, name: String, input: JSONValue?) -> [CanonicalEvent] {
        guard openTools.updateValue(name, forKey: id) == nil else { return [] }
        return [.toolStarted(id: id, name: name, input: input?.string ?? input?.text)]
    }

    private mutating func toolCompleted(_ data: JSONValue) -> [CanonicalEvent] {
        guard let id = data.text("toolCallId") else { return [] }
        let name = openTools.removeValue(forKey: id) ?? "a tool"
        let isDenied = data["error"]?.text("code") == "denied"
        if isDenied { verdict.denials.append(name) }
        return [.toolFinished(id: id, succeeded: data["success"]?.bool == true, denied: isDenied)]
    }

    private mutating func result(_ record: JSONValue) -> [CanonicalEvent] {
        exitCode = record["exitCode"]?.int ?? 0
        let requests = record["usage"]?["premiumRequests"]?.numberText
        verdict.finish = Finish(
            .stop, cost: requests.map { Cost(unit: "premium_requests", amount: $0) }, session: record.text("sessionId"))
        return []
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let sessionError {
            verdict.failure = failure(sessionError, exit.clock)
        } else if let exitCode, exitCode != 0, exit.status == .exited(0) {
            verdict.failure = Failure(.failed, detail: "its result tells exit \(exitCode)")
        }
        return verdict.settle(exit)
    }

    private func failure(_ error: (type: String, message: String, status: Int?), _ clock: WallClock) -> Failure {
        let fallback: Failure.Kind =
            switch error.type {
            case "rate_limit": .rate
            case "quota": .quota
            case "authentication", "authorization": .auth
            case "context_limit": .contextLength
            default: .failed
            }
        if fallback == .failed, let status = error.status {
            return FailureText.classify(status: status, message: error.message, clock: clock)
        }
        return FailureText.classify(error.message, clock: clock, fallback: fallback)
    }
}
