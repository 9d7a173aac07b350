import GatehouseCore

/// What one turn of the Agent Client Protocol says, as events.
struct ACPAnswer: Sendable {
    private var verdict = AgentVerdict()
    /// Tools that are at work, by their ids.
    private var tools: Set<String> = []
    private var denied: Set<String> = []
    private var cost: Cost?
    /// What it said last beside the answer.
    private var notice: String?
    /// Its costs are those of all turns of the session.
    private let isContinued: Bool
    private static let mostTools = 10_000

    init(isContinued: Bool) {
        self.isContinued = isContinued
    }

    mutating func update(_ update: JSONValue) -> [CanonicalEvent] {
        switch update.text("sessionUpdate") {
        case "agent_message_chunk":
            guard let text = Self.content(update) else { return [] }
            return [verdict.give(text)]
        case "agent_thought_chunk":
            return Self.content(update).map { [.reasoningDelta($0)] } ?? []
        case "tool_call", "tool_call_update": return tool(update)
        case "usage_update": return usage(update)
        default: return []
        }
    }

    /// What the agent says for itself, in the place of an answer.
    mutating func note(_ update: JSONValue) {
        notice = Self.content(update)?.bounded
    }

    private static func content(_ update: JSONValue) -> String? {
        guard let content = update["content"], content.text("type") == "text" else { return nil }
        return content.text("text")
    }

    private mutating func tool(_ update: JSONValue) -> [CanonicalEvent] {
        guard let id = update.text("toolCallId") else { return [] }
        let isOver = ["completed", "failed"].contains(update.text("status"))
        var events: [CanonicalEvent] = []
        if !tools.contains(id), update.text("sessionUpdate") == "tool_call", tools.count < Self.mostTools {
            tools.insert(id)
            verdict.breakText()
            events.append(.toolStarted(id: id, name: Self.name(update), input: update["rawInput"]?.text))
        }
        guard isOver, tools.remove(id) != nil else { return events }
        let isDenied = denied.remove(id) != nil
        return events + [
            .toolFinished(id: id, succeeded: update.text("status") == "completed" && !isDenied, denied: isDenied)
        ]
    }

    private static func name(_ tool: JSONValue) -> String {
        (tool.text("title") ?? tool.text("kind") ?? "a tool").bounded
    }

    /// A tool was not allowed to work.
    mutating func deny(_ tool: JSONValue) {
        if verdict.denials.count < 100 { verdict.denials.append(Self.name(tool)) }
        if let id = tool.text("toolCallId"), denied.count < Self.mostTools { denied.insert(id) }
    }

    private mutating func usage(_ update: JSONValue) -> [CanonicalEvent] {
        if !isContinued, let amount = update["cost"]?["amount"]?.numberText,
            let currency = update["cost"]?.text("currency")
        {
            cost = Cost(unit: currency.lowercased().bounded, amount: amount)
        }
        guard let used = update["used"]?.double, let size = update["size"]?.double, size > 0, used >= 0 else {
            return []
        }
        return [.limit(UsageLimit(kind: "context", used: min(1, used / size)))]
    }

    /// The verdict, by the answer to the prompt.
    mutating func end(_ result: JSONValue, session: String, _ clock: WallClock) -> Result<Finish, Failure> {
        let reason: FinishReason
        switch result.text("stopReason") {
        case "end_turn": reason = .stop
        case "max_tokens": reason = .length
        case "refusal": reason = .refusal
        case "max_turn_requests":
            return .failure(Failure(.truncated, detail: "it used up the requests of one turn"))
        case "cancelled":
            let words = notice ?? "it cancelled the turn by itself"
            return .failure(FailureText.classify(words, clock: clock, fallback: .failed))
        case let other:
            return .failure(Failure(.protocol, detail: "an unknown stop reason: \(other ?? "none")".bounded))
        }
        verdict.hasRecords = true
        verdict.finish = Finish(reason, usage: Self.usage(of: result), cost: cost, session: session)
        // Who declines may do so without a word.
        if reason == .refusal, let finish = verdict.finish, !verdict.hasText { return .success(finish) }
        return verdict.settle(AgentExit(.exited(0)))
    }

    private static func usage(of result: JSONValue) -> Usage? {
        guard let usage = result["usage"], usage["inputTokens"]?.int != nil, usage["outputTokens"]?.int != nil else {
            return nil
        }
        return Usage(
            input: usage.tokens("inputTokens"), output: usage.tokens("outputTokens"),
            cachedInput: usage.tokens("cachedReadTokens"), reasoning: usage.tokens("thoughtTokens"))
    }
}
