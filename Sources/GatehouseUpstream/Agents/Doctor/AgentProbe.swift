import GatehouseCore
import Glibc
import NIOCore

/// Runs one short command of an agent, such as `--version`, as its runs are: supervised, with the same environment, in the
/// same sandbox. Nothing is asked of a model.
struct AgentProbe: Sendable {
    let settings: AgentSettings
    let configuration: AgentRunnerConfiguration
    let host: AgentHost
    let eventLoop: any EventLoop

    struct Outcome: Sendable {
        /// How it ended; or why it could not.
        var status: Result<AgentExit.Status, Failure>
        var output: String
        var error: String

        /// All that it said.
        var text: String { output + "\n" + error }
    }

    /// Returns when nothing of the command is left, however it ended.
    ///
    /// - Parameter limit: Then it is ended, and the outcome is a time-out.
    func run(_ arguments: [String], limit: Duration) async -> Outcome {
        var settings = settings
        settings.probe = arguments
        settings.grace = min(settings.grace, .seconds(1))
        do throws(Failure) {
            let run = try await makeRun(settings)
            let directory = try RunDirectory(below: configuration.runsDirectory, id: run.id)
            defer { directory.remove() }
            let launch = try AgentLaunch(run, in: directory, configuration, on: host, gateway: Int(getpid()))
            return await execute(launch, run, in: directory, limit)
        } catch {
            return Outcome(status: .failure(error), output: "", error: "")
        }
    }

    private func makeRun(_ settings: AgentSettings) async throws(Failure) -> AgentRun {
        var generator = SystemRandomNumberGenerator()
        let id = "doctor-" + String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16)
        do {
            return try await eventLoop.submit { [eventLoop] in
                AgentRun(
                    id: id, settings: settings, .init(model: "", prompt: ""),
                    listener: AgentListener(Silence(), on: eventLoop), slots: AgentSlots(limit: 1))
            }.get()
        } catch {
            throw Failure(.cancelled, detail: "\(error)".bounded)
        }
    }

    private func execute(
        _ launch: AgentLaunch, _ run: AgentRun, in directory: RunDirectory, _ limit: Duration
    ) async -> Outcome {
        await withTaskGroup(of: AgentProcess.Result?.self) { group in
            group.addTask { await AgentProcess(launch, run: run).execute() }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var isOverdue = false
            while let next = await group.next() {
                guard let result = next else {
                    // Told to end first, then the pipes are closed on it.
                    if isOverdue { group.cancelAll() }
                    isOverdue = true
                    run.stop()
                    group.addTask {
                        try? await Task.sleep(for: launch.grace + SupervisedProcess.supervisorMargin)
                        return nil
                    }
                    continue
                }
                group.cancelAll()
                return outcome(result, in: directory, isOverdue ? limit : nil)
            }
            return Outcome(status: .failure(Failure(.cancelled)), output: "", error: "")
        }
    }

    private func outcome(
        _ result: AgentProcess.Result, in directory: RunDirectory, _ limit: Duration?
    ) -> Outcome {
        var status = result.status
        let report = RunReport.read(directory.reportFile)
        if let failure = report?.failure(stderr: result.stderr) { status = .failure(failure) }
        if let limit { status = .failure(Failure(.timeout(.total), detail: "no end within \(limit)")) }
        let output = (result.output as? ProbedOutput)?.text ?? ""
        return Outcome(status: status, output: output, error: result.stderr)
    }
}

/// Nobody listens to the events of a probe.
private final class Silence: UpstreamReply {
    func received(head: UpstreamHead) {}
    func received(bytes: ByteBuffer) {}
    func received(event: CanonicalEvent) {}
    func receivedBatchEnd() {}
    func receivedEnd() {}
    func failed(_ failure: Failure) {}
}

/// A CLI that is given other arguments than those of a run, and nothing to read.
struct ProbedCLI: AgentCLI {
    let own: any AgentCLI
    let arguments: [String]

    var executables: [String] { own.executables }
    var environmentNames: [String] { own.environmentNames }
    var environment: [String: String] { own.environment }
    var home: AgentHome { own.home }
    var homeFolders: [AgentHomeFolder] { own.homeFolders }
    var fileVariables: [String] { own.fileVariables }
    var needsNetwork: Bool { own.needsNetwork }

    func arguments(_ invocation: AgentInvocation) -> [String] { arguments }

    func makeOutput() -> any AgentOutput { ProbedOutput() }
}

/// Keeps the beginning of what a probe prints.
struct ProbedOutput: AgentOutput {
    private static let limit = 64 << 10
    private var bytes: [UInt8] = []

    var isComplete: Bool { false }
    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func feed(_ piece: ByteBuffer) throws(Failure) -> [CanonicalEvent] {
        bytes += piece.readableBytesView.prefix(max(0, Self.limit - bytes.count))
        return []
    }

    mutating func end(_ exit: AgentExit) -> AgentEnding { AgentEnding(result: .success(Finish(.stop))) }
}
