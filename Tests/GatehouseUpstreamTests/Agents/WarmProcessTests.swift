import GatehouseCore
import NIOCore
import Synchronization
import Testing

@testable import GatehouseUpstream

/// Real processes that are kept, under a real supervisor.
@Suite struct WarmProcessTests {
    private static let fake = repository + "/Tests/Support/fakeacp.py"

    private static func agent(
        _ bench: AgentBench, _ arguments: [String] = [], _ change: (inout AgentSettings) -> Void = { _ in }
    ) -> AgentUpstream {
        var settings = AgentSettings(name: "warm", kind: .acp)
        settings.command = ["python3", fake] + arguments
        settings.grace = .milliseconds(300)
        if !AgentBench.hasSandbox { settings.sandbox = .off }
        change(&settings)
        return AgentUpstream(settings: settings, runner: bench.runner)
    }

    private static func request(_ text: String, tenant: String = "ann") -> UpstreamRequest {
        var request = UpstreamRequest.prompt(text)
        request.tenant = tenant
        return request
    }

    /// Which process answered, by what it says of itself.
    private static func instance(_ agent: AgentUpstream, tenant: String = "ann") async throws -> String {
        let reading = try await Call(agent, request("hello", tenant: tenant)).reading()
        let told = try JSONValue(parsing: Array(reading.text.utf8))
        return try #require(told["instance"]?.string)
    }

    @Test func answersOneTurnAfterTheOther() async throws {
        try await AgentBench.with { bench async throws in
            let agent = Self.agent(bench)
            let first = try await Self.instance(agent)
            #expect(try await Self.instance(agent) == first)
            #expect(try await Self.instance(agent, tenant: "bob") != first)
            let reading = try await Call(agent, Self.request(#"do: {"say": "yes", "think": "hm"}"#)).reading()
            #expect(reading.reasoning == "hm" && reading.text == "yes")
            #expect(reading.finish?.usage == Usage(input: 3, output: 4))
            #expect(bench.runner.poolNumbers.map(\.counts.idle) == [2])
        }
    }

    /// While the listener does not read, nothing comes; when it reads again, nothing is missing.
    @Test func waitsForItsListener() async throws {
        try await AgentBench.with { bench async throws in
            let agent = Self.agent(bench)
            let paused = Mutex(false)
            let pauses = Mutex(0)
            let call = try await Call(agent, Self.request(#"do: {"chunks": 2000, "say": "end"}"#)) {
                item, attempt, loop in
                if case .event = item { #expect(!paused.withLock { $0 }, "an event while not reading") }
                guard item == .batchEnd else { return }
                paused.withLock { $0 = true }
                pauses.withLock { $0 += 1 }
                attempt.setReading(false)
                let bound = NIOLoopBound(attempt, eventLoop: loop)
                loop.scheduleTask(in: .milliseconds(2)) {
                    paused.withLock { $0 = false }
                    bound.value.setReading(true)
                }
            }
            let text = try await call.reading().text
            #expect(text.hasPrefix("0 x") && text.hasSuffix("xend"))
            let length = (0..<2000).reduce(3) { $0 + "\($1) ".utf8.count + 1000 }
            #expect(text.utf8.count == length)
            #expect(pauses.withLock { $0 } > 5)
        }
    }

    @Test func oneThatSaysNothingIsReplaced() async throws {
        try await AgentBench.with { bench async throws in
            let agent = Self.agent(bench) { $0.timeouts.firstOutput = .seconds(2) }
            let first = try await Self.instance(agent)
            let silent = try await Call(agent, Self.request(#"do: {"mute": true}"#)).reading()
            #expect(silent.failure == Failure(.timeout(.firstByte)))
            #expect(try await Self.instance(agent) != first)
        }
    }

    @Test func aTurnThatIsCancelledLeavesItsProcess() async throws {
        try await AgentBench.with { bench async throws in
            let agent = Self.agent(bench) { $0.pool.maximum = 1 }
            let first = try await Self.instance(agent)
            let call = try await Call(agent, Self.request(#"do: {"say": "up", "hang": true}"#))
            for await item in call.items where item == .event(.textDelta("up")) { break }
            // Waits for the process until the first has heard of its end.
            let next = try await Call(agent, Self.request("hello"))
            try await call.cancel()
            #expect(try await next.reading().text.contains(first))
        }
    }

    @Test func oneThatCannotBeStarted() async throws {
        try await AgentBench.with { bench async throws in
            let missing = Self.agent(bench) { $0.command = ["no-such-agent"] }
            let failure = try #require(try await Call(missing, Self.request("hello")).reading().failure)
            #expect(failure.kind == .spawn && failure.detail == "ENOENT: no-such-agent" && failure.isUnsent)
            let broken = Self.agent(bench, ["--fail", "Error: please run /login"])
            #expect(try await Call(broken, Self.request("hello")).reading().failure?.kind == .auth)
        }
    }

    /// A pool that nobody uses any more ends what it has.
    @Test func whoLetsGoEndsThePool() async throws {
        try await AgentBench.with { bench async throws in
            var agent: AgentUpstream? = Self.agent(bench)
            let first = try await Self.instance(#require(agent))
            // The same settings find the same processes, as after a reload.
            let other = Self.agent(bench)
            agent = nil
            #expect(try await Self.instance(other) == first)
            let pool = bench.runner.pool(for: other.settings)
            pool.letGo()
            #expect(!pool.isOver)
        }
    }
}
