import GatehouseCore
import NIOCore
import Subprocess
import Synchronization

/// What is said between a warm process, its turns and its pool, from its start to its end.
struct WarmTalk: Sendable {
    /// Bytes of what we say that an agent may leave unread.
    private static let outputLimit = 64 << 20

    private let process: WarmProcess
    private let launch: AgentLaunch
    private let keeper: ArtifactKeeper
    private let folder: FileFolder
    /// What was in the folder it works in before the turn.
    private var before: FolderSnapshot?
    private let outbox = Outbox(limit: outputLimit)
    /// Opened when what was read last has been dealt with.
    private let taken = ReadingGate(isOpen: false)
    private var dialogue: DriverDialogue
    private var isReady = false
    private var turn: AgentTurn?
    /// It has been given up, or has ended.
    private var isOver = false

    /// `nil` when the agent cannot be driven so.
    init?(_ process: WarmProcess, _ launch: AgentLaunch, _ keeper: ArtifactKeeper) {
        self.process = process
        self.launch = launch
        self.keeper = keeper
        let settings = process.settings
        folder = keeper.directory.files(settings)
        var setup = DriverSetup(directory: launch.place)
        setup.permissions = settings.effectivePermissions
        setup.handshake = settings.timeouts.handshake
        guard let machine = settings.cli.makeMachine(process.driver, setup) else { return nil }
        dialogue = DriverDialogue(machine, turnLimit: settings.limits.output)
    }

    /// Runs the process to its end.
    mutating func run() async -> Result<AgentExit.Status, Failure> {
        do {
            let supervised = SupervisedProcess(launch: launch, stopping: process.stopping)
            return .success(try await supervised.run { pipes in try await converse(pipes) })
        } catch {
            return .failure(SupervisedProcess.failure(error))
        }
    }

    private mutating func converse(_ pipes: SupervisedProcess.Pipes) async throws {
        process.supervisor = pipes.pid
        let recording = keeper.configuration.recording
        recording?.begin(launch, prompt: "")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [outbox] in await outbox.write(to: pipes.input) }
            group.addTask { [process] in await Self.read(pipes.errors, into: process.stderr, recording) }
            group.addTask { [process, taken] in await Self.read(pipes.output, of: process, taken, recording) }
            await withDiscardingTaskGroup { timers in
                await perform(dialogue.handle(.started, clock: .host()), &timers)
                for await input in process.inputs {
                    if case .closed = input { break }
                    await receive(input, &timers)
                }
                timers.cancelAll()
            }
            process.close()
            outbox.close()
            try await group.waitForAll()
        }
    }

    // MARK: Pipes

    private static func read(
        _ errors: SubprocessOutputSequence, into tail: TailBuffer, _ recording: AgentRecording?
    ) async {
        var iterator = errors.makeAsyncIterator()
        while let bytes = try? await iterator.next() {
            bytes.withUnsafeBytes { bytes in
                tail.append(bytes)
                recording?.take(bytes, from: .stderr)
            }
        }
    }

    /// One piece at a time: the next is read when what came of the last one has been taken, and the listener reads.
    private static func read(
        _ output: SubprocessOutputSequence, of process: WarmProcess, _ taken: ReadingGate,
        _ recording: AgentRecording?
    ) async {
        var iterator = output.makeAsyncIterator()
        while true {
            await process.turn?.gate.wait()
            guard let bytes = try? await iterator.next() else { break }
            if process.stopping.isReleased { continue }
            let buffer = bytes.withUnsafeBytes { bytes in
                recording?.take(bytes, from: .stdout)
                return ByteBuffer(bytes: bytes)
            }
            process.turn?.timers.noteWork()
            taken.set(open: false)
            process.tell(.bytes(buffer))
            await taken.wait()
            process.turn?.timers.noteReading()
        }
        process.tell(.closed)
    }

    // MARK: What happens

    private mutating func receive(_ input: WarmProcess.Input, _ timers: inout DiscardingTaskGroup) async {
        switch input {
        case .bytes(let bytes):
            if !isOver { await perform(dialogue.received(bytes, clock: .host()), &timers) }
            taken.set(open: true)
        case .closed: break
        case .take(let turn): await begin(turn, &timers)
        case .cancel(let turn):
            guard self.turn === turn else { return }
            await perform(dialogue.handle(.cancel, clock: .host()), &timers)
        case .expired(let turn, let phase):
            guard self.turn === turn else { return }
            await giveUp(Failure(.timeout(phase)))
        case .timer(let timer):
            if !isOver { await perform(dialogue.handle(.timer(timer), clock: .host()), &timers) }
        case .stop(let failure): await giveUp(failure)
        }
    }

    private mutating func begin(_ turn: AgentTurn, _ timers: inout DiscardingTaskGroup) async {
        guard !isOver, isReady, self.turn == nil else { return await turn.end(.failure(WarmProcess.gone)) }
        guard turn.begin(in: process) else {
            process.pool.apply(.over(process.number))
            return
        }
        do throws(Failure) {
            try await offload { [folder, order = turn.order] () throws(Failure) in try folder.place(order.files) }
        } catch {
            process.pool.apply(.over(process.number))
            return await turn.end(.failure(error))
        }
        self.turn = turn
        process.turn = turn
        before = await keeper.snapshot(for: turn.order.place)
        timers.addTask { [process] in
            guard case .timeout(let phase)? = await Self.expiry(of: turn) else { return }
            process.tell(.expired(turn, phase))
        }
        await perform(dialogue.handle(.prompt(turn.prompt(in: launch.place)), clock: .host()), &timers)
    }

    /// The timer of a turn that has run out; `nil` when the turn is over before.
    private static func expiry(of turn: AgentTurn) async -> AgentTimers.Expiry? {
        await withTaskGroup(of: AgentTimers.Expiry?.self) { group in
            group.addTask { await turn.timers.expiry() }
            group.addTask {
                await turn.over.wait()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private mutating func perform(_ actions: [DriverAction], _ timers: inout DiscardingTaskGroup) async {
        var events: [CanonicalEvent] = []
        for action in actions where !isOver {
            switch action {
            case .write(let message):
                if !outbox.say(message) { await giveUp(Failure(.protocol, detail: "it does not read what it is told")) }
            case .timer(let timer, let duration):
                timers.addTask { [process] in
                    guard (try? await Task.sleep(for: duration)) != nil else { return }
                    process.tell(.timer(timer))
                }
            case .ready:
                isReady = true
                process.pool.apply(.ready(process.number))
            case .event(.started(let start)): events.append(.started(start))
            case .event(let event):
                turn?.timers.noteAnswer()
                events.append(event)
            case .finished(let finish): await endTurn(.success(finish), events.taken())
            case .failed(let failure): await endTurn(.failure(failure), events.taken())
            case .cancelled: await endTurn(.failure(Failure(.cancelled)), [])
            case .discard(let failure): await giveUp(failure, events.taken())
            }
        }
        await turn?.deliver(events)
    }

    // MARK: Ends

    /// The turn is over and the process free, which the pool hears first: who asks again at once shall find it so.
    private mutating func endTurn(_ result: Result<Finish, Failure>, _ events: [CanonicalEvent]) async {
        guard let turn = turn.take() else { return }
        process.turn = nil
        turn.note(events)
        if case .success(let finish) = result { turn.keep(finish, in: launch.place) } else { turn.forget() }
        let files = await keeper.collect(
            since: before.take(), for: turn.order.place, agent: process.settings.name)
        // Those of a session are spoken of again.
        if turn.order.session == nil, !turn.order.files.isEmpty {
            await offload { [folder, order = turn.order] in folder.remove(order.files) }
        }
        process.pool.apply(.over(process.number))
        await turn.end(result, events + files)
    }

    private mutating func giveUp(_ failure: Failure, _ events: [CanonicalEvent] = []) async {
        guard !isOver else { return }
        await fall(failure, events)
        process.terminate()
    }

    /// The process has ended, by itself or because it had to.
    mutating func end(_ status: Result<AgentExit.Status, Failure>) async {
        guard !isOver else { return }
        switch status {
        case .failure(let failure): await fall(failure)
        case .success(let status):
            let exit = AgentExit(status, stderr: process.stderr.text, clock: .host())
            var failure = WarmProcess.gone
            for case .discard(let told) in dialogue.handle(.ended(exit), clock: .host()) { failure = told }
            await fall(failure)
        }
    }

    private mutating func fall(_ failure: Failure, _ events: [CanonicalEvent] = []) async {
        isOver = true
        let turn = turn.take()
        process.turn = nil
        turn?.note(events)
        turn?.forget()
        let files = await keeper.collect(since: before.take(), for: turn?.order.place, agent: process.settings.name)
        process.pool.apply(isReady ? .spent(process.number) : .failed(process.number, failure))
        await turn?.end(.failure(failure), events + files)
    }
}

extension [CanonicalEvent] {
    /// All of them, which are no longer here.
    fileprivate mutating func taken() -> [CanonicalEvent] {
        defer { self = [] }
        return self
    }
}

/// What is to be written to a process, in order. The lock guards the count of what it has not read yet.
private final class Outbox: Sendable {
    private let limit: Int
    private let (lines, inbox) = AsyncStream.makeStream(of: [UInt8].self)
    private let unread = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// `false` when more is unread than may be.
    func say(_ message: JSONValue) -> Bool {
        let line = Array((message.text + "\n").utf8)
        let fits = unread.withLock { unread in
            guard unread <= limit - line.count else { return false }
            unread += line.count
            return true
        }
        if fits { inbox.yield(line) }
        return fits
    }

    func close() {
        inbox.finish()
    }

    /// Writes until it is closed; what a process does not want to read any more is dropped.
    func write(to input: StandardInputWriter) async {
        var isBroken = false
        for await line in lines {
            if !isBroken { isBroken = (try? await input.write(line)) == nil }
            unread.withLock { $0 -= line.count }
        }
        try? await input.finish()
    }
}
