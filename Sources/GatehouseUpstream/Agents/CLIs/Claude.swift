import GatehouseCore

/// Claude Code, read-only: it may look at files of its empty working directory and change nothing.
struct Claude: AgentCLI {
    let executables = ["claude"]
    let contract = AgentContract(
        tried: "2.1.207", loginArguments: ["auth", "status"], installation: "npm install -g @anthropic-ai/claude-code",
        login: "claude auth login, or claude setup-token and CLAUDE_CODE_OAUTH_TOKEN, or ANTHROPIC_API_KEY")
    let environmentNames = [
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
    ]
    let environment = ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"]
    // Its settings, hooks and tools are left out: a file that an agent could write there would run outside, later.
    let homeFolders = [
        AgentHomeFolder("", [.copy(".claude.json")]),
        AgentHomeFolder(
            ".claude", variable: "CLAUDE_CONFIG_DIR", [.write(".credentials.json"), .copy(".claude.json")]),
    ]
    let drivers = [AgentDriver.oneShot, .stdin]

    private static let fixed = [
        "-p", "--output-format", "stream-json", "--verbose", "--include-partial-messages",
        "--tools", "Read,Grep,Glob", "--disallowedTools", "Bash,Write,Edit,WebFetch",
        "--permission-mode", "dontAsk", "--setting-sources=", "--strict-mcp-config", "--no-session-persistence",
    ]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        Self.fixed + invocation.model("--model")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(ClaudeParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        Self.fixed + ["--input-format", "stream-json"] + (model.isEmpty ? [] : ["--model", model])
    }

    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        guard driver == .stdin else { return nil }
        return StdinStreamMachine(setup, .init(hasControl: true, message: Self.message) { ClaudeParser() })
    }

    /// A message of the caller, as Claude Code and its kin take it on stdin.
    static func message(_ text: String) -> JSONValue {
        .object([
            .init("type", .string("user")),
            .init("message", .object([.init("role", .string("user")), .init("content", .string(text))])),
            .init("parent_tool_use_id", .null), .init("session_id", .string("default")),
        ])
    }
}

/// Reads the records of Claude Code and of the agents that print the same shapes.
struct ClaudeParser: AgentParser {
    private var verdict = AgentVerdict()
    private var usesDeltas = false
    /// The message whose text came as deltas; its whole text comes again later.
    private var streamedMessage: String?
    /// The message whose text came whole; its parts come as records of their own.
    private var wholeMessage: String?
    private var openTools: Set<String> = []
    private var toldError: (kind: String, text: String)?
    private var limitResetsAt: Int?
    private var result: JSONValue?
    /// Whether `input_tokens` counts what was read from the cache; Anthropic's own does not.
    private let inputIncludesCache: Bool

    init(inputIncludesCache: Bool = false) {
        self.inputIncludesCache = inputIncludesCache
    }

    var isComplete: Bool { result != nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        let isSubagent = record.text("parent_tool_use_id") != nil
        switch type {
        case "system":
            guard ["init", "session_start"].contains(record.text("subtype")) else { return [] }
            return [.started(AnswerStart(model: record.text("model"), session: record.text("session_id")))]
        case "stream_event": return isSubagent ? [] : delta(record["event"])
        case "assistant": return assistant(record, isSubagent: isSubagent)
        case "user": return toolResults(record["message"]?["content"]?.array ?? [])
        case "rate_limit_event": return limit(record["rate_limit_info"])
        case "result": return finish(record)
        default: return []
        }
    }

    private mutating func delta(_ event: JSONValue?) -> [CanonicalEvent] {
        guard let event else { return [] }
        if event.text("type") == "message_start" {
            streamedMessage = event["message"]?.text("id")
            verdict.breakText()
        }
        guard event.text("type") == "content_block_delta", let delta = event["delta"] else { return [] }
        switch delta.text("type") {
        case "text_delta":
            guard let text = delta.text("text") else { return [] }
            usesDeltas = true
            return [verdict.give(text)]
        case "thinking_delta":
            guard let text = delta.text("thinking") else { return [] }
            usesDeltas = true
            return [.reasoningDelta(text)]
        default: return []
        }
    }

    private mutating func assistant(_ record: JSONValue, isSubagent: Bool) -> [CanonicalEvent] {
        let message = record["message"]
        if let error = record.text("error"), !isSubagent {
            // Its text is the error's, not an answer's.
            let text = message?["content"]?.array?.compactMap { $0.text("text") }.joined(separator: "\n")
            toldError = (error, text ?? "")
            return []
        }
        let id = message?.text("id")
        let isRepeated = usesDeltas && (id == nil || id == streamedMessage)
        if !isSubagent, !isRepeated, id == nil || id != wholeMessage { verdict.breakText() }
        if !isSubagent { wholeMessage = id }
        var events: [CanonicalEvent] = []
        for part in message?["content"]?.array ?? [] {
            switch part.text("type") {
            case "text":
                if let text = part.text("text"), !isSubagent, !isRepeated { events.append(verdict.give(text)) }
            case "thinking":
                if let text = part.text("thinking"), !isSubagent, !isRepeated { events.append(.reasoningDelta(text)) }
            case "tool_use":
                guard let id = part.text("id"), let name = part.text("name"), openTools.insert(id).inserted else {
                    continue
                }
                events.append(.toolStarted(id: id, name: name, input: part["input"]?.text))
            default: continue
            }
        }
        return events
    }

    private mutating func toolResults(_ content: [JSONValue]) -> [CanonicalEvent] {
        content.compactMap { part in
            guard part.text("type") == "tool_result", let id = part.text("tool_use_id") else { return nil }
            openTools.remove(id)
            return .toolFinished(id: id, succeeded: part["is_error"]?.bool != true, denied: false)
        }
    }

    private mutating func limit(_ info: JSONValue?) -> [CanonicalEvent] {
        guard let info, let kind = info.text("rateLimitType") else { return [] }
        let resetsAt = info["resetsAt"]?.int
        if info.text("status") == "rejected" { limitResetsAt = resetsAt }
        return [.limit(UsageLimit(kind: kind, used: info["utilization"]?.double, resetsAt: resetsAt))]
    }

    private mutating func finish(_ record: JSONValue) -> [CanonicalEvent] {
        result = record
        guard isSuccess(record) else { return [] }
        verdict.denials = (record["permission_denials"]?.array ?? []).map { $0.text("tool_name") ?? "a tool" }
        verdict.finish = Finish(
            Self.reason(record.text("stop_reason")),
            usage: record["usage"].map { usage($0) },
            cost: record["total_cost_usd"]?.numberText.map { Cost(unit: "usd", amount: $0) },
            session: record.text("session_id"))
        guard !verdict.hasText, let text = record.text("result") else { return [] }
        return [verdict.give(text)]
    }

    private func isSuccess(_ record: JSONValue) -> Bool {
        record["is_error"]?.bool != true && (record.text("subtype") ?? "success") == "success"
    }

    private func usage(_ usage: JSONValue) -> Usage {
        let cached = usage.tokens("cache_read_input_tokens")
        var input = usage.tokens("input_tokens")
        if !inputIncludesCache {
            input = input.capped(adding: cached).capped(adding: usage.tokens("cache_creation_input_tokens"))
        }
        return Usage(input: input, output: usage.tokens("output_tokens"), cachedInput: cached)
    }

    private static func reason(_ stopReason: String?) -> FinishReason {
        switch stopReason {
        case "max_tokens": .length
        case "refusal": .contentFilter
        default: .stop
        }
    }

    // MARK: The end

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if let result, !isSuccess(result) {
            verdict.failure = failure(result, exit.clock)
        } else if result == nil, let toldError {
            verdict.failure = FailureText.classify(
                toldError.text, clock: exit.clock, fallback: Self.kind(ofError: toldError.kind))
        }
        if let told = verdict.failure, told.retryAfter == nil, told.kind == .rate || told.kind == .quota,
            let limitResetsAt
        {
            verdict.failure?.retryAfter = max(1, limitResetsAt - exit.clock.now)
        }
        return verdict.settle(exit)
    }

    private func failure(_ result: JSONValue, _ clock: WallClock) -> Failure {
        let errors = (result["errors"]?.array ?? []).compactMap(\.string)
        let message =
            result["error"]?.text("message") ?? result.text("result") ?? errors.last
            ?? result.text("subtype") ?? "an error without words"
        switch result.text("subtype") {
        case "error_max_turns", "error_max_budget_usd": return Failure(.truncated, detail: message.bounded)
        default: break
        }
        if let status = result["api_error_status"]?.int {
            return FailureText.classify(status: status, message: message, clock: clock)
        }
        return FailureText.classify(
            message, clock: clock, fallback: toldError.map { Self.kind(ofError: $0.kind) } ?? .failed)
    }

    private static func kind(ofError error: String) -> Failure.Kind {
        switch error {
        case "authentication_failed": .auth
        case "billing_error": .quota
        case "rate_limit": .rate
        case "invalid_request": .input
        case "server_error": .upstream
        default: .failed
        }
    }
}
