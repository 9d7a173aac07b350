import GatehouseCore
import Glibc
import Subprocess
import Synchronization

/// One reader of one file: a process in a sandbox of its own, from its start until nothing of it is left.
struct ExtractionRun {
    struct Command {
        /// As they are inside.
        let words: [String]
        let installed: [String]
        let shown: [SandboxPlan.Shown]
    }

    private static let outputLimit = 4 << 20
    private static let grace = Duration.milliseconds(200)

    let command: Command
    let input: String
    let host: AgentHost
    let sandbox: SandboxHost
    let limits: SandboxedTextExtractor.Limits
    let configuration: AgentRunnerConfiguration

    /// What the reader printed.
    ///
    /// - Throws: What a `ReadingFailure` is told as, and `sandbox_unavailable` when it could not be started.
    func output() async throws(GatehouseError) -> [UInt8] {
        let id = "text-\(UInt64.random(in: .min ... .max))"
        let base = configuration.runsDirectory
        let made = await offload { Result { () throws(Failure) in try RunDirectory(below: base, id: id) } }
        guard case .success(let directory) = made else { throw Self.noSandbox }
        let collected = await collect(in: directory)
        let report = await offload { RunReport.read(directory.reportFile) }
        // A supervisor that was killed could not see to it that nothing is left.
        if report == nil {
            _ = try? await Supervisor(path: configuration.supervisor).reap(base, only: directory.name)
        }
        await offload { directory.remove() }
        if let phase = report?.phase, phase == .sandbox || phase == .start { throw Self.noSandbox }
        do throws(ReadingFailure) { return try verdict(collected, report) } catch { throw error.error }
    }

    private static let noSandbox = GatehouseError(
        .sandboxUnavailable, "The sandbox that files are read in could not be put up.")

    private func verdict(_ collected: ReaderOutput.State, _ report: RunReport?) throws(ReadingFailure) -> [UInt8] {
        guard !collected.isBeyond, let report, report.phase == .run, !report.isOutOfMemory else { throw .limit }
        switch report.status {
        case .exited(0): return collected.bytes
        case .exited(let code): throw ReadingFailure(rawValue: code) ?? .damaged
        case .signaled(SIGKILL), .signaled(SIGXCPU): throw .limit
        case .signaled: throw .damaged
        }
    }

    // MARK: The process

    private func collect(in directory: RunDirectory) async -> ReaderOutput.State {
        let stopping = ReadingGate(isOpen: false)
        let collected = ReaderOutput(limit: Self.outputLimit)
        let process = SupervisedProcess(launch: launch(in: directory), stopping: stopping)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [limits] in
                guard (try? await Task.sleep(for: limits.wall)) != nil else { return }
                collected.giveUp()
                stopping.release()
            }
            _ = try? await process.run { pipes in try await Self.read(pipes, into: collected, stopping) }
            group.cancelAll()
        }
        return collected.value
    }

    private static func read(
        _ pipes: SupervisedProcess.Pipes, into collected: ReaderOutput, _ stopping: ReadingGate
    ) async throws {
        try? await pipes.input.finish()
        try await withThrowingTaskGroup(of: Void.self) { group in
            // What it complains about is nobody's.
            group.addTask { for try await _ in pipes.errors {} }
            for try await piece in pipes.output where !piece.withUnsafeBytes(collected.take) { stopping.release() }
            try await group.waitForAll()
        }
    }

    // MARK: The launch

    private func launch(in directory: RunDirectory) -> AgentLaunch {
        var run = SandboxPlan.Run(
            sandbox: .readOnly, hasNetwork: false, home: SandboxPlan.home, temporarySize: 1 << 20,
            workspace: sandbox.files.emptyFolder)
        run.installed = command.installed
        run.shown = command.shown + [SandboxPlan.Shown(path: input, place: ReaderProgram.input)]
        let plan = SandboxPlan(run, on: sandbox)
        let inside = [SandboxPlan.first, "--inside", "3"] + (sandbox.hasUserNamespaces ? ["--nproc", "64"] : [])
        return AgentLaunch(
            supervisor: configuration.supervisor, command: command.words,
            arguments: options(directory) + ["--sandboxed", "--"] + plan.arguments + inside + ["--"] + command.words,
            environment: [
                "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": SandboxPlan.home, "LANG": "C.UTF-8",
                "LC_ALL": "C.UTF-8",
                "SWIFT_BACKTRACE": "enable=no",
            ],
            directory: directory.work, grace: Self.grace, outputLimit: Self.outputLimit)
    }

    private func options(_ directory: RunDirectory) -> [String] {
        let memory = String(limits.memory)
        var options = [
            "--grace-ms", "200", "--parent", String(getpid()), "--run", directory.path, "--cpu-s",
            String(limits.cpuSeconds),
            "--nofile", "256", "--fsize", String(1 << 20), "--data", memory,
        ]
        if host.canLimit("memory") { options += ["--memory", memory] }
        if host.canLimit("pids") { options += ["--tasks", "64"] }
        for directory in host.cgroupDirectories { options += ["--cgroup", directory] }
        return options
    }
}

extension AgentLaunch {
    /// A program that is no agent.
    init(
        supervisor: String, command: [String], arguments: [String], environment: [String: String], directory: String,
        grace: Duration, outputLimit: Int
    ) {
        self.supervisor = supervisor
        self.command = command
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.place = SandboxPlan.workspace
        self.input = ""
        self.grace = grace
        self.outputLimit = outputLimit
    }
}

/// What a reader printed so far. The lock guards it between the task that reads and the one that watches the time.
private final class ReaderOutput: Sendable {
    struct State {
        var bytes: [UInt8] = []
        /// It took too long, or printed too much.
        var isBeyond = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var value: State { state.withLock { $0 } }

    func giveUp() {
        state.withLock { $0 = State(isBeyond: true) }
    }

    /// `false` when it is too much.
    func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        state.withLock { state in
            guard !state.isBeyond, piece.count <= limit - state.bytes.count else {
                state = State(isBeyond: true)
                return false
            }
            state.bytes += piece
            return true
        }
    }
}
