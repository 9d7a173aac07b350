import Subprocess
import SystemPackage
import Testing

@testable import GatehouseUpstream

/// The supervisor by itself.
@Suite(.timeLimit(.minutes(1)))
struct SupervisorTests {
    private struct Outcome {
        var status: TerminationStatus
        var output: String
        var error: String
    }

    private func supervise(_ arguments: [String]) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(AgentBench.supervisor)), arguments: Arguments(arguments),
            output: .string(limit: 10_000), error: .string(limit: 10_000))
        return Outcome(status: result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }

    @Test(arguments: [Int32(0), 1, 7, 126, 255])
    func endsWithTheCodeOfItsCommand(code: Int32) async throws {
        let outcome = try await supervise(["--", "sh", "-c", "echo out; exit \(code)"])
        #expect(outcome.status == .exited(code))
        #expect(outcome.output == "out\n")
        #expect(outcome.error.isEmpty)
    }

    @Test(arguments: [Int32(1), 6, 9, 11, 15])
    func endsByTheSignalOfItsCommand(number: Int32) async throws {
        #expect(try await supervise(["--", "sh", "-c", "kill -\(number) $$"]).status == .signaled(number))
    }

    @Test func tellsWhyItCouldNotStart() async throws {
        let missing = try await supervise(["--", "/no/such/command"])
        #expect(missing.status == .exited(127))
        #expect(missing.error == "gatehouse-supervisor: exec: ENOENT\n")
        let directory = try await supervise(["--", "/tmp"])
        #expect(directory.status == .exited(126))
        #expect(directory.error == "gatehouse-supervisor: exec: EACCES\n")
    }

    @Test(arguments: [
        [], ["--"], ["--bogus", "1", "--", "true"], ["--nofile", "--", "true"], ["--nofile", "-1", "--", "true"],
        ["--grace-ms", "99999999999999999999", "--", "true"], ["--cpu-s", "5x", "--", "true"], ["true"],
    ])
    func refusesWrongUsage(arguments: [String]) async throws {
        let outcome = try await supervise(arguments)
        #expect(outcome.status == .exited(64))
        #expect(outcome.error.contains("usage:"))
    }

    @Test func limits() async throws {
        let outcome = try await supervise(
            [
                "--cpu-s", "77", "--nofile", "66", "--fsize", "1048576", "--data", "1073741824", "--", "sh", "-c",
                "ulimit -t; ulimit -n; ulimit -f; ulimit -d; ulimit -c",
            ])
        #expect(outcome.output == "77\n66\n2048\n1048576\n0\n")
    }

    @Test func doesNotStartForAParentThatIsGone() async throws {
        let outcome = try await supervise(["--parent", "1", "--", "echo", "started"])
        #expect(outcome.status != .exited(0))
        #expect(outcome.output.isEmpty)
    }

    @Test func discovery() async throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.remove(directory) }
        let script = try await supervise([
            "--", "sh", "-c", "cd \(directory) && touch gemini claude codex llm && chmod +x claude llm && mkdir agy",
        ])
        #expect(script.status == .exited(0))
        #expect(
            AgentDiscovery.onPath(path: "relative:/nowhere:\(directory)/")
                == [.init(kind: .claude, path: "\(directory)/claude"), .init(kind: .llm, path: "\(directory)/llm")])
        #expect(AgentDiscovery.find("../claude", path: directory) == nil)
        _ = try await supervise(["--", "rmdir", "\(directory)/agy"])
    }
}
