import GatehouseCore
import NIOCore
import Synchronization

/// The processes of one agent that are kept, and the turns that wait for them. `PoolMachine` decides, this does it.
package final class AgentPool: Sendable {
    private struct State {
        var machine: PoolMachine
        var turns: [PoolMachine.TurnID: AgentTurn] = [:]
        var processes: [PoolMachine.ProcessID: WarmProcess] = [:]
        var lastTurn = 0
        var holders = 0
        /// Nobody holds it any more, and nobody will again.
        var isLeft = false
    }

    private enum Deed {
        case start(WarmProcess)
        case give(AgentTurn, WarmProcess)
        case refuse(AgentTurn, Failure)
        case end(WarmProcess)
    }

    let settings: AgentSettings
    let sessions: (any AgentSessionStore)?
    private let runner: AgentRunner
    private let state: Mutex<State>

    init(_ settings: AgentSettings, runner: AgentRunner, sessions: (any AgentSessionStore)?) {
        self.settings = settings
        self.runner = runner
        self.sessions = sessions
        let account = settings.accounts.first?.name ?? ""
        let places = Dictionary(settings.accounts.map { ($0.name, $0.concurrency) }) { first, _ in first }
        state = Mutex(
            State(machine: PoolMachine(settings.pool, account: account, model: settings.model, places: places)))
    }

    // MARK: Those who use it

    /// `false` when it is about to end.
    func hold() -> Bool {
        state.withLock { state in
            if !state.isLeft { state.holders += 1 }
            return !state.isLeft
        }
    }

    /// Whoever used it has gone: without anybody it serves those who wait, and ends.
    func letGo() {
        let isLeft = state.withLock { state in
            state.holders -= 1
            state.isLeft = state.holders == 0
            return state.isLeft
        }
        if isLeft { apply(.retire) }
    }

    var isLeft: Bool { state.withLock { $0.isLeft } }

    var isOver: Bool { state.withLock { $0.machine.isOver } }

    func nextTurn() -> PoolMachine.TurnID {
        state.withLock { state in
            state.lastTurn += 1
            return state.lastTurn
        }
    }

    /// Takes a turn: it is given to a process now or later, or refused.
    func submit(_ turn: AgentTurn) {
        let want = PoolMachine.Want(turn.number, turn.order.owner, session: turn.order.session?.name.session)
        apply(.want(want)) { $0.turns[turn.number] = turn }
    }

    func left(_ turn: AgentTurn) {
        apply(.leave(turn.number)) { $0.turns.removeValue(forKey: turn.number) }
    }

    // MARK: What happens

    func apply(_ input: PoolMachine.Input) {
        apply(input) { _ in }
    }

    private func apply(_ input: PoolMachine.Input, _ change: (inout State) -> Void) {
        let now = Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
        let deeds = state.withLock { state in
            change(&state)
            let actions = state.machine.handle(input, now: now)
            if case .gone(let id) = input { state.processes.removeValue(forKey: id) }
            return actions.compactMap { deed($0, &state) }
        }
        for deed in deeds { perform(deed) }
    }

    private func deed(_ action: PoolMachine.Action, _ state: inout State) -> Deed? {
        switch action {
        case .start(let id, let owner):
            let account = owner?.account ?? settings.accounts.first?.name ?? ""
            let process = WarmProcess(
                id, account.isEmpty ? settings : settings.using(account: account),
                model: owner?.model ?? settings.model, in: self)
            state.processes[id] = process
            return .start(process)
        case .give(let turn, let id):
            guard let turn = state.turns.removeValue(forKey: turn), let process = state.processes[id] else {
                return nil
            }
            return .give(turn, process)
        case .refuse(let turn, let failure):
            return state.turns.removeValue(forKey: turn).map { .refuse($0, failure) }
        case .end(let id): return state.processes[id].map { .end($0) }
        }
    }

    private func perform(_ deed: Deed) {
        switch deed {
        case .start(let process):
            guard !runner.submit(process) else { return }
            apply(.failed(process.number, Failure(.busy, detail: "no more agents are run", retryAfter: 1)))
            apply(.gone(process.number))
        case .give(let turn, let process): process.take(turn)
        case .refuse(let turn, let failure): turn.refuse(failure)
        case .end(let process): process.end()
        }
    }

    /// Looks whether its processes are well, and at their memory.
    func measure() {
        let roots = state.withLock { state in
            state.processes.compactMap { number, process in process.supervisor.map { (number, $0) } }
        }
        guard !roots.isEmpty else { return }
        let tree = ProcessTree.now()
        for (number, root) in roots {
            if tree.isStopped(below: root) { apply(.unwell(number)) }
            if settings.pool.memory != nil { apply(.measured(number, tree.residentBytes(below: root))) }
        }
    }

    // MARK: Numbers

    package struct Numbers: Sendable, Equatable {
        package var agent: String
        package var counts: PoolMachine.Counts
        package var failedHandshakes: Int
    }

    var numbers: Numbers {
        state.withLock { state in
            Numbers(
                agent: settings.name, counts: state.machine.counts, failedHandshakes: state.machine.failedHandshakes)
        }
    }
}
