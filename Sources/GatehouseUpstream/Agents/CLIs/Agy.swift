import GatehouseCore

/// Google's Antigravity CLI. It takes its prompt only as the argument of `-p`, which limits the prompt to less than the
/// kernel's 128 KiB per argument and makes it visible in the list of processes.
struct Agy: AgentCLI {
    let executables = ["agy"]
    let contract = AgentContract(
        tried: "1.2.17", minimum: "1.1.0", installation: "update it: before 1.1 it prints nothing to a pipe",
        login: "run agy once and log in")
    let environmentNames: [String] = []
    let environment = ["AGY_CLI_DISABLE_AUTO_UPDATE": "T", "NO_BROWSER": "true"]
    let delivery = PromptDelivery.argument
    let promptLimit = 120 << 10
    let homeFolders = [
        AgentHomeFolder(
            ".gemini/antigravity-cli",
            [.write("antigravity-oauth-token"), .copy("settings.json"), .copy("installation_id")])
    ]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        [
            "--output-format", "stream-json", "--sandbox", "--disable-slash-commands",
            // Its own time-out ends with "success" and half an answer: ours comes first.
            "--print-timeout", "\(invocation.totalSeconds.capped(adding: 60))s",
        ] + invocation.model("--model") + ["-p", invocation.prompt]
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(AgyParser()) }
}

struct AgyParser: AgentParser {
    private var verdict = AgentVerdict()
    private var textStep = 0
    private var stepFailed = false
    private var errorText: String?
    private var isFailed = false
    private var openTools: Set<Int> = []

    var isComplete: Bool { verdict.finish != nil || isFailed }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let event = record.text("event") else { return [] }
        verdict.hasRecords = true
        switch event {
        case "init":
            return [
                .started(AnswerStart(model: record["init"]?.text("model"), session: record.text("conversation_id")))
            ]
        case "step_update": return step(record["step_update"] ?? .object([]))
        case "result": return result(record["result"] ?? .object([]))
        default: return []
        }
    }

    private mutating func step(_ step: JSONValue) -> [CanonicalEvent] {
        let state = step.text("state")
        switch step.text("step_type") {
        case "agent_response":
            if state == "ERROR" {
                stepFailed = true
                errorText = step.text("error") ?? step.text("error_message") ?? errorText
            }
            guard let text = step.text("text_delta") else { return [] }
            let index = step.tokens("step_index")
            if index != textStep { verdict.breakText() }
            textStep = index
            return [verdict.give(text)]
        case "tool":
            let index = step.tokens("step_index")
            var events: [CanonicalEvent] = []
            if openTools.insert(index).inserted {
                let name = step.text("tool_name") ?? step["tool_info"]?.text("name") ?? "tool"
                events.append(
                    .toolStarted(id: "step-\(index)", name: name, input: step["tool_info"]?["parameters"]?.text))
            }
            if state == "DONE" || state == "ERROR" {
                events.append(.toolFinished(id: "step-\(index)", succeeded: state == "DONE", denied: false))
            }
            return events
        default: return []
        }
    }

    private mutating func result(_ result: JSONValue) -> [CanonicalEvent] {
        verdict.denials = (result["denied_actions"]?.array ?? []).map {
            $0.text("display_name") ?? $0.text("action") ?? "an action"
        }
        guard result.text("status") == "SUCCESS" else {
            isFailed = true
            errorText = result.text("error") ?? errorText
            return []
        }
        let usage = result["usage"].map { usage in
            Usage(
                input: usage.tokens("input_tokens"), output: usage.tokens("output_tokens"),
                cachedInput: usage.tokens("cache_read_tokens"), reasoning: usage.tokens("thinking_tokens"))
        }
        // Nothing counted is not the same as nothing used.
        verdict.finish = Finish(
            .stop, usage: usage.flatMap { $0.total > 0 ? $0 : nil }, session: result.text("conversation_id"))
        guard !verdict.hasText, let text = result.text("response") else { return [] }
        return [verdict.give(text)]
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if exit.stderr.contains("[agy] print timeout after")
            || errorText?.contains("timeout waiting for response") == true
        {
            verdict.failure = Failure(.timeout(.own), detail: "the agent's own print timeout")
        } else if isFailed || stepFailed {
            verdict.failure = failure(exit)
        }
        return verdict.settle(exit) { $0 == 3 ? .quota : nil }
    }

    /// The records say little; standard error tells why.
    private func failure(_ exit: AgentExit) -> Failure {
        let lines = FailureText.errorLines(exit.stderr).filter {
            $0.lowercased().hasPrefix("error") || $0.hasPrefix("AGY_ERROR")
        }
        let isQuota = exit.status == .exited(3)
        for text in lines + [errorText].compactMap(\.self) {
            // RESOURCE_EXHAUSTED is used for short limits too; exit code 3 is not.
            if var failure = FailureText.classify(text, clock: exit.clock) {
                if isQuota, failure.kind == .rate, failure.retryAfter ?? 301 > 300 { failure.kind = .quota }
                return failure
            }
        }
        return Failure(isQuota ? .quota : .failed, detail: (errorText ?? lines.last ?? "a step failed").bounded)
    }
}
