import GatehouseCore
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import GatehouseUpstream

/// What the doctor makes of versions and logins, and how it looks at an agent.
@Suite(.timeLimit(.minutes(2)))
struct DoctorTests {
    @Test(arguments: [
        ("codex-cli 0.144.1\n", "0.144.1"), ("2.1.207 (Claude Code)", "2.1.207"), ("llm, version 0.36", "0.36"),
        ("2026.01.28-fd13201", "2026.1.28"), ("v1.0.81", "1.0.81"),
        ("warning: x\nagy version v1.2.17, linux", "1.2.17"),
    ])
    func readsVersions(_ text: String, _ version: String) {
        #expect(AgentVersion(in: text)?.description == version)
    }

    @Test(arguments: ["", "no version", "5", "1..2", "99999999999999999999.1"])
    func takesNothingElseForAVersion(_ text: String) {
        #expect(AgentVersion(in: text) == nil)
    }

    @Test func comparesVersionsByTheirNumbers() throws {
        let versions = try ["0.9", "0.10", "0.10.1", "1.0", "1.2.17"].map { try #require(AgentVersion(in: $0)) }
        #expect(versions.shuffled().sorted() == versions)
        #expect(AgentVersion(in: "1.0") == AgentVersion(in: "1.0.0"))
    }

    @Test(arguments: [
        (0, "Logged in using ChatGPT", AgentLoginState.loggedIn), (1, "Not logged in", .loggedOut),
        (0, #"{"loggedIn": false}"#, .loggedOut), (1, #"{"loggedIn":false}"#, .loggedOut),
        (0, #"{"loggedIn": true}"#, .loggedIn), (2, "unknown command status", .unknown), (1, "", .unknown),
    ])
    func readsLogins(_ code: Int32, _ output: String, _ state: AgentLoginState) {
        #expect(AgentLoginState(exit: code, output: output) == state)
    }

    @Test(arguments: [
        ("1.2.17", Finding.Verdict.ok), ("1.1.5", .ok), ("1.0.9", .broken), ("1.3.0", .notice), ("nonsense", .notice),
    ])
    func judgesVersions(_ text: String, _ verdict: Finding.Verdict) {
        let contract = AgentContract(tried: "1.2.17", minimum: "1.1.0", installation: "update it")
        let finding = AgentDoctor.judge(AgentVersion(in: text), text, "agent x", contract)
        #expect(finding.verdict == verdict)
        #expect(finding.advice.isEmpty == (verdict == .ok || text == "nonsense"))
    }

    @Test func everyKindSaysHowItIsInstalledAndLoggedIn() {
        for kind in AgentKind.allCases {
            guard let contract = kind.cli?.contract else { continue }
            #expect(!contract.installation.isEmpty && !contract.login.isEmpty, "\(kind)")
            for version in [contract.tried, contract.minimum].compactMap(\.self) {
                #expect(AgentVersion(in: version) != nil)
            }
        }
    }

    /// A command line tool called as `codex`: it tells its version, its login, and can be made to hang with a child.
    private static let fake = """
        #!/bin/sh
        case "$1 $2" in
        "--version ") [ -e "$HOME/hang" ] && { sleep 600 & sleep 600; }; echo codex-cli 0.144.1;;
        "login status") echo "Not logged in" >&2; exit 1;;
        esac
        """

    private static func examine(
        _ body: (AgentSettings, AgentDoctor, String) async throws -> Void, limit: Duration = .seconds(20)
    ) async throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.removeAll(directory) }
        let program = directory + "/bin/codex"
        try #require(mkdir(directory + "/bin", 0o755) == 0 && AgentBench.touch(program, fake))
        try #require(chmod(program, 0o755) == 0)
        var settings = AgentSettings(name: "mine", kind: .codex)
        settings.command = [program]
        settings.sandbox = .off
        settings.home = .path(directory)
        settings.grace = .milliseconds(100)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let configuration = AgentRunnerConfiguration(
            supervisor: AgentBench.supervisor, runsDirectory: directory + "/runs", environment: AgentBench.host)
        let doctor = try await AgentDoctor(configuration, on: group.any(), limit: limit)
        try await body(settings, doctor, directory)
        #expect(!AgentBench.names(in: directory + "/runs").contains { $0.hasPrefix("run-") })
        try await group.shutdownGracefully()
    }

    @Test func looksAtAnAgent() async throws {
        try await Self.examine { settings, doctor, _ in
            let findings = await doctor.examine(settings)
            #expect(findings.map(\.check) == ["path", "sandbox", "version", "login"])
            #expect(findings.map(\.verdict) == [.ok, .notice, .ok, .broken])
            #expect(findings.last?.advice.contains("codex login") == true)
        }
    }

    @Test func anAgentThatIsNotThereIsBroken() async throws {
        try await Self.examine { settings, doctor, _ in
            var settings = settings
            settings.command = ["/nowhere/codex"]
            let findings = await doctor.examine(settings)
            #expect(findings.map(\.verdict) == [.broken])
            #expect(findings.first?.advice.contains("npm install") == true)
        }
    }

    @Test func whatHangsIsEndedWithItsChildren() async throws {
        try await Self.examine(
            { settings, doctor, directory in
                try #require(AgentBench.touch(directory + "/hang"))
                let findings = await doctor.examine(settings)
                #expect(findings.last?.check == "version" && findings.last?.verdict == .broken)
                #expect(findings.last?.detail.hasPrefix("timeout") == true)
            }, limit: .milliseconds(300))
    }

    // MARK: Recording

    @Test func aRecordingHasLinesAsTheyWerePrinted() {
        let recording = AgentRecording()
        for piece in ["one\ntw", "o\n\nthr", "ee"] {
            Array(piece.utf8).withUnsafeBytes { recording.take($0, from: .stdout) }
        }
        Array("error\n".utf8).withUnsafeBytes { recording.take($0, from: .stderr) }
        recording.end(.exited(3))
        let content = recording.content
        #expect(content.stdout.map(\.text) == ["one", "two", "", "three"])
        #expect(content.stderr.map(\.text) == ["error"])
        #expect(content.status == .exited(3) && !content.isCut)
    }
}
