import GatehouseCore
import GatehouseUpstream
import Glibc
import NIOCore
import Testing

/// Recorded output of real agents, read from the shared corpus beside the repository.
@Suite(.enabled(if: Transcript.corpus != nil, "the corpus ../shared/traffic/cli is not there"))
struct TranscriptTests {
    @Test(arguments: Expectation.all)
    func reads(_ expectation: Expectation) throws {
        let transcript = try Transcript(expectation.id, kind: expectation.kind)
        let reading = try read(expectation.kind, [transcript.stdout], exit: transcript.exit)
        expectation.check(reading)
    }

    @Test(arguments: Expectation.all)
    func anySplitGivesTheSameEvents(_ expectation: Expectation) throws {
        let transcript = try Transcript(expectation.id, kind: expectation.kind)
        let whole = try read(expectation.kind, [transcript.stdout], exit: transcript.exit)
        var generator = SeededGenerator(seed: 3)
        for size in [1, 7, 100, 5000] {
            let pieces = transcript.stdout.cut(using: &generator, atMost: size)
            #expect(try read(expectation.kind, pieces, exit: transcript.exit) == whole)
        }
    }

    /// An answer that stops anywhere before its end is never taken for a whole one.
    @Test(arguments: Expectation.all.filter { $0.failure == nil && !$0.hasSeveralRuns })
    func aCutAnswerIsNoAnswer(_ expectation: Expectation) throws {
        let transcript = try Transcript(expectation.id, kind: expectation.kind)
        let lines = transcript.lines
        for count in 0..<lines.count - 1 {
            let text = lines[..<count].map { $0 + "\n" }.joined()
            let reading = try read(expectation.kind, text)
            let isFailure = [.empty, .truncated].contains(reading.failure?.kind)
            #expect(isFailure, "after \(count) of \(lines.count) lines: \(reading.result)")
        }
    }

    @Test func everyTranscriptIsExpected() {
        let known = Set(Expectation.all.map { "\(Transcript.folder($0.kind))/\($0.id).json" })
        #expect(Set(Transcript.files) == known)
        #expect(known.count == Expectation.all.count)
    }
}

/// What one transcript must give.
struct Expectation: Sendable, CustomTestStringConvertible {
    var kind: AgentKind
    var id: String
    var text: String?
    var usage: Usage?
    var cost: String?
    var session: String?
    var tools = (started: 0, succeeded: 0, failed: 0)
    var failure: Failure.Kind?
    /// Its authors put several runs into one file: it could have ended well after each.
    var hasSeveralRuns = false

    var testDescription: String { id }

    func check(_ reading: Reading) {
        if let text { #expect(reading.text == text) }
        #expect(reading.failure?.kind == failure)
        #expect(reading.toolsStarted.count == tools.started)
        #expect(reading.toolsFinished.count { $0 } == tools.succeeded)
        #expect(reading.toolsFinished.count { !$0 } == tools.failed)
        guard failure == nil else { return }
        #expect(reading.finish?.usage == usage)
        #expect(reading.finish?.cost?.amount == cost)
        #expect(reading.finish?.session == session)
        #expect(reading.finish?.reason == .stop)
    }
}

extension Expectation {
    private static func ok(
        _ kind: AgentKind, _ id: String, _ text: String, _ usage: Usage?, cost: String? = nil, session: String?,
        tools: (Int, Int, Int) = (0, 0, 0)
    ) -> Expectation {
        Expectation(kind: kind, id: id, text: text, usage: usage, cost: cost, session: session, tools: tools)
    }

    private static func fails(
        _ kind: AgentKind, _ id: String, _ failure: Failure.Kind, text: String? = nil,
        tools: (Int, Int, Int) = (0, 0, 0)
    ) -> Expectation {
        Expectation(kind: kind, id: id, text: text, tools: tools, failure: failure)
    }

    static let all: [Expectation] = claude + codex + others + pi

    private static let claude: [Expectation] = [
        .ok(
            .claude, "claude-basic-query-24bb3db9", "4", Usage(input: 21_580, output: 25), cost: "0.1354875",
            session: "1d1e46f9-35c7-4834-b529-846d5bb82288"),
        .ok(
            .claude, "claude-create-file-b9d4adba",
            """
            I'll create the test.txt file with the requested content.

            Done. Created test.txt with the content 'Hello from Claude'.
            """,
            Usage(input: 54_510, output: 124, cachedInput: 53_005), cost: "0.1172429",
            session: "2a656db2-8ba7-4a09-9239-6ae0bbde0da1", tools: (1, 1, 0)),
        .ok(
            .claude, "claude-simple-hello-3cc942d1",
            "Hello! I'm ready to help you with the ClaudeCode Elixir SDK project. What would you like to work on today?",
            Usage(input: 27_107, output: 38, cachedInput: 22_749), cost: "0.12251155000000002",
            session: "a4c79bab-3a68-425c-988e-0aa6b9151a63"),
        .ok(
            .claude, "claude-read-file-066a7342",
            """
            I'll read the README.md file to understand what this project is about.

            This project is **ClaudeCode** - an Elixir SDK for Claude Code that provides AI-powered coding assistance to \
            Elixir developers. It's a GenServer-based wrapper around the Claude Code CLI that spawns the CLI as a \
            subprocess and communicates via JSON streaming. The SDK enables Elixir applications to integrate Claude's AI \
            capabilities using idiomatic Elixir patterns and OTP conventions.
            """,
            Usage(input: 60_822, output: 179, cachedInput: 49_871), cost: "0.2936738",
            session: "4ffa9625-7ca0-4735-b0ee-62c0a03c6815", tools: (1, 1, 0)),
        // No text in the messages that were kept of it: the result's own text is the answer.
        .ok(
            .claude, "claude-system-message-acd0f19a", "Here are the files in the current directory.",
            Usage(input: 42_339, output: 424, cachedInput: 17_254), cost: "0.24722425",
            session: "40e7b02d-c0f9-4876-9010-f514d4eb0603", tools: (1, 1, 0)),
        .ok(
            .claude, "claude-test-client-real-agent-span-170510a1", "ok",
            Usage(input: 17_027, output: 4, cachedInput: 17_024), cost: "0.008627000000000001",
            session: "63cfe7fe-a032-4384-a2f0-6521125afc17"),
        .ok(
            .claude, "claude-test-query-real-agent-span-362acb34", "ok",
            Usage(input: 17_027, output: 4, cachedInput: 17_024), cost: "0.008627000000000001",
            session: "446de397-5452-4a8a-a368-67ef07fafecb"),
        .ok(
            .claude, "claude-test-client-tool-hooks-create-tool-spans-80a8edc1", byteCount,
            Usage(input: 34_361, output: 186, cachedInput: 34_160), cost: "0.02298125",
            session: "d54d9863-18b0-4306-9805-4a97a0935124", tools: (1, 1, 0)),
        .ok(
            .claude, "claude-test-query-tool-spans-from-messages-1ac2ef80", byteCount,
            Usage(input: 34_331, output: 155, cachedInput: 34_327), cost: "0.0210585",
            session: "493eec35-215c-4b7b-a7e3-94cce106a7f5", tools: (1, 1, 0)),
        // Two sessions in one: the second one is an error and counts.
        .fails(
            .claude, "claude-claude-stream-json-session-63a74518", .failed,
            text: "Sure - I-ll list the directory contents.\n\nI see README.md, pyproject.toml, and src/.",
            tools: (2, 2, 0)),
        // Files that Claude keeps of a session, and single records: they have no terminal record.
        .fails(.claude, "claude-rate-limit-585589ed", .quota, text: ""),
        .fails(.claude, "claude-1-continue-run-ls-tool-0c32d4cc", .truncated, tools: (1, 1, 0)),
        .fails(.claude, "claude-sample-session-1fb14319", .truncated, tools: (2, 2, 0)),
        .fails(.claude, "claude-command-lifecycle-430867a8", .truncated, text: ""),
        .fails(.claude, "claude-system-background-tasks-changed-5ef3c05d", .truncated, text: ""),
        .fails(.claude, "claude-system-init-capabilities-f2e54bcc", .truncated, text: ""),
    ]

    private static let byteCount =
        "    2440 /Users/REDACTED/openinference/python/instrumentation/openinference-instrumentation-claude-agent-sdk/"
        + "pyproject.toml"

    private static let codex: [Expectation] = [
        .ok(
            .codex, "codex-stream-output-1-af3134ee", "4", Usage(input: 2946, output: 7),
            session: "019a2d7a-41c4-78b1-b7cc-a45d62a89cd5"),
        .ok(
            .codex, "codex-stream-output-2-e031d31f",
            "Files here: `stream-output-1.jsonl`, `stream-output-2.jsonl`, `test.js`.",
            Usage(input: 6040, output: 129, cachedInput: 4992), session: "019a2d7a-6455-7170-a661-c6d8b94c630a",
            tools: (1, 1, 0)),
        .ok(
            .codex, "codex-stream-output-3-e9f8f4ed", "Created `hello.txt` containing `Hello from Codex`.",
            Usage(input: 6008, output: 51, cachedInput: 4096), session: "019a2d7a-8e1c-7111-b1a6-8cec551a55a0",
            tools: (1, 1, 0)),
        .ok(
            .codex, "codex-stream-output-4-c9c06e9b",
            "`test.js` simply contains `console.log('Hello World');`, so running it will print the string “Hello World” "
                + "to the standard output.",
            Usage(input: 6087, output: 204, cachedInput: 5120), session: "019a2d7b-231d-7290-acc1-6bc6571440da",
            tools: (1, 1, 0)),
        .ok(
            .codex, "codex-stream-output-5-07adf9a9",
            "Found 1 text file `hello.txt`, 5 JSONL logs `stream-output-{1..5}.jsonl`, and `test.js`. There was also a "
                + "harmless `ps` permission warning from Homebrew’s shellenv script while listing.",
            Usage(input: 6086, output: 223, cachedInput: 2944), session: "019a2d7b-7fb8-78e1-8cfa-5bdbe274a3aa",
            tools: (1, 1, 0)),
        // The commentary before the last message is no answer, and unknown kinds of items are nothing special.
        .ok(
            .codex, "codex-codex-exec-json-phase-and-unknown-822e4e09", "Implemented the requested changes.",
            Usage(input: 10, output: 5), session: "0199a213-81c0-7800-8aa1-bbab2a035a53"),
        .fails(
            .codex, "codex-codex-exec-json-all-formats-0db4a51c", .failed,
            text: "Updated src/compute_answer.py and tests pass.", tools: (7, 4, 3)),
        .ok(
            .codex, "codex-evidence-045823dc",
            """
            WP01 complete → `for_review`; no push/provider/daemon activity.

            - Initial state: only test + runtime provenance untracked; no production modifications.
            - RED: `.venv/bin/pytest tests/core/test_checkout_ownership.py -q` → exit 2, expected missing module only \
            (`ModuleNotFoundError`). [Evidence](/tmp/core-3328-wp01-red.txt)
            - Green:
              - Ownership tests: 19 passed
              - Safe-commit integration: 16 passed
              - Runtime paths: 25 passed
              - Architecture/import fences: 27 passed
              - Ruff: clean
              - Focuse…[1319 characters cut]
            """,
            Usage(input: 8_971_367, output: 35_008, cachedInput: 8_777_984, reasoning: 16_717),
            session: "019ff13f-a8c0-7591-9eba-62ecbe6345f7", tools: (44, 39, 5)),
        .fails(.codex, "codex-exec-turn-failed-918c52fd", .failed, text: ""),
        .fails(.codex, "codex-exec-turn-completed-68c6c93a", .empty, text: ""),
        .fails(.codex, "codex-stream-output-multi-1-4292e93b", .truncated, text: ""),
    ]

    private static let others: [Expectation] = [
        .ok(
            .gemini, "gemini-gemini-ebcc9491", "Hello! I'm ready to help. What can I do for you?",
            Usage(input: 7352, output: 16), session: "2aa2472d-f175-41f6-a5a9-fd4f42cc345a"),
        .ok(
            .gemini, "gemini-gemini-0c21baba",
            "The file /private/tmp/gemini-test/sample.txt contains the following:\ntest content from gemini research\n",
            Usage(input: 11_068, output: 44), session: "9c9a14e1-2b8f-443b-8cec-61516ff39741", tools: (1, 1, 0)),
        // The other format of the CLI, which is not asked for: no record of the stream.
        .fails(.gemini, "gemini-gemini-0f720c3e", .empty, text: ""),
        .ok(
            .cursorAgent, "cursor-cursor-agent-65298312", "10", nil, session: "0c79b9f5-d4a6-433b-ab10-2212d47390af"),
        .ok(
            .cursorAgent, "cursor-full-session-7a023368",
            "I'll run `sleep 5` in bash, wait for it to finish, then run `sleep 3` in bash.\n\nBoth commands have "
                + "finished running: first `sleep 5`, then `sleep 3`, with no other actions taken.",
            nil, session: "d43015b9-0707-43f4-b2df-0bcea7891654", tools: (1, 1, 0)),
        .ok(
            .cursorAgent, "cursor-direct-sleep-d869dc01",
            "I’ll run `sleep 5` in bash, wait for it to finish, then run `sleep 3` in bash.\n\nBoth commands have "
                + "finished running: first `sleep 5`, then `sleep 3`, with no other actions taken.",
            nil, session: "d43015b9-0707-43f4-b2df-0bcea7891654", tools: (2, 2, 0)),
        .ok(
            .opencode, "opencode-opencode-stream-success-a0d1e474", "```\nhello\n```",
            Usage(input: 43_858, output: 118, cachedInput: 21_415), cost: "0.001",
            session: "ses_494719016ffe85dkDMj0FPRbHK", tools: (1, 1, 0)),
        .ok(
            .opencode, "opencode-opencode-stream-success-no-reason-6a69a9c6", "All done.", Usage(input: 12, output: 3),
            cost: "0.002", session: "ses_no_reason"),
        .fails(.opencode, "opencode-opencode-stream-error-bea289b1", .rate, text: ""),
        // Events of its server, not of its command.
        .fails(.opencode, "opencode-all-events-d6d96340", .truncated),
        // A file of a session: an error that was overcome, and no terminal record.
        .fails(.copilot, "copilot-small-372c71ad", .truncated, tools: (4, 1, 3)),
    ]

    private static let pi: [Expectation] = [
        .ok(
            .pi, "pi-pi-stream-success-525173c0", "Done. Added notes.md.", Usage(input: 22, output: 10), session: nil,
            tools: (2, 2, 0)),
        .fails(.pi, "pi-pi-stream-error-7032248c", .failed, text: "Request failed."),
        // Three runs, of which the second failed and the third is the one that tried again.
        Expectation(
            kind: .pi, id: "pi-pi-print-mode-events-c02ea2ca",
            text:
                "I'll check the README for the CLI commands.\n\nMain CLI commands include `pi --mode <mode>` for output "
                + "format and `pi --print` for non-interactive runs.\n\nRetry succeeded. Recent notes: 1) Added --mode json "
                + "output. 2) Improved session export.",
            usage: Usage(input: 2650, output: 406), cost: "0.003462", tools: (1, 1, 0), hasSeveralRuns: true),
    ]
}

/// One file of the corpus.
struct Transcript {
    var lines: [String]
    var exit: AgentExit

    static let corpus: String? = {
        let path = repository + "/../shared/traffic/cli"
        return access(path, R_OK) == 0 ? path : nil
    }()

    init(_ id: String, kind: AgentKind) throws {
        let path = "\(Self.corpus ?? "")/\(Self.folder(kind))/\(id).json"
        let document = try JSONValue(parsing: Array(#require(contents(of: path)).utf8))
        lines = try #require(document["stdout_lines"]?.array).compactMap(\.string)
        exit = AgentExit(.exited(Int32(document["exit_code"]?.int ?? 0)))
    }

    var stdout: ByteBuffer { ByteBuffer(string: lines.map { $0 + "\n" }.joined()) }

    static func folder(_ kind: AgentKind) -> String {
        kind == .cursorAgent ? "cursor" : kind.rawValue
    }

    /// All files, as `agent/id.json`.
    static var files: [String] {
        names(in: corpus ?? "").flatMap { agent in
            names(in: "\(corpus ?? "")/\(agent)").map { "\(agent)/\($0)" }
        }
    }

    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
