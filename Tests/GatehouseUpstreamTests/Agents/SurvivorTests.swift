import GatehouseCore
import Glibc
import NIOCore
import Subprocess
import SystemPackage
import Testing

@testable import GatehouseUpstream

/// Nothing of an agent survives its end, whatever the end is. The family of the fake agent ignores SIGTERM, and has an
/// orphan and a member in a session of its own; a named pipe tells when the last one is gone.
@Suite(.timeLimit(.minutes(2)))
struct SurvivorTests {
    /// The pipe has told that none has it open; inside a sandbox their pids are not those of the host. A process closes
    /// its files a moment before it has ended: that moment is waited for, by the time limit of the suite.
    private func expectGone(_ family: [pid_t], _ sandbox: AgentSandbox) async {
        #expect(family.count == 4)
        guard sandbox == .off else { return }
        for pid in family {
            while isAlive(pid) { await Task.yield() }
        }
    }

    /// What has ended and waits to be collected is not alive.
    private func isAlive(_ pid: pid_t) -> Bool {
        guard let stat = contents(of: "/proc/\(pid)/stat"), let name = stat.lastIndex(of: ")") else { return false }
        return !stat[name...].hasPrefix(") Z")
    }

    @Test(arguments: AgentBench.sandboxes)
    func afterTheLeaderEnded(sandbox: AgentSandbox) async throws {
        let family = try await AgentBench.with { bench async throws in
            let witness = try bench.witness()
            async let family = AgentBench.family(witness)
            let agent = bench.agent(["tree", witness, "leave"]) { $0.sandbox = sandbox }
            #expect(try await Call(agent).reading().text == "family is up")
            return try await family
        }
        await expectGone(family, sandbox)
    }

    @Test(arguments: AgentBench.sandboxes)
    func afterACancel(sandbox: AgentSandbox) async throws {
        let family = try await AgentBench.with { bench async throws in
            let witness = try bench.witness()
            async let family = AgentBench.family(witness)
            let call = try await Call(bench.agent(["tree", witness, "hang"]) { $0.sandbox = sandbox })
            for await item in call.items where item == .event(.textDelta("family is up")) { break }
            try await call.cancel()
            return try await family
        }
        await expectGone(family, sandbox)
    }

    @Test(arguments: AgentBench.sandboxes)
    func afterATimeout(sandbox: AgentSandbox) async throws {
        let family = try await AgentBench.with { bench async throws in
            let witness = try bench.witness()
            async let family = AgentBench.family(witness)
            let agent = bench.agent(["tree", witness, "hang"]) { settings in
                settings.timeouts.idle = .milliseconds(50)
                settings.sandbox = sandbox
            }
            #expect(try await Call(agent).reading().failure == Failure(.timeout(.idle)))
            return try await family
        }
        await expectGone(family, sandbox)
    }

    @Test(arguments: AgentBench.sandboxes)
    func afterTheRunnerWasEnded(sandbox: AgentSandbox) async throws {
        let witness = Witness()
        async let result = AgentBench.with { bench async throws in
            let path = try bench.witness()
            let call = try await Call(bench.agent(["tree", path, "hang"]) { $0.sandbox = sandbox })
            await witness.read(path)
            for await item in call.items where item == .event(.textDelta("family is up")) { break }
            return call
        }
        let call = try await result
        #expect(try await call.reading().failure?.kind == .cancelled)
        await expectGone(try await witness.family(), sandbox)
    }

    /// The agent hears of it, may say something, and has its grace.
    @Test(arguments: AgentBench.sandboxes)
    func afterAShutdown(sandbox: AgentSandbox) async throws {
        let told = try await AgentBench.with { bench async throws in
            let file = bench.directory + "/told"
            let call = try await Call(
                bench.agent(["polite", file]) {
                    $0.sandbox = sandbox
                    $0.grace = .seconds(20)
                })
            for await item in call.items where item == .event(.textDelta("up")) { break }
            bench.runner.shutDown()
            #expect(try await call.reading().failure == Failure(.cancelled))
            #expect(try await Call(bench.agent(["echo"])).reading().failure?.kind == .busy)
            while bench.runner.activeRuns > 0 { await Task.yield() }
            return contents(of: file)
        }
        #expect(told == "told to end")
    }

    /// An agent that has told its end and does not go.
    @Test func afterLingering() async throws {
        let family = try await AgentBench.with { bench async throws in
            let witness = try bench.witness()
            async let family = AgentBench.family(witness)
            let answer = try bench.write(
                """
                {"type":"assistant","message":{"content":[{"type":"text","text":"done"}]}}
                {"type":"result","subtype":"success","is_error":false,"result":"done"}

                """, to: "answer")
            let agent = bench.agent(["linger", answer, witness]) { settings in
                settings.output = .jsonLines(.claude)
                settings.timeouts.linger = .milliseconds(50)
            }
            #expect(try await Call(agent).reading().text == "done")
            return try await family
        }
        #expect(family.count == 1)
    }

    /// kill -9 of the gateway: its agents are not given their ten minutes of grace; a soak tells how soon they are gone.
    @Test func afterTheParentWasKilled() async throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.remove(directory) }
        let witness = directory + "/witness"
        try #require(mkfifo(witness, 0o600) == 0)
        async let family = AgentBench.family(witness)
        let parent = """
            import os, subprocess, sys, time
            subprocess.Popen([sys.argv[1], "--grace-ms", "600000", "--parent", str(os.getpid()), "--"] + sys.argv[2:])
            time.sleep(600)
            """
        _ = try await Subprocess.run(
            .name("python3"),
            arguments: ["-c", parent, AgentBench.supervisor, AgentBench.fakeAgent, "tree", witness, "hang"],
            input: .none, output: .sequence, error: .discarded
        ) { execution in
            for try await _ in execution.standardOutput { break }
            try execution.send(signal: .kill)
        }
        await expectGone(try await family, .off)
    }

    @Test func sweepsWhatAnEarlierProcessLeft() async throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.remove(directory) }
        let runs = directory + "/runs"
        for path in [runs, runs + "/run-old", runs + "/run-old/work", runs + "/other"] { mkdir(path, 0o700) }
        #expect(symlink("/etc/passwd", runs + "/run-old/work/link") == 0)
        let lock = try RunDirectory.lock(base: runs)
        #expect(lock != nil)
        #expect(try RunDirectory.sweep(base: runs) == 1)
        #expect(AgentBench.names(in: runs) == [".lock", "other"])
        #expect(try RunDirectory.lock(base: runs) == nil)
        withExtendedLifetime(lock) {}
        rmdir(runs + "/other")
    }
}

/// Reads a witness beyond the end of the bench that made it.
private actor Witness {
    private var task: Task<[pid_t], any Error>?

    func read(_ path: String) {
        task = Task { try await AgentBench.family(path) }
    }

    func family() async throws -> [pid_t] {
        try await task?.value ?? []
    }
}
