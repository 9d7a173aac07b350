import GatehouseCore
import GatehouseEngine

/// Where the gateway meets its world, and where bugs are planted.
struct Seams {
    let upstreams: [any Upstream]
    let observer: any CallObserver
    let plant: Plant?

    init(_ world: World, _ plant: Plant?) {
        self.plant = plant
        let observer = SimulatedObserver(world)
        self.observer = plant == .settlesTwice ? TwiceObserver(observer) : observer
        switch plant {
        case .retriesBehindCommit, .forgetsBilling, .fourAttempts, .makesUpEnding, .losesBytes, .neverHeals,
            .keepsAttempts, .cancelsLate, .readsOn, .deafToWaits:
            upstreams = world.upstreams.map { PlantedUpstream($0, world, plant) }
        default: upstreams = world.upstreams
        }
    }

    /// What the gateway takes for its configuration.
    func plan(_ plan: WorldPlan) -> WorldPlan {
        var plan = plan
        guard plant == .noBulkhead else { return plan }
        for index in plan.upstreams.indices { plan.upstreams[index].limits = nil }
        return plan
    }

    /// Who makes a call.
    func principal(_ principal: Principal, call: Int) -> Principal {
        guard plant == .manyNames, principal.name != "k0" else { return principal }
        var key = principal.key
        key.name += "/\(call)"
        return Principal(key: key)
    }

    /// How long it will wait.
    func patience(_ patience: Interval) -> Interval { plant == .patient ? patience * 3 : patience }

    func downstream(_ client: SimulatedClient) -> any CallDownstream {
        switch plant {
        case .endsTwice, .neverEnds, .endsErrorWell: PlantedDownstream(client, plant)
        default: client
        }
    }
}

/// Settles twice.
private final class TwiceObserver: CallObserver {
    private let observer: any CallObserver

    init(_ observer: any CallObserver) {
        self.observer = observer
    }

    func settled(_ record: CallRecord) {
        observer.settled(record)
        observer.settled(record)
    }
}
