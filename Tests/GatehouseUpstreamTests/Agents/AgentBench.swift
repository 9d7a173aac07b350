import GatehouseCore
import Glibc
import NIOCore
import NIOPosix
import Subprocess
import SystemPackage
import Testing

@testable import GatehouseUpstream

/// A runner with a directory of its own, as long as a test runs.
struct AgentBench: Sendable {
    let runner: AgentRunner
    /// A directory that agents may write into.
    let directory: String
    /// The gateway's own, with its runs.
    let data: String

    static let fakeAgent = repository + "/Tests/Support/fakeagent.py"
    static let host = [
        "PATH": environmentValue("PATH") ?? "/usr/bin:/bin", "HOME": "/nowhere", "LISTED": "yes", "UNLISTED": "canary",
        "OPENAI_API_KEY": "canary",
    ]

    /// Whether sandboxes can be put up here; where not, agents are tested without.
    static let hasSandbox: Bool = {
        guard let bubblewrap = AgentDiscovery.find("bwrap", path: host["PATH"] ?? "") else { return false }
        let command = "exec '\(bubblewrap)' --unshare-user --unshare-pid --ro-bind / / --proc /proc true 2>/dev/null"
        return system(command) == 0
    }()

    static var sandboxes: [AgentSandbox] { hasSandbox ? [.off, .readOnly, .workspace] : [.off] }

    static var supervisor: String {
        AgentRunnerConfiguration.supervisorBesideExecutable() ?? repository + "/.build/debug/gatehouse-supervisor"
    }

    /// Runs `body` beside a runner, ends the runner, and makes sure that no directory of a run is left.
    static func with<Value: Sendable>(_ body: (AgentBench) async throws -> Value) async throws -> Value {
        let directory = try temporaryDirectory()
        let data = try temporaryDirectory()
        defer {
            remove(directory)
            removeAll(data)
        }
        let runner = AgentRunner(
            AgentRunnerConfiguration(supervisor: supervisor, runsDirectory: data + "/runs", environment: host))
        let bench = AgentBench(runner: runner, directory: directory, data: data)
        let value = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            let value = try await body(bench)
            group.cancelAll()
            while let result = await group.nextResult() { try result.get() }
            return value
        }
        #expect(names(in: data + "/runs") == [".lock", ".sandbox"])
        #expect(runner.activeRuns == 0)
        return value
    }

    /// A fake agent in one of its modes.
    func agent(_ mode: [String], _ change: (inout AgentSettings) -> Void = { _ in }) -> AgentUpstream {
        var settings = AgentSettings(name: "fake", kind: .custom)
        settings.command = ["python3", Self.fakeAgent] + mode
        settings.grace = .milliseconds(300)
        if Self.hasSandbox { settings.writable = [directory] } else { settings.sandbox = .off }
        change(&settings)
        return AgentUpstream(settings: settings, runner: runner)
    }

    func write(_ text: String, to name: String) throws -> String {
        let path = "\(directory)/\(name)"
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        fputs(text, file)
        return path
    }

    /// A named pipe whose reader learns when every process that opened it has ended.
    func witness() throws -> String {
        let path = directory + "/witness"
        try #require(mkfifo(path, 0o600) == 0)
        return path
    }

    /// The processes that wrote into the witness; returns when all of them have ended.
    static func family(_ witness: String) async throws -> [pid_t] {
        let result = try await Subprocess.run(.name("cat"), arguments: [witness], output: .string(limit: 10_000))
        return result.standardOutput.split(separator: "\n").compactMap { pid_t($0) }
    }

    // MARK: Files

    static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/gatehouse-test-XXXXXX\0".utf8CString.dropLast())
        return try template.withUnsafeMutableBufferPointer { buffer in
            let base = try #require(buffer.baseAddress)
            let path = try #require(mkdtemp(base))
            return String(cString: path)
        }
    }

    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Writes a file; false when that does not work.
    static func touch(_ path: String, _ content: String = "") -> Bool {
        guard let file = fopen(path, "w") else { return false }
        defer { fclose(file) }
        return content.isEmpty || fputs(content, file) >= 0
    }

    static func removeAll(_ path: String) {
        #expect(system("rm -rf '\(path)'") == 0)
    }

    static func remove(_ path: String) {
        for name in names(in: path + "/runs") { unlink("\(path)/runs/\(name)") }
        rmdir(path + "/runs")
        for name in names(in: path) { unlink("\(path)/\(name)") }
        #expect(rmdir(path) == 0)
    }

    private static func environmentValue(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}

/// One attempt and what its listener heard.
final class Call: Sendable {
    enum Item: Sendable, Equatable {
        case event(CanonicalEvent)
        case batchEnd
        case end
        case failed(Failure)
    }

    let items: AsyncStream<Item>
    private let loop: any EventLoop
    private let attempt: NIOLoopBoundBox<(any UpstreamAttempt)?>

    /// Starts an attempt; `onItem` is called on the loop for each thing heard.
    init(
        _ upstream: AgentUpstream, _ request: UpstreamRequest,
        onItem: @escaping @Sendable (Item, any UpstreamAttempt, any EventLoop) -> Void = { _, _, _ in }
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (items, continuation) = AsyncStream.makeStream(of: Item.self)
        self.loop = loop
        self.items = items
        self.attempt = try await loop.submit {
            let listener = Listener(continuation, loop, onItem)
            let attempt = upstream.start(request, on: loop, reply: listener)
            listener.hasStarted = true
            listener.attempt = attempt
            return NIOLoopBoundBox(attempt, eventLoop: loop)
        }.get()
    }

    convenience init(_ upstream: AgentUpstream, prompt: String = "hello", model: String = "") async throws {
        try await self.init(upstream, .prompt(prompt, model: model))
    }

    func cancel() async throws {
        try await loop.submit { self.attempt.value?.cancel() }.get()
    }

    func setReading(_ reading: Bool) async throws {
        try await loop.submit { self.attempt.value?.setReading(reading) }.get()
    }

    /// Everything up to the end.
    func reading() async throws -> Reading {
        var events: [CanonicalEvent] = []
        for await item in items {
            switch item {
            case .event(let event): events.append(event)
            case .batchEnd: break
            case .failed(let failure): return Reading(events: events, result: .failure(failure))
            case .end:
                guard case .finished(let finish)? = events.last else {
                    throw Failure(.protocol, detail: "an end without a finish")
                }
                return Reading(events: events, result: .success(finish))
            }
        }
        throw CancellationError()
    }
}

extension UpstreamRequest {
    static func prompt(_ prompt: String, model: String = "") -> UpstreamRequest {
        let request = CanonicalRequest(model: model, messages: [Message(role: .user, parts: [.text(prompt)])])
        return UpstreamRequest(
            id: "test", lane: .events, model: model, stream: true, payload: .canonical(request))
    }
}

private final class Listener: UpstreamReply {
    var hasStarted = false
    var attempt: (any UpstreamAttempt)?
    private var hasEnded = false
    private let continuation: AsyncStream<Call.Item>.Continuation
    private let loop: any EventLoop
    private let onItem: @Sendable (Call.Item, any UpstreamAttempt, any EventLoop) -> Void

    init(
        _ continuation: AsyncStream<Call.Item>.Continuation, _ loop: any EventLoop,
        _ onItem: @escaping @Sendable (Call.Item, any UpstreamAttempt, any EventLoop) -> Void
    ) {
        self.continuation = continuation
        self.loop = loop
        self.onItem = onItem
    }

    private func hear(_ item: Call.Item) {
        #expect(hasStarted, "heard before start had returned")
        #expect(!hasEnded, "heard after the end: \(item)")
        continuation.yield(item)
        if let attempt { onItem(item, attempt, loop) }
        switch item {
        case .end, .failed:
            hasEnded = true
            continuation.finish()
        default: break
        }
    }

    func received(head: UpstreamHead) { Issue.record("a head in the lane of events") }
    func received(bytes: ByteBuffer) { Issue.record("bytes in the lane of events") }
    func received(event: CanonicalEvent) { hear(.event(event)) }
    func receivedBatchEnd() { hear(.batchEnd) }
    func receivedEnd() { hear(.end) }
    func failed(_ failure: Failure) { hear(.failed(failure)) }
}
