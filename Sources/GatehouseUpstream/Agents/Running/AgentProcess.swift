import GatehouseCore
import NIOCore
import Subprocess
import Synchronization

/// Runs the process of one run to its end, and gives on what it prints.
struct AgentProcess {
    private static let stderrLimit = 64 << 10

    /// What is known when nothing of the process is left.
    struct Result: Sendable {
        var output: any AgentOutput
        var stderr: String
        /// How it ended; or why it could not run to its end.
        var status: Swift.Result<AgentExit.Status, Failure>
    }

    let launch: AgentLaunch
    let run: AgentRun
    let recording: AgentRecording?
    private let stderr = TailBuffer(limit: stderrLimit)

    init(_ launch: AgentLaunch, run: AgentRun, recording: AgentRecording? = nil) {
        self.launch = launch
        self.run = run
        self.recording = recording
    }

    /// Returns when the supervisor has ended, and with it the whole tree. `AgentRun.stop()` ends the tree, and so does
    /// cancelling the task, which closes the agent's pipes at once.
    func execute() async -> Result {
        var output = run.settings.cli.makeOutput()
        let status: Swift.Result<AgentExit.Status, Failure>
        do {
            status = .success(try await spawn(&output))
        } catch {
            status = .failure(SupervisedProcess.failure(error))
        }
        return Result(output: output, stderr: stderr.text, status: status)
    }

    private func spawn(_ output: inout any AgentOutput) async throws -> AgentExit.Status {
        try await SupervisedProcess(launch: launch, stopping: run.stopping).run { pipes in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [launch] in await Self.write(launch.input, to: pipes.input) }
                group.addTask { [self] in try await read(pipes.errors) }
                try await read(pipes.output, into: &output)
                try await group.waitForAll()
            }
        }
    }

    private static func write(_ input: String, to writer: StandardInputWriter) async {
        // An agent that does not read its prompt to the end is nothing special.
        if !input.isEmpty { _ = try? await writer.write(Array(input.utf8)) }
        try? await writer.finish()
    }

    private func read(_ errors: SubprocessOutputSequence) async throws {
        var quota = OutputQuota(launch.outputLimit)
        for try await bytes in errors {
            bytes.withUnsafeBytes {
                stderr.append($0)
                recording?.take($0, from: .stderr)
            }
            if !run.stopping.isReleased { try quota.take(bytes.count) }
        }
    }

    /// One piece at a time: the next is read when the listener has taken what came of the last one, and reads.
    private func read(_ stdout: SubprocessOutputSequence, into output: inout any AgentOutput) async throws {
        var iterator = stdout.makeAsyncIterator()
        var quota = OutputQuota(launch.outputLimit)
        while true {
            await run.gate.wait()
            guard let bytes = try await iterator.next() else { return }
            if run.stopping.isReleased { continue }
            run.timers.noteOutput()
            let buffer = bytes.withUnsafeBytes { bytes in
                recording?.take(bytes, from: .stdout)
                return ByteBuffer(bytes: bytes)
            }
            try quota.take(buffer.readableBytes)
            let events = try output.feed(buffer)
            if output.isComplete { run.timers.noteCompletion() }
            await run.deliver(events)
            run.timers.noteReading()
        }
    }
}

/// How much of a stream is still taken.
struct OutputQuota {
    private let limit: Int
    private var left: Int

    init(_ limit: Int) {
        self.limit = limit
        left = limit
    }

    mutating func take(_ count: Int) throws(Failure) {
        left -= count
        guard left >= 0 else { throw Failure(.outputTooLarge, detail: "more than \(limit) bytes of output") }
    }
}

/// The last bytes of a stream. The lock guards them between the task that reads and the one that looks.
final class TailBuffer: Sendable {
    private let limit: Int
    private let bytes = Mutex<[UInt8]>([])

    init(limit: Int) {
        self.limit = limit
    }

    func append(_ piece: UnsafeRawBufferPointer) {
        bytes.withLock { bytes in
            bytes.append(contentsOf: piece.suffix(limit))
            if bytes.count > 2 * limit { bytes.removeFirst(bytes.count - limit) }
        }
    }

    var text: String {
        bytes.withLock { String(decoding: $0.suffix(limit), as: UTF8.self) }
    }
}
