import GatehouseCore

/// Moonshot's kimi, over ACP or with messages on stdin. In the second way it allows itself everything: its sandbox is what
/// holds it.
struct Kimi: AgentCLI {
    let executables = ["kimi"]
    let contract = AgentContract(installation: "pipx install kimi-cli", login: "kimi login, or KIMI_API_KEY")
    let environmentNames = ["KIMI_API_KEY", "KIMI_BASE_URL", "KIMI_MODEL_NAME", "KIMI_SHARE_DIR", "OPENAI_BASE_URL"]
    let homeFolders = [
        AgentHomeFolder(
            ".kimi", variable: "KIMI_SHARE_DIR",
            [.read("config.toml"), .read("config.json"), .write("credentials/kimi-code.json")])
    ]
    let drivers = [AgentDriver.acp, .stdin]

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        let model = model.isEmpty ? [] : ["-m", model]
        guard driver == .stdin else { return model + ["acp"] }
        return ["--print", "--input-format", "stream-json", "--output-format", "stream-json"] + model
    }

    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        guard driver == .stdin else { return ACPMachine(setup) }
        return StdinStreamMachine(setup, .init(hasControl: false, message: Self.message) { KimiParser() })
    }

    private static func message(_ text: String) -> JSONValue {
        .object([.init("role", .string("user")), .init("content", .string(text))])
    }
}

/// Reads messages of the shape that OpenAI gave them. The first one of the assistant that calls no tool is the answer.
struct KimiParser: AgentParser {
    private var verdict = AgentVerdict()
    private var tools: Set<String> = []

    var isComplete: Bool { verdict.finish != nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let role = record.text("role") else { return [] }
        verdict.hasRecords = true
        switch role {
        case "assistant": return assistant(record)
        case "tool":
            guard let id = record.text("tool_call_id"), tools.remove(id) != nil else { return [] }
            return [.toolFinished(id: id, succeeded: true, denied: false)]
        default: return []
        }
    }

    private mutating func assistant(_ message: JSONValue) -> [CanonicalEvent] {
        verdict.breakText()
        var events = content(message["content"] ?? .null)
        let calls = message["tool_calls"]?.array ?? []
        for call in calls {
            guard let id = call.text("id"), let name = call["function"]?.text("name"), tools.insert(id).inserted else {
                continue
            }
            events.append(.toolStarted(id: id, name: name, input: call["function"]?.text("arguments")))
        }
        if calls.isEmpty { verdict.finish = Finish(.stop) }
        return events
    }

    private mutating func content(_ content: JSONValue) -> [CanonicalEvent] {
        if let text = content.string { return text.isEmpty ? [] : [verdict.give(text)] }
        var events: [CanonicalEvent] = []
        for part in content.array ?? [] {
            switch part.text("type") {
            case "text": if let text = part.text("text") { events.append(verdict.give(text)) }
            case "think": if let text = part.text("think") { events.append(.reasoningDelta(text)) }
            default: continue
            }
        }
        return events
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        // EX_TEMPFAIL: it would have tried again.
        verdict.settle(exit) { $0 == 75 ? .capacity : nil }
    }
}
