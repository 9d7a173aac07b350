import GatehouseCore
import Synchronization

/// The timers of one run. Others note what happens; `expiry()` waits for the first timer that runs out.
final class AgentTimers: Sendable {
    enum Expiry: Sendable, Equatable {
        case timeout(Failure.Phase)
        /// The agent has told its end and does not end.
        case lingering
    }

    private struct State {
        var start: ContinuousClock.Instant
        /// The last moment at which it was not the agent's turn to write.
        var since: ContinuousClock.Instant
        var hasOutput = false
        var isPaused = false
        var isWorking = false
        var isResting: Bool { isPaused || isWorking }
        var completed: ContinuousClock.Instant?
    }

    private let timeouts: AgentTimeouts
    private let clock = ContinuousClock()
    private let state: Mutex<State>

    init(_ timeouts: AgentTimeouts) {
        let now = ContinuousClock().now
        self.timeouts = timeouts
        self.state = Mutex(State(start: now, since: now))
    }

    /// The agent has been asked only now: what was before does not count.
    func begin() {
        let now = clock.now
        state.withLock { state in (state.start, state.since) = (now, now) }
    }

    /// A piece of output has come. Until `noteReading()` it is our turn.
    func noteOutput() {
        state.withLock { state in
            state.hasOutput = true
            state.isWorking = true
        }
    }

    /// The same of a process that says much beside its answers: whether this is one is seen later.
    func noteWork() {
        state.withLock { $0.isWorking = true }
    }

    /// What came is part of an answer.
    func noteAnswer() {
        state.withLock { $0.hasOutput = true }
    }

    /// All that came has been taken: it is the agent's turn.
    func noteReading() {
        let now = clock.now
        state.withLock { state in
            state.isWorking = false
            state.since = now
        }
    }

    /// The agent's own terminal record has come.
    func noteCompletion() {
        let now = clock.now
        state.withLock { state in
            if state.completed == nil { state.completed = now }
        }
    }

    /// While we do not read, silence is our own doing.
    func setPaused(_ isPaused: Bool) {
        let now = clock.now
        state.withLock { state in
            state.isPaused = isPaused
            state.since = now
        }
    }

    /// Waits until a timer has run out; `nil` when the task is cancelled before.
    func expiry() async -> Expiry? {
        while true {
            let now = clock.now
            let (deadline, expiry) = state.withLock { next($0, now: now) }
            if now >= deadline, let expiry { return expiry }
            // What is noted meanwhile may bring an earlier deadline, but none that is nearer than the shortest timer.
            let look = now + min(timeouts.firstOutput, timeouts.idle, timeouts.linger)
            do {
                try await clock.sleep(until: min(deadline, look))
            } catch {
                return nil
            }
        }
    }

    /// The next moment to look, and what has run out then; `nil` when only a timer that rests is to be looked at again.
    private func next(_ state: State, now: ContinuousClock.Instant) -> (ContinuousClock.Instant, Expiry?) {
        if let completed = state.completed { return (completed + timeouts.linger, .lingering) }
        let total = state.start + timeouts.total
        let silence = state.hasOutput ? timeouts.idle : timeouts.firstOutput
        let silent = (state.isResting ? now : state.since) + silence
        if total <= silent { return (total, .timeout(.total)) }
        if state.isResting { return (silent, nil) }
        return (silent, .timeout(state.hasOutput ? .idle : .firstByte))
    }
}
