package import GatehouseCore
import Glibc
import Synchronization

/// Where and with what agents are run.
package struct AgentRunnerConfiguration: Sendable {
    /// Absolute path of `gatehouse-supervisor`.
    package var supervisor: String
    /// The directory below which each run gets a private one; made if need be, its parent must exist.
    package var runsDirectory: String
    /// The environment that agents may be given parts of.
    package var environment: [String: String]
    /// Remembers the sessions of agents whose processes are kept; `nil` remembers none.
    package var sessions: (any AgentSessionStore)?
    /// Where the locks on accounts are.
    package var accountLocks: String
    /// Runs that may wait to be started.
    package var backlog = 1024
    /// Told what the operator should know. Called from any task; it must not block.
    package var onEvent: @Sendable (AgentRunnerEvent) -> Void = { _ in }
    /// Notes what a run prints, for a transcript; `nil` in a gateway.
    package var recording: AgentRecording?
    /// Keeps what agents make in the folder they work in; `nil` to keep nothing.
    package var artifacts: (any ArtifactStore)?

    package init(supervisor: String, runsDirectory: String, environment: [String: String]) {
        self.supervisor = supervisor
        self.runsDirectory = runsDirectory
        self.environment = environment
        let end = runsDirectory.lastIndex(of: "/") ?? runsDirectory.startIndex
        accountLocks = AccountLock.directory(in: String(runsDirectory[..<end]))
    }

    /// The supervisor beside the running binary; `nil` when there is none.
    package static func supervisorBesideExecutable() -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { readlink("/proc/self/exe", $0, characters.count) } ?? -1
            }
        }
        guard count > 0, count < buffer.count else { return nil }
        let executable = String(decoding: buffer[..<count], as: UTF8.self)
        guard let slash = executable.lastIndex(of: "/") else { return nil }
        return AgentDiscovery.find(executable[...slash] + "gatehouse-supervisor", path: "")
    }
}

/// What the operator should know.
package enum AgentRunnerEvent: Sendable, Equatable {
    /// A gateway before this one was killed while it had runs. `processes` were still there, as `PID:NAME`, and are not
    /// any more.
    case swept(runs: Int, processes: [String])
    /// Agents with a sandbox will be refused.
    case noSandbox(String)
    /// Files that a run left were not kept: too large, too many, or no plain files.
    case artifactsRefused(agent: String, count: Int)
    /// A supervisor was killed; what it left is ended.
    case supervisorLost(run: String, processes: [String])
}

/// Runs the agents of this process. `run()` belongs into the service group; while it runs, attempts are carried out;
/// when it is cancelled, every agent is ended, and it returns when none is left.
package final class AgentRunner: Sendable {
    private struct State {
        var isClosed = false
        var waiting: [String: any AgentJob] = [:]
        var running: [String: any AgentJob] = [:]
        var host: AgentHost?
        var hostWaiters: [CheckedContinuation<AgentHost?, Never>] = []
        var pools: [AgentPool] = []
    }

    let configuration: AgentRunnerConfiguration
    let homes: AccountHomes
    private let (requests, inbox): (AsyncStream<any AgentJob>, AsyncStream<any AgentJob>.Continuation)
    private let state = Mutex(State())
    /// Opened when it ends.
    private let closing = ReadingGate(isOpen: false)

    package init(_ configuration: AgentRunnerConfiguration) {
        self.configuration = configuration
        homes = AccountHomes(directory: configuration.accountLocks)
        (requests, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(configuration.backlog))
    }

    var keepsArtifacts: Bool { configuration.artifacts != nil }

    /// Agents whose processes are there now.
    package var activeRuns: Int { state.withLock { $0.running.count } }

    /// What this host offers; `nil` until that is known.
    package var host: AgentHost? { state.withLock { $0.host } }

    /// What this host offers, once that is known; `nil` when the runner has ended, or could not begin.
    func ready() async -> AgentHost? {
        await withCheckedContinuation { continuation in
            let answer: AgentHost?? = state.withLock { state in
                if let host = state.host { return host }
                if state.isClosed { return .some(nil) }
                state.hostWaiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func tell(_ host: AgentHost?) {
        let waiters = state.withLock { state in
            if let host { state.host = host }
            defer { state.hostWaiters = [] }
            return state.hostWaiters
        }
        for waiter in waiters { waiter.resume(returning: host) }
    }

    /// Takes no more runs and ends those there are: their agents are asked to, and have their grace. Then `run()` returns.
    package func shutDown() {
        inbox.finish()
        let runs = state.withLock { state in
            state.isClosed = true
            return Array(state.running.values)
        }
        closing.release()
        for run in runs { run.end() }
    }

    /// Carries out attempts until `shutDown()`, or until the task is cancelled.
    ///
    /// - Throws: `Failure` `.spawn` when the directory of runs cannot be used or there is no supervisor.
    package func run() async throws(Failure) {
        // A prompt is written to agents that may have ended; that must be an error, not the end of this process.
        signal(SIGPIPE, SIG_IGN)
        let lock: DirectoryLock?
        let host: AgentHost
        do throws(Failure) {
            (lock, host) = try await prepare()
        } catch {
            await refuseWaiting()
            // Whoever is told to stop before it has begun has nothing to complain about.
            if Task.isCancelled { return }
            throw error
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepPools() }
            for await run in requests {
                group.addTask { await self.perform(run, on: host) }
            }
            closing.release()
            if Task.isCancelled { group.cancelAll() }
            await refuseWaiting()
        }
        withExtendedLifetime(lock) {}
    }

    /// Ends and removes what a gateway before this one left, and looks at what the host offers.
    private func prepare() async throws(Failure) -> (DirectoryLock?, AgentHost) {
        guard AgentDiscovery.find(configuration.supervisor, path: "") != nil else {
            throw Failure(.spawn, detail: "no supervisor at \(configuration.supervisor)")
        }
        let base = configuration.runsDirectory
        let lock = try await offload { () throws(Failure) in try RunDirectory.lock(base: base) }
        if lock != nil {
            let remains = try await supervisor.reap(base)
            let count = try await offload { () throws(Failure) in try RunDirectory.sweep(base: base) }
            if count > 0 { configuration.onEvent(.swept(runs: count, processes: remains.flatMap(\.processes))) }
        }
        let host = try await AgentHost.probe(configuration)
        guard !Task.isCancelled else { throw Failure(.cancelled) }
        if let problem = host.sandboxProblem { configuration.onEvent(.noSandbox(problem)) }
        tell(host)
        return (lock, host)
    }

    private var supervisor: Supervisor { Supervisor(path: configuration.supervisor) }

    /// Takes a run; `false` when there are too many or no more are taken.
    func submit(_ run: any AgentJob) -> Bool {
        let isOpen = state.withLock { state in
            guard !state.isClosed else { return false }
            state.waiting[run.id] = run
            return true
        }
        guard isOpen else { return false }
        if case .enqueued = inbox.yield(run) { return true }
        // Whoever takes it out of the waiting ones answers for it: the closing runner may have been faster.
        return state.withLock { $0.waiting.removeValue(forKey: run.id) } == nil
    }

    /// Takes no more runs, and tells those that have not begun.
    private func refuseWaiting() async {
        inbox.finish()
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        tell(nil)
        for run in left {
            await run.fail(Failure(.cancelled, detail: "no more agents are run"))
            run.release()
        }
    }

    // MARK: Pools

    var sessions: (any AgentSessionStore)? { configuration.sessions }

    func pools<Value: Sendable>(_ body: (inout [AgentPool]) -> Value) -> Value {
        state.withLock { body(&$0.pools) }
    }

    /// `false` when the runner ended meanwhile.
    func waits(for time: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: time) }
            group.addTask { [closing] in await closing.wait() }
            _ = await group.next()
            group.cancelAll()
        }
        return !closing.isReleased && !Task.isCancelled
    }

    // MARK: One run

    private func perform(_ run: any AgentJob, on host: AgentHost) async {
        let isOurs = state.withLock { state in
            guard !state.isClosed, state.waiting.removeValue(forKey: run.id) != nil else { return false }
            state.running[run.id] = run
            return true
        }
        guard isOurs else { return }
        do throws(Failure) {
            let base = configuration.runsDirectory
            let stay = try await enter(run.settings)
            defer { stay?.end() }
            let directory = try await offload { () throws(Failure) in try RunDirectory(below: base, id: run.id) }
            await perform(run, in: directory, on: host)
            if await isOver(run, directory) { await offload { directory.remove() } }
        } catch {
            await run.fail(error)
        }
        state.withLock { _ = $0.running.removeValue(forKey: run.id) }
        run.release()
    }

    /// The home of the account that runs it, where it has one.
    private func enter(_ settings: AgentSettings) async throws(Failure) -> AccountHomes.Stay? {
        guard let account = settings.account, !account.home.isEmpty else { return nil }
        return try await homes.enter(account, of: settings.name)
    }

    private func perform(_ run: any AgentJob, in directory: RunDirectory, on host: AgentHost) async {
        let launch: AgentLaunch
        do throws(Failure) {
            launch = try await offload { [configuration] () throws(Failure) in
                try directory.files(run.settings).place(run.files)
                if run.driver == .oneShot, run.settings.cli.delivery == .file { try directory.writePrompt(run.prompt) }
                return try AgentLaunch(run, in: directory, configuration, on: host, gateway: Int(getpid()))
            }
        } catch {
            await run.fail(error)
            return
        }
        await run.carryOut(launch, in: directory, configuration)
    }

    /// Whether nothing of a run is left. A supervisor that was killed could not see to that, so what it left is ended; where
    /// that does not work, the run's directory stays, and the next start finds it.
    private func isOver(_ run: any AgentJob, _ directory: RunDirectory) async -> Bool {
        let wasLost = await offload { directory.hasJournal && RunReport.read(directory.reportFile) == nil }
        guard wasLost else { return true }
        guard let remains = try? await supervisor.reap(configuration.runsDirectory, only: directory.name) else {
            return false
        }
        configuration.onEvent(.supervisorLost(run: run.id, processes: remains.flatMap(\.processes)))
        return true
    }
}
