import GatehouseCore
import Glibc
import NIOCore
import Subprocess
import Synchronization
import Testing

@testable import GatehouseUpstream

/// Whole runs of a fake agent under the supervisor.
@Suite(.timeLimit(.minutes(2)))
struct AgentRunTests {
    @Test func answers() async throws {
        try await AgentBench.with { bench async throws in
            let reading = try await Call(bench.agent(["echo"]), prompt: "Hello, é 😀\n").reading()
            #expect(reading.text == "Hello, é 😀")
            #expect(reading.finish == Finish(.stop))
        }
    }

    /// A prompt and an answer larger than any pipe, at the same time.
    @Test func takesAndGivesALot() async throws {
        try await AgentBench.with { bench async throws in
            let prompt = String(repeating: "0123456789abcdef", count: 250_000)
            #expect(try await Call(bench.agent(["echo"]), prompt: prompt).reading().text == prompt)
            #expect(try await Call(bench.agent(["close-stdin"]), prompt: prompt).reading().text == "did not read")
            #expect(try await Call(bench.agent(["stderr-flood", "4"])).reading().text == "answer after the flood")
            #expect(try await Call(bench.agent(["flood", "3000"])).reading().text.utf8.count == 2_999_999)
        }
    }

    /// X27: what the agent gets is exactly what it should get.
    @Test(arguments: AgentBench.sandboxes)
    func theAgentGetsWhatItShouldAndNothingElse(sandbox: AgentSandbox) async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent(["dump", "{model}", "--flag=$(id)"]) {
                $0.environmentNames = ["LISTED", "MISSING"]
                $0.sandbox = sandbox
            }
            let reading = try await Call(agent, prompt: "secret --flag\n$(id)", model: "vendor/model-1.5:x").reading()
            let dump = try JSONValue(parsing: Array(reading.text.utf8))
            #expect(dump["argv"]?.array?.compactMap(\.string) == ["dump", "vendor/model-1.5:x", "--flag=$(id)"])
            #expect(dump["stdin"]?.string == "secret --flag\n$(id)")
            #expect(dump["descriptors"]?.array?.compactMap(\.int) == [0, 1, 2])
            #expect(dump["noNewPrivileges"]?.string == "1")
            #expect(dump["blockedSignals"]?.string == "0000000000000000")
            #expect(dump["session"]?.bool == true)
            guard sandbox == .off else {
                #expect(dump["directory"]?.string == "/workspace")
                #expect(dump["temporary"]?.string == "/tmp")
                return
            }
            let work = try #require(dump["directory"]?.string)
            #expect(work.hasPrefix(bench.data + "/runs/run-"))
            let run = String(work.dropLast("/work".count))
            #expect(dump["temporary"]?.string == run + "/tmp")
            #expect(Set((dump["modes"]?.object ?? []).compactMap(\.value.string)) == ["0o700"])
        }
    }

    @Test(arguments: AgentBench.sandboxes)
    func theEnvironmentIsBuiltFromNothing(sandbox: AgentSandbox) async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent([]) { settings in
                settings.command = ["env"]
                settings.environmentNames = ["LISTED", "MISSING"]
                settings.sandbox = sandbox
            }
            let lines = try await Call(agent).reading().text.split(separator: "\n").map(String.init)
            let temporary = try #require(lines.first { $0.hasPrefix("TMPDIR=") }).dropFirst("TMPDIR=".count)
            let run = temporary.dropLast("/tmp".count)
            if sandbox == .off { #expect(run.hasPrefix(bench.data + "/runs/run-")) }
            let home = sandbox == .off ? "\(run)/home" : "/home/agent"
            #expect(
                Set(lines) == [
                    "PATH=\(AgentBench.host["PATH"] ?? "")", "HOME=\(home)", "TMPDIR=\(run)/tmp", "LANG=C.UTF-8",
                    "LC_ALL=C.UTF-8", "TERM=dumb", "NO_COLOR=1", "CI=1", "LISTED=yes",
                ])
            let own = bench.directory
            let homes: [(AgentHome, String)] = [(.user, "HOME=/nowhere"), (.path(own), "HOME=\(own)")]
            for (home, expected) in homes {
                let agent = bench.agent([]) { settings in
                    settings.command = ["env"]
                    settings.home = home
                    settings.sandbox = sandbox
                }
                let lines = try await Call(agent).reading().text.split(separator: "\n")
                #expect(lines.filter { $0.hasPrefix("HOME=") } == [Substring(expected)])
            }
        }
    }

    @Test func readsThePromptFromAFile() async throws {
        try await AgentBench.with { bench async throws in
            let last = bench.agent(["prompt-file"]) { $0.prompt = .file }
            #expect(try await Call(last, prompt: "in a file").reading().text == "0o600 in a file")
            let placed = bench.agent(["prompt-file", "{prompt-file}", "x"]) { $0.prompt = .file }
            #expect(try await Call(placed, prompt: "again").reading().text == "0o600 again")
        }
    }

    /// A known kind, from a recorded answer to its events.
    @Test func readsTheRecordsOfAKind() async throws {
        try await AgentBench.with { bench async throws in
            let answer = try bench.write(
                """
                {"type":"init","session_id":"s","model":"m"}
                {"type":"message","role":"assistant","content":"Hi\\u2028","delta":true}
                {"type":"result","status":"success","stats":{"input_tokens":1,"output_tokens":2}}

                """, to: "answer")
            let expected: [CanonicalEvent] = [
                .started(AnswerStart(model: "m", session: "s")), .textDelta("Hi\u{2028}"),
                .finished(Finish(.stop, usage: Usage(input: 1, output: 2), session: "s")),
            ]
            let known = bench.agent([]) { settings in
                settings.kind = .gemini
                settings.command = [AgentBench.fakeAgent, "replay", answer, "0"]
            }
            #expect(try await Call(known).reading().events == expected)
            let custom = bench.agent(["replay", answer]) { $0.output = .jsonLines(.gemini) }
            #expect(try await Call(custom).reading().events == expected)
            let failing = bench.agent(["replay", answer, "41"]) { $0.output = .jsonLines(.gemini) }
            #expect(try await Call(failing).reading().failure?.kind == .auth)
        }
    }

    @Test func failuresAreTold() async throws {
        try await AgentBench.with { bench async throws in
            func failure(_ mode: [String]) async throws -> Failure? {
                try await Call(bench.agent(mode)).reading().failure
            }
            #expect(try await failure(["exit", "0"])?.kind == .empty)
            #expect(
                try await failure(["exit", "3", "Error: quota exceeded, resets in 2h"])
                    == Failure(
                        .quota, detail: "exit 3: Error: quota exceeded, resets in 2h", retryAfter: 7200))
            #expect(try await failure(["exit", "9"])?.kind == .failed)
            #expect(try await failure(["signal", "11"]) == Failure(.crashed, detail: "ended by signal 11"))
            #expect(try await failure(["signal", "9"])?.kind == .crashed)
            let missing = bench.agent([]) { $0.command = ["no-such-agent"] }
            #expect(try await Call(missing).reading().failure == Failure(.spawn, detail: "ENOENT: no-such-agent"))
            let script = try bench.write("#!/no/such/interpreter\n", to: "script")
            chmod(script, 0o700)
            let broken = bench.agent([]) { $0.command = [script] }
            #expect(
                try await Call(broken).reading().failure
                    == Failure(.spawn, detail: "start: ENOENT"))
            let long = bench.agent(["exit", String(repeating: "x", count: 200_000)])
            #expect(try await Call(long).reading().failure?.kind == .spawn)
        }
    }

    @Test func refusesEndlessLines() async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent(["no-newline", "1000"]) { $0.output = .jsonLines(.claude) }
            let reading = try await Call(agent).reading()
            #expect(reading.failure?.kind == .outputTooLarge)
            #expect(reading.events.isEmpty)
        }
    }

    @Test func refusesWhatItCannotTake() async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent(["echo"])
            #expect(try await Call(agent, model: "--dangerously-skip-permissions").reading().failure?.kind == .input)
            #expect(throws: GatehouseError.self) { try agent.validate(CanonicalRequest(model: "-x", messages: [])) }
            let images = CanonicalRequest(
                model: "", messages: [Message(role: .user, parts: [Part(.image(Media(url: "x")))])])
            let request = UpstreamRequest(
                id: "", lane: .events, model: "", stream: false, payload: .canonical(images))
            #expect(try await Call(agent, request).reading().failure?.kind == .input)
            let agy = AgentUpstream(settings: AgentSettings(name: "agy", kind: .agy), runner: bench.runner)
            let long = String(repeating: "x", count: 121 << 10)
            #expect(try await Call(agy, prompt: long).reading().failure?.kind == .input)
            #expect(agent.slotsInUse == 0)
        }
    }

    @Test func removesWhateverARunLeavesBehind() async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent(["litter"]) { if $0.sandbox != .off { $0.sandbox = .workspace } }
            #expect(try await Call(agent).reading().text == "littered")
        }
    }

    // MARK: Back-pressure and slots

    /// While the listener does not read, nothing comes; when it reads again, nothing is missing.
    @Test func waitsForItsListener() async throws {
        try await AgentBench.with { bench async throws in
            let paused = Mutex(false)
            let pauses = Mutex(0)
            let call = try await Call(bench.agent(["flood", "2000"]), .prompt("x")) { item, attempt, loop in
                if case .event = item { #expect(!paused.withLock { $0 }, "an event while not reading") }
                guard item == .batchEnd else { return }
                paused.withLock { $0 = true }
                pauses.withLock { $0 += 1 }
                attempt.setReading(false)
                // The run looks at the gate before the loop comes to this.
                let bound = NIOLoopBound(attempt, eventLoop: loop)
                loop.scheduleTask(in: .milliseconds(2)) {
                    paused.withLock { $0 = false }
                    bound.value.setReading(true)
                }
            }
            #expect(try await call.reading().text.utf8.count == 1_999_999)
            #expect(pauses.withLock { $0 } > 5)
        }
    }

    @Test func nothingComesWhileNobodyReads() async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent([]) { settings in
                settings.command = ["yes"]
                settings.timeouts.idle = .milliseconds(10)
                // Long enough for a process to start on a machine that does much else.
                settings.timeouts.total = .seconds(10)
            }
            let call = try await Call(agent, .prompt("x")) { item, attempt, _ in
                if item == .batchEnd { attempt.setReading(false) }
            }
            let items = await call.items.reduce(into: []) { $0.append($1) }
            // One piece of an endless flood, and then not a timer of silence: they rest.
            #expect(items.count == 3)
            #expect(items.last == .failed(Failure(.timeout(.total))))
        }
    }

    @Test func timersOfSilenceRestWhileNobodyReads() async {
        var timeouts = AgentTimeouts()
        timeouts.firstOutput = .milliseconds(5)
        timeouts.idle = .milliseconds(5)
        timeouts.total = .milliseconds(60)
        let timers = AgentTimers(timeouts)
        timers.setPaused(true)
        #expect(await timers.expiry() == .timeout(.total))
        let reading = AgentTimers(timeouts)
        #expect(await reading.expiry() == .timeout(.firstByte))
        let silent = AgentTimers(timeouts)
        silent.noteOutput()
        silent.noteReading()
        #expect(await silent.expiry() == .timeout(.idle))
        let working = AgentTimers(timeouts)
        working.noteOutput()
        #expect(await working.expiry() == .timeout(.total))
    }

    @Test func hasSlots() async throws {
        try await AgentBench.with { bench async throws in
            let agent = bench.agent(["hang", "up"]) { $0.concurrency = 1 }
            let first = try await Call(agent)
            for await item in first.items where item == .event(.textDelta("up")) { break }
            let second = try await Call(agent).reading()
            #expect(second.failure == Failure(.busy, detail: "all slots of fake are taken", retryAfter: 1))
            #expect(agent.slotsInUse == 1)
            try await first.cancel()
        }
    }
}
