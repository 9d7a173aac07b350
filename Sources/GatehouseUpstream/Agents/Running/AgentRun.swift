import GatehouseCore
import NIOCore

/// One attempt at an agent that is started for it: what is asked, and the way back to its listener.
final class AgentRun: UpstreamAttempt, AgentJob {
    let id: String
    let settings: AgentSettings
    let model: String
    let prompt: String
    let files: [AgentFile]
    /// Whose its artifacts are; `nil` when none are kept.
    let place: ArtifactPlace?
    let driver = AgentDriver.oneShot
    let timers: AgentTimers
    let gate = ReadingGate()
    /// Opened when the process is to end.
    let stopping = ReadingGate(isOpen: false)
    private let listener: AgentListener
    private let (cancellation, cancelled) = AsyncStream<Never>.makeStream()
    private let slots: AgentSlots
    /// The place at the account that runs it.
    let account: (any AccountLease)?

    /// Must be made on the listener's event loop, with a slot taken from `slots`, which it gives back in `release()`.
    init(id: String, settings: AgentSettings, _ order: Order, listener: AgentListener, slots: AgentSlots) {
        self.id = id
        self.settings = settings
        model = order.model
        prompt = order.prompt
        self.timers = AgentTimers(settings.timeouts)
        self.listener = listener
        self.slots = slots
        place = order.place
        account = order.account
        files = order.files
    }

    /// What is asked of it.
    struct Order: Sendable {
        var model: String
        var prompt: String
        var place: ArtifactPlace?
        var account: (any AccountLease)?
        var files: [AgentFile] = []
    }

    // MARK: The listener's side, on the event loop

    func cancel() {
        listener.drop()
        cancelled.finish()
        gate.set(open: true)
    }

    /// The listener has the answer, so the run has ended or is about to by itself.
    func finish() {
        listener.drop()
        gate.set(open: true)
    }

    func setReading(_ reading: Bool) {
        timers.setPaused(!reading)
        gate.set(open: reading)
    }

    // MARK: The runner's side

    /// Ends the run as if its listener had cancelled it, who is told.
    func end() {
        cancelled.finish()
    }

    /// The process is to end: it is asked to, and what it still says is read, so that it does not fail at saying it, and
    /// dropped.
    func stop() {
        stopping.release()
        gate.release()
    }

    /// Returns when `cancel()` or `end()` was called, or the task was cancelled.
    func waitForCancellation() async {
        for await _ in cancellation {}
    }

    /// Gives events to the listener, in order, and returns when it has taken them.
    func deliver(_ events: [CanonicalEvent]) async {
        if let account { for case .limit(let limit) in events { account.note(limit) } }
        await listener.deliver(events)
    }

    /// Gives the last events and the verdict. Nothing is given after it.
    func finish(_ ending: AgentEnding) async {
        if let account { for case .limit(let limit) in ending.events { account.note(limit) } }
        await listener.finish(ending)
    }

    func fail(_ failure: Failure) async {
        await finish(AgentEnding(result: .failure(failure)))
    }

    /// Gives the slot back. Once, when nothing of the run is left.
    func release() {
        account?.end()
        slots.release()
    }
}
