import GatehouseCore
import GatehouseEngine
import NIOCore

/// A world that is made of one number: upstreams and their weather, clients and their moods, a gateway between them. It
/// runs in one thread and on its own time.
final class World {
    let plan: WorldPlan
    let timeline = Timeline()
    let oracle: Oracle
    private(set) var seams: Seams?
    private(set) var upstreams: [SimulatedUpstream] = []
    private(set) var gateway: Gateway?
    private var dice: Dice
    private var clients: [SimulatedClient] = []
    /// Attempts that run, by number.
    private var attempts: [SimulatedAttempt?] = []
    private var arrivals = 0
    private var isClosing = false
    /// Calls were on their way since nothing was left of any.
    private var wasBusy = false
    /// Calls whose record came in this step.
    private var settledNow: [Int] = []
    /// Calls whose clients left in this step, and whether they left or this gateway ended them.
    private var endedNow: [(call: Int, kind: Event.Kind)] = []

    /// - Parameters:
    ///   - plant: A bug to put into the world.
    ///   - trace: Told everything that happens.
    init(seed: UInt64, plant: Plant? = nil, trace: ((Event) -> Void)? = nil) {
        dice = Dice(seed: seed)
        var planning = dice.branch()
        plan = WorldPlan(&planning)
        oracle = Oracle(plan, trace: trace)
        upstreams = plan.upstreams.enumerated().map { SimulatedUpstream($0, $1, self, dice.branch()) }
        seams = Seams(self, plant)
        start()
    }

    /// Lets everything happen that will.
    ///
    /// - Returns: What was wrong, if anything was.
    func run() -> Violation? {
        planArrival()
        if let shutdown = plan.shutdown { timeline.after(shutdown) { [unowned self] in self.shutDown() } }
        if let crash = plan.crash { timeline.after(crash) { [unowned self] in self.crash() } }
        if let reload = plan.reload { timeline.after(reload) { [unowned self] in self.reload() } }
        runDry()
        examine()
        note(.over)
        if let gateway { scrap(gateway) }
        timeline.clear()
        return oracle.violation
    }

    /// Steps until nothing is left to happen.
    func runDry() {
        var seen = oracle.events
        var steps = 0
        while oracle.violation == nil, timeline.step() {
            concludeStep()
            steps = oracle.events == seen ? steps + 1 : 0
            seen = oracle.events
            if steps > Self.mostSteps || seen > Self.mostEvents { note(.circling) }
        }
    }

    private func concludeStep() {
        guard !settledNow.isEmpty || !endedNow.isEmpty else { return lookWhenIdle() }
        let ended = endedNow
        endedNow = []
        for (call, kind) in ended { note(kind, call: call) }
        let settled = settledNow
        settledNow = []
        for call in settled {
            note(.settledKnown, call: call)
            gateway?.forget(call)
        }
        wasBusy = wasBusy || !settled.isEmpty
        lookWhenIdle()
    }

    /// When no call is on its way, and nothing is about to be done, nothing of any call may be left.
    private func lookWhenIdle() {
        guard wasBusy, oracle.facts.live == 0, timeline.handovers == 0, let gateway, !gateway.isLost else { return }
        wasBusy = false
        let states = gateway.resilience.deployments.map { $0.status(now: timeline.now) }
        oracle.facts.inside = states.reduce(0) { $0 + $1.inFlight + $1.queued }
        oracle.facts.drains = gateway.resilience.runningDrains
        oracle.facts.timers = timeline.timers
        oracle.facts.tries = gateway.resilience.remainingTries(now: timeline.now)
        note(.idle)
    }

    func note(_ kind: Event.Kind, call: Int = -1, attempt: Int = -1, value: Int = 0) {
        oracle.note(Event(kind: kind, time: timeline.now, call: call, attempt: attempt, value: value))
    }

    // MARK: Clients

    private func planArrival() {
        guard arrivals < plan.calls else { return }
        let wait = dice.chance(plan.burst) ? Interval.milliseconds(dice.number(0...3)) : dice.wait(plan.pace)
        timeline.after(wait) { [unowned self] in
            self.arrivals += 1
            self.planArrival()
            let client = self.plan.temper.plan(self.plan.models, self.plan.keys, &self.dice)
            self.arrive(client)
        }
    }

    /// A client asks, if anybody listens.
    func arrive(_ client: ClientPlan) {
        guard let gateway, !gateway.isLost, !isClosing else { return }
        let number = clients.count
        oracle.facts.calls.append(
            CallFacts(
                client, instance: gateway.number,
                arrived: timeline.now))
        note(.arrived, call: number, value: client.model)
        let simulated = SimulatedClient(number, client, self)
        clients.append(simulated)
        gateway.start(number, client, downstream: seams?.downstream(simulated) ?? simulated)
        simulated.wait()
        if client.stream, let heartbeat = plan.heartbeat { planTick(number, heartbeat) }
    }

    /// Once a second each call is told so, as its connection does.
    private func planTick(_ call: Int, _ heartbeat: Int) {
        timeline.after(.seconds(1)) { [unowned self] in
            guard self.oracle.facts.calls[call].isWaiting else { return }
            self.gateway?.tell(call) { $0.tick(heartbeat: heartbeat) }
            self.planTick(call, heartbeat)
        }
    }

    func isTranslated(_ call: Int) -> Bool { oracle.facts.calls[call].plan.isForeign }
    func wantsUsage(_ call: Int) -> Bool { oracle.facts.calls[call].plan.wantsUsage }

    func left(_ call: Int) {
        note(.left, call: call)
        gateway?.tell(call) { $0.clientGone() }
        endedNow.append((call, .leftKnown))
    }

    func turnedFull(_ call: Int, _ isFull: Bool) {
        note(isFull ? .full : .drained, call: call)
        gateway?.tell(call) { $0.downstreamWritable(!isFull) }
    }

    func gave(_ kind: Event.Kind, _ call: Int, _ value: Int, _ bytes: ByteBuffer, _ head: CallResponseHead? = nil) {
        oracle.facts.head = head
        guard kind != .wrote || bytes != Self.heartbeat else { return note(.beat, call: call) }
        note(kind, call: call, value: value)
        oracle.facts.calls[call].received.writeImmutableBuffer(bytes)
    }

    /// Whoever does so much, and nothing can be seen of it, does nothing.
    private static let mostSteps = 5000
    /// No story is that long.
    private static let mostEvents = 500_000
    private static let heartbeat = ByteBuffer(string: ": keep-alive\n\n")

    func settled(_ record: CallRecord) {
        guard let call = Int(record.id) else { return }
        oracle.facts.record = record
        note(.settled, call: call, value: record.attempts)
        settledNow.append(call)
    }

    // MARK: Upstreams

    func began(_ facts: AttemptFacts, _ attempt: SimulatedAttempt) {
        oracle.facts.attempts.append(facts)
        attempts.append(attempt)
        note(.began, call: facts.call, attempt: facts.number, value: facts.upstream)
    }

    func ended(_ attempt: Int) { attempts[attempt] = nil }

    // MARK: The gateway's process

    private func start() {
        guard let seams else { return }
        let gateway = Gateway(oracle.facts.instances.count, self, seams, dice.branch())
        self.gateway = gateway
        note(.started, value: gateway.number)
    }

    private func reload() {
        guard let gateway, !gateway.isLost else { return }
        note(.reloaded)
        gateway.reload()
    }

    /// Takes no more calls and ends those on their way, as at the end of the time to drain.
    private func shutDown() {
        isClosing = true
        for call in clients.indices where oracle.facts.calls[call].isWaiting {
            note(.aborted, call: call)
            gateway?.tell(call) { $0.abort(GatehouseError(.shuttingDown, "It ends.")) }
            endedNow.append((call, .abortKnown))
        }
    }

    /// The process is lost at once. Another one comes soon, and knows nothing.
    private func crash() {
        guard let gateway, !isClosing else { return }
        let waiting = clients.filter { oracle.facts.calls[$0.number].isWaiting }
        note(.crashed, value: gateway.number)
        for client in clients { client.lose() }
        for attempt in attempts { attempt?.lose() }
        scrap(gateway)
        let pause = dice.interval(0.1, 10)
        timeline.after(pause) { [unowned self] in self.start() }
        for client in waiting where dice.chance(0.5) {
            // Whoever was cut off asks again.
            timeline.after(pause + dice.wait(.seconds(1))) { [unowned self] in self.arrive(client.plan) }
        }
    }

    /// Lets go of a process and all that it held, unheard.
    private func scrap(_ gateway: Gateway) {
        oracle.isDeaf = true
        gateway.die()
        oracle.isDeaf = false
        (settledNow, endedNow) = ([], [])
    }

    // MARK: The examination

    private func examine() {
        guard oracle.violation == nil, let gateway, !gateway.isLost, !isClosing else { return }
        Examination(self, gateway).run()
    }
}
