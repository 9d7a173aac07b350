import GatehouseCore
import Glibc
import NIOCore
import Synchronization

/// A process that is kept for many turns. Everything that happens to it goes through one stream and is dealt with by
/// `WarmTalk`, one thing after the other.
final class WarmProcess: AgentJob {
    enum Input: Sendable {
        case bytes(ByteBuffer)
        /// It has closed its output.
        case closed
        case take(AgentTurn)
        /// The listener of a turn has left.
        case cancel(AgentTurn)
        case expired(AgentTurn, Failure.Phase)
        case timer(DriverTimer)
        /// It is to end, and a turn that it has fails with this.
        case stop(Failure)
    }

    static let gone: Failure = {
        var failure = Failure(.crashed, detail: "its process had ended before the turn began")
        failure.isUnsent = true
        return failure
    }()
    /// How long a process that has closed its output may take to end by itself.
    private static let farewell = Duration.seconds(1)

    let number: PoolMachine.ProcessID
    let id: String
    let settings: AgentSettings
    let driver: AgentDriver
    let model: String
    let prompt = ""
    let files: [AgentFile] = []
    let pool: AgentPool
    /// Opened when the process is to end.
    let stopping = ReadingGate(isOpen: false)
    private let stopped = ReadingGate(isOpen: false)
    private let closed = ReadingGate(isOpen: false)
    let stderr = TailBuffer(limit: 64 << 10)
    private let root = Mutex<pid_t?>(nil)
    private let current = Mutex<AgentTurn?>(nil)
    let inputs: AsyncStream<Input>
    private let inbox: AsyncStream<Input>.Continuation

    /// - Parameter settings: Those of the pool, with the account that it is logged in with.
    init(_ number: PoolMachine.ProcessID, _ settings: AgentSettings, model: String, in pool: AgentPool) {
        self.number = number
        id = AgentUpstream.randomID()
        self.model = model
        self.pool = pool
        self.settings = settings
        driver = settings.effectiveDriver
        (inputs, inbox) = AsyncStream.makeStream()
    }

    /// The pid of its supervisor, while there is one.
    var supervisor: pid_t? {
        get { root.withLock { $0 } }
        set { root.withLock { $0 = newValue } }
    }

    /// The turn whose listener says whether more is read.
    var turn: AgentTurn? {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    // MARK: From any task

    func tell(_ input: Input) {
        inbox.yield(input)
    }

    /// Gives it a turn. When it has ended meanwhile, the turn fails, and can be tried elsewhere.
    func take(_ turn: AgentTurn) {
        if case .terminated = inbox.yield(.take(turn)) { turn.refuse(Self.gone) }
    }

    func end() {
        tell(.stop(Failure(.cancelled, detail: "its agent was ended")))
    }

    /// Its tree is ended; what it still says is read and dropped.
    func terminate() {
        stopping.release()
        stopped.release()
        turn?.gate.release()
    }

    /// It has nothing more to say.
    func close() {
        closed.release()
    }

    // MARK: The runner's side

    func fail(_ failure: Failure) async {
        pool.apply(.failed(number, failure))
    }

    func release() {
        inbox.finish()
        pool.apply(.gone(number))
    }

    private enum Step: Sendable {
        case ended(WarmTalk, Result<AgentExit.Status, Failure>)
        /// It has not ended when it had to.
        case overdue
        case closed
    }

    func carryOut(
        _ launch: AgentLaunch, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration
    ) async {
        let keeper = ArtifactKeeper(configuration: configuration, directory: directory)
        guard let begun = WarmTalk(self, launch, keeper) else {
            return await fail(Failure(.spawn, detail: "no way to drive it by \(driver.rawValue)"))
        }
        guard case .ended(var talk, var status)? = await outcome(begun, launch) else { return }
        supervisor = nil
        let report = await offload { RunReport.read(directory.reportFile) }
        if let report { configuration.recording?.end(report.status) }
        if let failure = report?.failure(stderr: stderr.text) { status = .failure(failure) }
        await talk.end(status)
        inbox.finish()
        for await input in inputs {
            if case .take(let turn) = input { await turn.end(.failure(Self.gone)) }
        }
    }

    /// Runs the process beside what ends it when it does not end by itself.
    private func outcome(_ talk: WarmTalk, _ launch: AgentLaunch) async -> Step? {
        await withTaskGroup(of: Step.self) { group in
            group.addTask {
                var talk = talk
                let status = await talk.run()
                return .ended(talk, status)
            }
            group.addTask { [stopped] in
                await stopped.wait()
                try? await Task.sleep(for: launch.grace + SupervisedProcess.supervisorMargin)
                return .overdue
            }
            group.addTask { [closed] in
                await closed.wait()
                try? await Task.sleep(for: Self.farewell)
                return .closed
            }
            while let step = await group.next() {
                switch step {
                case .ended:
                    group.cancelAll()
                    return step
                case .overdue: group.cancelAll()
                case .closed: terminate()
                }
            }
            return nil
        }
    }
}
