import GatehouseCore
import NIOCore
import Subprocess
import Synchronization
import SystemPackage

/// Runs the process of one run to its end, and gives on what it prints.
struct AgentProcess {
    /// How long the supervisor may need beyond the grace: for processes that hang in the kernel.
    static let supervisorMargin = Duration.seconds(12)
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
        } catch let failure as Failure {
            status = .failure(failure)
        } catch let error as SubprocessError {
            status = .failure(Failure(.spawn, detail: "supervisor: \(error)".bounded))
        } catch {
            status = .failure(Failure(.cancelled))
        }
        return Result(output: output, stderr: stderr.text, status: status)
    }

    private func spawn(_ output: inout any AgentOutput) async throws -> AgentExit.Status {
        guard DescriptorRoom.has(DescriptorRoom.forRun) else {
            throw Failure(.spawn, detail: "this process may not open enough files")
        }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, allowedDurationToNextStep: launch.grace + Self.supervisorMargin)
        ]
        let result = try await Subprocess.run(
            .path(FilePath(launch.supervisor)),
            arguments: Arguments(launch.arguments),
            environment: .custom(launch.environment.map { Array("\($0.key)=\($0.value)\0".utf8) }),
            workingDirectory: FilePath(launch.directory),
            platformOptions: options,
            input: .inputWriter,
            output: .sequence,
            error: .sequence
        ) { execution in
            let errors = execution.standardError
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [run] in
                    await run.stopping.wait()
                    if run.stopping.isReleased { try? execution.send(signal: .terminate) }
                }
                try await withThrowingTaskGroup(of: Void.self) { pipes in
                    pipes.addTask { [launch] in await Self.write(launch.input, to: execution.standardInputWriter) }
                    pipes.addTask { [self] in try await read(errors) }
                    try await read(execution.standardOutput, into: &output)
                    try await pipes.waitForAll()
                }
                group.cancelAll()
            }
        }
        return AgentExit.Status(result.terminationStatus)
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
private struct OutputQuota {
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
private final class TailBuffer: Sendable {
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
