import GatehouseCore
import NIOCore

/// Aider, asked one question and kept from everything else it can do. It prints plain text with a greeting before and the
/// tokens behind, and ends with 0 whatever happens: the line of tokens is what tells an answer from an error.
struct Aider: AgentCLI {
    let executables = ["aider"]
    let contract = AgentContract(
        tried: "0.86.2", installation: "pipx install aider-chat",
        login: "set the vendor's key in the environment, such as OPENAI_API_KEY")
    let environmentNames = [
        "OPENAI_API_KEY", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "DEEPSEEK_API_KEY",
        "OPENROUTER_API_KEY", "GROQ_API_KEY", "XAI_API_KEY",
    ]
    // It breaks lines where it takes the terminal to end.
    let environment = ["LITELLM_LOCAL_MODEL_COST_MAP": "True", "COLUMNS": "1000000"]
    let homeFolders = [AgentHomeFolder(".aider", [])]
    let delivery = PromptDelivery.file

    func arguments(_ invocation: AgentInvocation) -> [String] {
        [
            "--chat-mode", "ask", "--dry-run", "--no-git", "--no-auto-commits", "--no-gitignore", "--no-pretty",
            "--no-stream", "--no-fancy-input", "--no-check-update", "--no-analytics", "--no-show-model-warnings",
            "--no-show-release-notes", "--no-detect-urls", "--no-suggest-shell-commands", "--yes-always",
            "--map-tokens", "0", "--chat-history-file", "/dev/null", "--input-history-file", "/dev/null",
        ] + invocation.model("--model") + ["--message-file", invocation.promptFile]
    }

    func makeOutput() -> any AgentOutput { AiderOutput() }
}

/// Finds the answer in what Aider prints. It comes whole at the end: before that nobody can tell it from an error.
struct AiderOutput: AgentOutput {
    /// Bytes that are kept.
    private static let limit = 16 << 20
    private var filter = TerminalText()
    private var bytes: [UInt8] = []

    var isComplete: Bool { false }

    mutating func feed(_ piece: ByteBuffer) throws(Failure) -> [CanonicalEvent] {
        bytes += filter.strip(piece.readableBytesView)
        guard bytes.count <= Self.limit else {
            throw Failure(.outputTooLarge, detail: "more than \(Self.limit) bytes of text")
        }
        return []
    }

    mutating func end(_ exit: AgentExit) -> AgentEnding {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)[...]
        var verdict = AgentVerdict()
        let body = Self.withoutGreeting(lines)
        guard let last = body.lastIndex(where: { $0.hasPrefix("Tokens: ") }) else {
            verdict.hasRecords = body.contains { !$0.isEmpty }
            verdict.failure = Self.failure(body, exit)
            return AgentEnding(result: verdict.settle(exit))
        }
        let text = Self.trimmed(body[..<last]).joined(separator: "\n")
        verdict.finish = Finish(.stop, usage: Self.usage(body[last]))
        guard !text.isEmpty else { return AgentEnding(result: verdict.settle(exit)) }
        let event = verdict.give(text)
        return AgentEnding(events: [event], result: verdict.settle(exit))
    }

    /// What comes behind the greeting: that begins with the version and ends with an empty line. What is said before it is
    /// about the machine.
    private static func withoutGreeting(_ lines: ArraySlice<Substring>) -> ArraySlice<Substring> {
        guard let greeting = lines.firstIndex(where: { $0.hasPrefix("Aider v") }),
            let end = lines[greeting...].firstIndex(of: "")
        else { return lines }
        return lines[(end + 1)...]
    }

    private static func trimmed(_ lines: ArraySlice<Substring>) -> ArraySlice<Substring> {
        var lines = lines
        while lines.first?.isEmpty == true { lines.removeFirst() }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// The library that Aider asks models with names its errors: `litellm.RateLimitError: …`.
    private static func failure(_ lines: ArraySlice<Substring>, _ exit: AgentExit) -> Failure? {
        guard let index = lines.lastIndex(where: { $0.hasPrefix("litellm.") && $0.contains("Error") }) else {
            return nil
        }
        let name = lines[index].dropFirst("litellm.".count).prefix { $0.isLetter }
        let fallback: Failure.Kind =
            switch name {
            case "AuthenticationError", "PermissionDeniedError": .auth
            case "RateLimitError": .rate
            case "NotFoundError": .modelUnknown
            case "ContextWindowExceededError": .contextLength
            case "BadRequestError", "UnprocessableEntityError": .input
            case "ServiceUnavailableError": .capacity
            case "Timeout": .timeout(.own)
            case "APIError", "APIConnectionError", "InternalServerError": .upstream
            default: .failed
            }
        // The message is broken into lines of the terminal's width.
        let text = lines[index...].prefix(20).joined(separator: " ")
        return FailureText.classify(text, clock: exit.clock, fallback: fallback)
    }

    /// `Tokens: 1.2k sent, 345 received. Cost: …`
    private static func usage(_ line: Substring) -> Usage? {
        let words = line.split(separator: " ")
        func count(before name: String) -> Int? {
            guard let index = words.firstIndex(where: { $0.hasPrefix(name) }), index > words.startIndex else {
                return nil
            }
            return Self.count(words[index - 1])
        }
        guard let input = count(before: "sent"), let output = count(before: "received") else { return nil }
        return Usage(input: input, output: output)
    }

    /// Large numbers are told in thousands.
    private static func count(_ word: Substring) -> Int? {
        if let count = Int(word) { return max(0, count) }
        guard word.last == "k", let thousands = Double(word.dropLast()) else { return nil }
        return Int(exactly: (thousands * 1000).rounded()).map { max(0, $0) }
    }
}
