import GatehouseCore

/// google-gemini/gemini-cli. The prompt on stdin alone makes it headless; it must come at once and stay below 8 MiB.
struct Gemini: AgentCLI {
    let executables = ["gemini"]
    let contract = AgentContract(
        tried: "0.11.0", installation: "npm install -g @google/gemini-cli",
        login: "run gemini once and log in, or set GEMINI_API_KEY")
    let environmentNames = [
        "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_GEMINI_BASE_URL", "GEMINI_CLI_HOME",
    ]
    let environment = ["GEMINI_CLI_TRUST_WORKSPACE": "true", "NO_BROWSER": "true"]
    let fileVariables = ["GOOGLE_APPLICATION_CREDENTIALS"]
    let homeFolders = [
        AgentHomeFolder(
            "", variable: "GEMINI_CLI_HOME",
            [
                .write(".gemini/oauth_creds.json"), .write(".gemini/gemini-credentials.json"),
                .read(".gemini/settings.json"), .copy(".gemini/google_accounts.json"),
                .copy(".gemini/installation_id"),
            ]),
        AgentHomeFolder(".config/gcloud", [.read("application_default_credentials.json")]),
    ]
    let drivers = [AgentDriver.oneShot, .acp]

    func arguments(_ invocation: AgentInvocation) -> [String] {
        ["-o", "stream-json", "--approval-mode", "plan"] + invocation.model("-m")
    }

    func makeOutput() -> any AgentOutput { JSONLineOutput(GeminiParser()) }

    func arguments(_ driver: AgentDriver, model: String) -> [String] {
        ["--acp"] + (model.isEmpty ? [] : ["-m", model])
    }
}

struct GeminiParser: AgentParser {
    private var verdict = AgentVerdict()
    private var session: String?
    private var turnsExceeded = false
    private var errorText: String?
    private var toldError: (type: String, message: String)?

    var isComplete: Bool { verdict.finish != nil || toldError != nil }

    mutating func record(_ record: JSONValue) -> [CanonicalEvent] {
        guard let type = record.text("type") else { return [] }
        verdict.hasRecords = true
        switch type {
        case "init":
            session = record.text("session_id")
            return [.started(AnswerStart(model: record.text("model"), session: session))]
        case "message": return message(record)
        case "tool_use":
            guard let id = record.text("tool_id"), let name = record.text("tool_name") else { return [] }
            verdict.breakText()
            return [.toolStarted(id: id, name: name, input: record["parameters"]?.text)]
        case "tool_result": return toolResult(record)
        case "error": return error(record)
        case "result":
            result(record)
            return []
        default: return []
        }
    }

    private mutating func message(_ record: JSONValue) -> [CanonicalEvent] {
        guard record.text("role") == "assistant", let text = record.text("content") else { return [] }
        return [verdict.give(text)]
    }

    private mutating func toolResult(_ record: JSONValue) -> [CanonicalEvent] {
        guard let id = record.text("tool_id") else { return [] }
        let error = record["error"]
        let isDenied =
            error?.text("type")?.lowercased().contains("policy") == true
            || error?.text("message")?.lowercased().contains("denied by policy") == true
        if isDenied { verdict.denials.append(id) }
        return [.toolFinished(id: id, succeeded: record.text("status") == "success", denied: isDenied)]
    }

    private mutating func error(_ record: JSONValue) -> [CanonicalEvent] {
        guard let text = record.text("message") else { return [] }
        // Too many turns end with "success" and an answer that stopped in the middle.
        if text.contains("Maximum session turns exceeded") { turnsExceeded = true }
        errorText = text
        return [.notice(Notice(record.text("severity") == "warning" ? .warning : .error, text.bounded))]
    }

    private mutating func result(_ record: JSONValue) {
        guard record.text("status") == "success" else {
            let error = record["error"]
            toldError = (error?.text("type") ?? "", error?.text("message") ?? errorText ?? "no message")
            return
        }
        let stats = record["stats"]
        let usage = stats.map { stats in
            Usage(
                input: stats.tokens("input_tokens"), output: stats.tokens("output_tokens"),
                cachedInput: stats.tokens("cached"))
        }
        verdict.finish = Finish(turnsExceeded ? .length : .stop, usage: usage, session: session)
    }

    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure> {
        if turnsExceeded {
            verdict.failure = Failure(.truncated, detail: "the agent used up its turns")
        } else if let toldError {
            let text = toldError.type.isEmpty ? toldError.message : "\(toldError.type): \(toldError.message)"
            verdict.failure = FailureText.classify(text, clock: exit.clock, fallback: .failed)
        }
        return verdict.settle(exit, exitCodes: Self.kind)
    }

    /// API errors end with the HTTP status as exit code, of which the shell keeps the last eight bits.
    private static func kind(_ code: Int32) -> Failure.Kind? {
        switch code {
        case 41: .auth
        case 42: .input
        case 55: .denied
        case 130: .cancelled
        case 145, 147: .auth
        case 148: .modelUnknown
        case 173: .rate
        case 144: .input
        case 244, 246: .upstream
        case 247: .capacity
        case 248: .timeout(.own)
        default: nil
        }
    }
}
