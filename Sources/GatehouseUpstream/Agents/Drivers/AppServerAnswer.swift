import GatehouseCore

/// What one turn of Codex' app server says, as events.
struct AppServerAnswer: Sendable {
    private var verdict = AgentVerdict()
    private var tools: Set<String> = []
    /// The message whose text came last, as deltas or whole.
    private var message: String?
    private var hasDeltas = false
    private var usage: Usage?
    private static let mostTools = 10_000

    mutating func notified(_ method: String, _ params: JSONValue) -> [CanonicalEvent] {
        switch method {
        case "item/agentMessage/delta":
            guard let text = params.text("delta") else { return [] }
            turnTo(params.text("itemId"))
            hasDeltas = true
            return [verdict.give(text)]
        case "item/reasoning/summaryTextDelta", "item/reasoning/textDelta":
            return params.text("delta").map { [.reasoningDelta($0)] } ?? []
        case "item/started", "item/completed":
            return params["item"].map { item($0, isCompleted: method == "item/completed") } ?? []
        case "thread/tokenUsage/updated":
            usage = params["tokenUsage"]?["last"].map(Self.usage)
            return []
        case "account/rateLimits/updated": return Self.limits(params["rateLimits"])
        default: return []
        }
    }

    private mutating func turnTo(_ message: String?) {
        guard message != self.message else { return }
        self.message = message
        hasDeltas = false
        verdict.breakText()
    }

    private mutating func item(_ item: JSONValue, isCompleted: Bool) -> [CanonicalEvent] {
        guard item.text("type") == "agentMessage" else { return tool(item, isCompleted: isCompleted) }
        guard isCompleted, let text = item.text("text") else { return [] }
        turnTo(item.text("id"))
        return hasDeltas ? [] : [verdict.give(text)]
    }

    private mutating func tool(_ item: JSONValue, isCompleted: Bool) -> [CanonicalEvent] {
        guard let id = item.text("id"), let (name, input) = Self.tool(item) else { return [] }
        var events: [CanonicalEvent] = []
        if !tools.contains(id), tools.count < Self.mostTools {
            tools.insert(id)
            events.append(.toolStarted(id: id, name: name, input: input))
        }
        guard isCompleted, tools.remove(id) != nil else { return events }
        let status = item.text("status") ?? "completed"
        let isDenied = status == "declined"
        if isDenied, verdict.denials.count < 100 { verdict.denials.append(name) }
        return events + [.toolFinished(id: id, succeeded: status == "completed", denied: isDenied)]
    }

    private static func tool(_ item: JSONValue) -> (name: String, input: String?)? {
        switch item.text("type") {
        case "commandExecution":
            return ("shell", item["command"].map { JSONValue.object([.init("command", $0)]).text })
        case "fileChange": return ("file_change", item["changes"]?.text)
        case "mcpToolCall":
            let name = [item.text("server"), item.text("tool")].compactMap(\.self).joined(separator: ".")
            return (name.bounded, item["arguments"]?.text)
        case "webSearch": return ("web_search", item["query"].map { JSONValue.object([.init("query", $0)]).text })
        default: return nil
        }
    }

    private static func usage(_ usage: JSONValue) -> Usage {
        Usage(
            input: usage.tokens("inputTokens"), output: usage.tokens("outputTokens"),
            cachedInput: usage.tokens("cachedInputTokens"), reasoning: usage.tokens("reasoningOutputTokens"))
    }

    private static func limits(_ limits: JSONValue?) -> [CanonicalEvent] {
        ["primary", "secondary"].compactMap { name in
            guard let window = limits?[name], let used = window["usedPercent"]?.double else { return nil }
            return .limit(
                UsageLimit(kind: name, used: min(1, max(0, used / 100)), resetsAt: window["resetsAt"]?.int))
        }
    }

    /// The verdict, by the turn's own end.
    mutating func end(_ turn: JSONValue, thread: String, _ clock: WallClock) -> Result<Finish, Failure> {
        switch turn.text("status") {
        case "completed": break
        case "interrupted": return .failure(Failure(.cancelled, detail: "it interrupted the turn by itself"))
        case "failed": return .failure(Self.failure(turn["error"] ?? .null, clock))
        case let other:
            return .failure(Failure(.protocol, detail: "an unknown status of a turn: \(other ?? "none")".bounded))
        }
        verdict.hasRecords = true
        verdict.finish = Finish(.stop, usage: usage, session: thread)
        return verdict.settle(AgentExit(.exited(0)))
    }

    /// By the word of its closed list; where that says little, by the message.
    private static func failure(_ error: JSONValue, _ clock: WallClock) -> Failure {
        let message = error.text("message") ?? "no message"
        let info = error["codexErrorInfo"]
        let word = (info?.string ?? info?.object?.first?.key ?? "").lowercased()
        let kind: Failure.Kind? =
            switch word {
            case "contextwindowexceeded": .contextLength
            case "usagelimitexceeded": .quota
            case "unauthorized": .auth
            case "badrequest": .input
            default: nil
            }
        var failure = FailureText.classify(message, clock: clock, fallback: .failed)
        if let kind, !(kind == .quota && failure.kind == .rate) { failure.kind = kind }
        return failure
    }
}
