import GatehouseCore

extension Resilience {
    /// Writes what is known now, under the names of the contract.
    package func write(to text: inout MetricsText) {
        let now = Instant.now()
        text.family(
            "gatehouse_retry_budget_remaining", .gauge, help: "Tries that could be made now beyond first attempts.")
        text.sample("gatehouse_retry_budget_remaining", Double(remainingTries(now: now)))
        text.family(
            "gatehouse_breaker_state", .gauge, help: "Circuit breakers of targets: 0 closed, 1 half open, 2 open.")
        let listed = deployments.filter(\.isListed)
        for deployment in listed {
            let state: Double =
                switch deployment.breakerState(now: now) {
                case .closed: 0
                case .halfOpen: 1
                case .open: 2
                }
            text.sample("gatehouse_breaker_state", labels: Self.labels(deployment), state)
        }
        text.family("gatehouse_deployment_inflight", .gauge, help: "Calls that a target works on now.")
        for deployment in listed {
            let status = deployment.status(now: now)
            text.sample("gatehouse_deployment_inflight", labels: Self.labels(deployment), Double(status.inFlight))
        }
        text.family("gatehouse_deployment_queued", .gauge, help: "Calls that wait for their turn at a target.")
        for deployment in listed {
            let status = deployment.status(now: now)
            text.sample("gatehouse_deployment_queued", labels: Self.labels(deployment), Double(status.queued))
        }
        text.family("gatehouse_provider_key_refused", .gauge, help: "Keys that their provider refuses: 1.")
        for keys in providerKeys {
            for (index, name) in keys.names.enumerated() {
                text.sample(
                    "gatehouse_provider_key_refused", labels: [("provider", keys.provider), ("key", name)],
                    keys.isRetired(index, now: now) ? 1 : 0)
            }
        }
        text.family("gatehouse_drains", .gauge, help: "Answers that are read on after their callers left.")
        text.sample("gatehouse_drains", Double(runningDrains))
    }

    private static func labels(_ deployment: Deployment) -> [(String, String)] {
        [("provider", deployment.name.provider), ("model", deployment.name.model)]
    }
}
