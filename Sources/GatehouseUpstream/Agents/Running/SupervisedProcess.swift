import GatehouseCore
import Glibc
import Subprocess
import SystemPackage

/// The process of a job, under its supervisor.
struct SupervisedProcess {
    /// How long the supervisor may need beyond the grace: for processes that hang in the kernel.
    static let supervisorMargin = Duration.seconds(12)

    struct Pipes {
        let pid: pid_t
        let input: StandardInputWriter
        let output: SubprocessOutputSequence
        let errors: SubprocessOutputSequence
    }

    let launch: AgentLaunch
    /// Opened when the process is to end.
    let stopping: ReadingGate

    /// Returns when `body` has, and the supervisor has ended and with it the whole tree. Opening `stopping` ends the tree,
    /// and so does cancelling the task, which closes the pipes at once.
    func run(_ body: (Pipes) async throws -> Void) async throws -> AgentExit.Status {
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
            let pipes = Pipes(
                pid: execution.processIdentifier.value, input: execution.standardInputWriter,
                output: execution.standardOutput, errors: execution.standardError)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [stopping] in
                    await stopping.wait()
                    if stopping.isReleased { try? execution.send(signal: .terminate) }
                }
                try await body(pipes)
                group.cancelAll()
            }
        }
        return AgentExit.Status(result.terminationStatus)
    }

    /// What became of a run, as a failure where the system or a library refused something.
    static func failure(_ error: any Error) -> Failure {
        switch error {
        case let failure as Failure: failure
        case let error as SubprocessError: Failure(.spawn, detail: "supervisor: \(error)".bounded)
        default: Failure(.cancelled)
        }
    }
}
