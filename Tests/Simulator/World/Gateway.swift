import GatehouseCore
import GatehouseEngine
import NIOCore

/// One process of the gateway: the engine as it is, on simulated loops.
final class Gateway {
    let number: Int
    let resilience: Resilience
    private let loops: [SimulatedLoop]
    private var snapshot: RoutingSnapshot
    private let plan: WorldPlan
    private let seams: Seams
    private let keys: [Principal]
    private let keyStore = SimulatedKeys()
    private let memory = CallMemory()
    private var dice: Dice
    /// Calls on their way, by number.
    private var calls: [Int: Call] = [:]
    private(set) var isLost = false

    /// A call and the loop that it is confined to.
    struct Call {
        let loop: SimulatedLoop
        let driver: CallDriver
    }

    init(_ number: Int, _ world: World, _ seams: Seams, _ dice: Dice) {
        var dice = dice
        self.number = number
        self.seams = seams
        plan = seams.plan(world.plan)
        let turn = SimulatedLoop.Turn()
        loops = (0..<plan.loops).map { _ in
            SimulatedLoop(world.timeline, turn, handover: world.plan.handover, dice.branch())
        }
        for loop in loops { loop.keepsTimers = seams.plant == .keepsTimers }
        keys = plan.keys.indices.map { key in
            Principal(key: VirtualKey(name: "k\(key)", role: .member, models: [ModelPattern("*")]))
        }
        resilience = Resilience(now: world.timeline.now, seed: dice.next())
        self.dice = dice
        snapshot = plan.snapshot(seams.upstreams, keyStore, resilience)
    }

    /// The same configuration once more, as after a reload.
    func reload() {
        snapshot = plan.snapshot(seams.upstreams, keyStore, resilience)
    }

    func start(_ call: Int, _ client: ClientPlan, downstream: any CallDownstream) {
        if seams.plant == .budgetForEach {
            snapshot = plan.snapshot(seams.upstreams, keyStore, Resilience(now: Instant(loops[0].now), seed: 1))
        }
        let loop = loops[dice.number(0...loops.count - 1)]
        let request = CallRequest(
            id: String(call), operation: client.operation, principal: seams.principal(keys[client.key], call: call),
            snapshot: snapshot, body: client.body(model: plan.models[client.model].name), start: loop.now)
        request.mayRepeat = client.mayRepeat
        request.session = client.session.map { "s\($0)" }
        request.patience = client.patience.map { .nanoseconds(seams.patience($0).nanoseconds) }
        let driver = CallDriver(
            request, on: loop, downstream: downstream, observer: seams.observer, memory: memory)
        calls[call] = Call(loop: loop, driver: driver)
        loop.run { driver.start(now: 1) }
    }

    /// Tells something to the driver of a call, on its loop.
    func tell(_ call: Int, _ word: (CallDriver) -> Void) {
        guard let found = calls[call] else { return }
        found.loop.run { word(found.driver) }
    }

    /// Lets go of a call that is over.
    func forget(_ call: Int) { calls[call] = nil }

    /// The process is gone. Nobody hears of it any more; but what it made in this one must be let go.
    func die() {
        isLost = true
        for loop in loops { loop.die() }
        let lost = calls.values
        calls = [:]
        for call in lost { call.loop.run { call.driver.abort(GatehouseError(.internalError, "")) } }
    }
}

/// The engine asks nobody for a key: the front door does.
// Unchecked: immutable.
final class SimulatedKeys: KeyStore, @unchecked Sendable {
    func principal(forToken token: Substring) -> Principal? { nil }
}

/// Takes the records of settled calls.
// Unchecked: confined to the thread of its world.
final class SimulatedObserver: CallObserver, @unchecked Sendable {
    private unowned let world: World

    init(_ world: World) {
        self.world = world
    }

    func settled(_ record: CallRecord) { world.settled(record) }
}
