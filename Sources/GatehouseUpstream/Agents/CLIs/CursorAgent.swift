import GatehouseCore

/// Cursor's agent, in its mode that only answers. A failure writes no record at all: exit code and standard error tell.
struct CursorAgent: AgentCLI {
    let executables = ["cursor-agent"]
    let contract = AgentContract(
        tried: "2026.01.28", loginArguments: ["status"], installation: "install it from cursor.com/cli",
        login: "cursor-agent login, or set CURSOR_API_KEY")
    let environmentNames = ["CURSOR_API_KEY"]
    let environment = ["NO_OPEN_BROWSER": "1"]
    let homeFolders = [
        AgentHomeFolder(".config/cursor", [.write("auth.json")]),
        AgentHomeFolder(".cursor", [.copy("cli-config.json")]),
    ]
    let drivers = [AgentDriver.oneShot, .acp]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["-p", "--output-format", "stream-json", "--mode", "ask", "--trust"] + invocation.model("--model")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(CursorParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        (model.isEmpty ? [] : ["--model", model]) + ["acp"]
    }
}

struct CursorParser: AgentParser {
    private var verdict = AgentVerdict()
    private var errorText: String?

    private(set) var isComplete = false

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        switch type {
        case "system":
            guard record.text("subtype") == "init" else { return [] }
            return [.started(AnswerStart(model: record.text("model"), session: record.text("session_id")))]
        case "assistant":
            return (record["message"]?["content"]?.array ?? []).compactMap { part in
                guard part.text("type") == "text", let text = part.text("text") else { return nil }
                verdict.breakText()
                return verdict.give(text)
            }
        case "thinking":
            guard record.text("subtype") == "delta", let text = record.text("text") else { return [] }
            return [.reasoningDelta(text)]
        case "tool_call": return tool(record)
        case "result": return result(record)
        default: return []
        }
    }

    /// The tool's name is the key of its object: `{"shellToolCall":{"args":…,"result":{"success":…}}}`.
    private mutating func tool(_ record: JSONValue) -> [CanonicalEvent] {
        guard let id = record.text("call_id"), let call = record["tool_call"]?.object?.first else { return [] }
        let suffix = "ToolCall"
        let name = call.key.hasSuffix(suffix) ? String(call.key.dropLast(suffix.count)) : call.key
        guard record.text("subtype") == "completed" else {
            return [.toolStarted(id: id, name: name, input: call.value["args"]?.text)]
        }
        let result = call.value["result"]
        let isDenied = result?["rejected"] != nil || result?["permissionDenied"] != nil
        if isDenied { verdict.denials.append(name) }
        return [.toolFinished(id: id, succeeded: result?["success"] != nil, denied: isDenied)]
    }

    private mutating func result(_ record: JSONValue) -> [CanonicalEvent] {
        isComplete = true
        guard record["is_error"]?.bool != true, record.text("subtype") == "success" else {
            errorText = record.text("result") ?? record.text("subtype") ?? "no message"
            return []
        }
        verdict.finish = Finish(.stop, session: record.text("session_id"))
        guard !verdict.hasText, let text = record.text("result") else { return [] }
        return [verdict.give(text)]
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let errorText { verdict.failure = FailureText.classify(errorText, clock: exit.clock, fallback: .failed) }
        return verdict.settle(exit)
    }
}
