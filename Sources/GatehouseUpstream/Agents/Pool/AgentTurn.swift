import GatehouseCore
import NIOCore
import Synchronization

/// What makes a turn.
struct AgentTurnOrder: Sendable {
    /// The whole conversation.
    var prompt: String
    var model: String
    var owner: PoolMachine.Owner
    var session: Session?
    /// Whose its artifacts are; `nil` when none are kept.
    var place: ArtifactPlace?
    /// Files that lie there while it goes on, and for the rest of its session where it has one.
    var files: [AgentFile] = []
    /// The place at the account whose process answers.
    var account: (any AccountLease)?

    /// The caller's session that it belongs to.
    struct Session: Sendable {
        var name: AgentSessionName
        var transcript: SessionTranscript
        /// What is new in the conversation.
        var latest: String
        /// Tells the conversation from others of the same name.
        var conversation: String
    }
}

/// One attempt at an agent whose processes are kept: what is asked, and the way back to its listener.
final class AgentTurn: UpstreamAttempt, Sendable {
    private enum State: Sendable {
        case waiting
        case given(WarmProcess)
        case left
    }

    let number: Int
    let order: AgentTurnOrder
    let timers: AgentTimers
    /// Closed while the listener does not read.
    let gate = ReadingGate()
    /// Opened when the turn is over.
    let over = ReadingGate(isOpen: false)
    private let pool: AgentPool
    private let listener: AgentListener
    private let state = Mutex(State.waiting)
    private let answer = Mutex(AnswerHash())

    /// Must be made on `eventLoop`.
    init(_ order: AgentTurnOrder, in pool: AgentPool, on eventLoop: any EventLoop, reply: any UpstreamReply) {
        number = pool.nextTurn()
        self.order = order
        self.pool = pool
        timers = AgentTimers(pool.settings.timeouts)
        listener = AgentListener(reply, on: eventLoop)
    }

    // MARK: The listener's side, on the event loop

    func cancel() {
        listener.drop()
        gate.release()
        let before = state.withLock { state in
            defer { state = .left }
            return state
        }
        switch before {
        case .waiting:
            order.account?.end()
            pool.left(self)
        case .given(let process): process.tell(.cancel(self))
        case .left: break
        }
    }

    /// The listener has the answer, so the turn is over or about to be.
    func finish() {
        listener.drop()
        gate.release()
    }

    func setReading(_ reading: Bool) {
        timers.setPaused(!reading)
        gate.set(open: reading)
    }

    // MARK: The pool's side

    func refuse(_ failure: Failure) {
        order.account?.end()
        listener.failLater(failure)
    }

    // MARK: The process' side

    /// It begins. `false` when nobody waits for it any more.
    func begin(in process: WarmProcess) -> Bool {
        timers.begin()
        return state.withLock { state in
            guard case .waiting = state else { return false }
            state = .given(process)
            return true
        }
    }

    /// What is to be said: all, and what is new where the agent still knows the rest.
    func prompt(in directory: String) -> DriverPrompt {
        var prompt = DriverPrompt(whole: order.prompt, model: order.model)
        if let session = order.session, let kept = pool.sessions?.session(session.name),
            kept.directory == directory, session.transcript.continues(kept)
        {
            prompt.session = kept.vendor
            prompt.latest = session.latest
        }
        return prompt
    }

    func deliver(_ events: [CanonicalEvent]) async {
        note(events)
        await listener.deliver(events)
    }

    /// What they mean for the account and the session.
    func note(_ events: [CanonicalEvent]) {
        if let account = order.account { for case .limit(let limit) in events { account.note(limit) } }
        if order.session != nil {
            answer.withLock { answer in
                for case .textDelta(let text) in events { answer.add(text) }
            }
        }
    }

    /// Remembers where the conversation can go on.
    func keep(_ finish: Finish, in directory: String) {
        guard let session = order.session, let vendor = finish.session else { return }
        let said = session.transcript.said
        let answer = answer.withLock { $0.text }
        pool.sessions?.keep(
            AgentSession(
                vendor: vendor, directory: directory, conversation: session.conversation, said: said, answer: answer),
            as: session.name)
    }

    /// The agent's own session holds something now that its caller does not have: it is not gone on with.
    func forget() {
        if let session = order.session { pool.sessions?.forget(session.name) }
    }

    /// It is over, with these events that have been noted. Nothing is given after it.
    func end(_ result: Result<Finish, Failure>, _ events: [CanonicalEvent] = []) async {
        over.release()
        gate.release()
        // Whoever has the answer may ask again at once.
        order.account?.end(behind: result)
        await listener.finish(AgentEnding(events: events, result: result))
    }
}
