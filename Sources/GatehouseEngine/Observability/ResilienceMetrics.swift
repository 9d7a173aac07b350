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
        writeAccounts(to: &text, now: now)
        text.family("gatehouse_drains", .gauge, help: "Answers that are read on after their callers left.")
        text.sample("gatehouse_drains", Double(runningDrains))
    }

    private func writeAccounts(to text: inout MetricsText, now: Instant) {
        let wall = Timestamp().seconds
        let books = accountBooks.map { ($0.agent, $0.status(now: now, wall: wall)) }
        func each(_ body: ([(String, String)], AccountPool.Status) -> Void) {
            for (agent, accounts) in books {
                for account in accounts { body([("agent", agent), ("account", account.name)], account) }
            }
        }
        text.family(
            "gatehouse_agent_account_usable", .gauge,
            help: "Agents' accounts: 1 when the agent's own model may be used, 0 while it rests or needs a login.")
        each { text.sample("gatehouse_agent_account_usable", labels: $0, $1.state.isUsable ? 1 : 0) }
        text.family("gatehouse_agent_account_runs", .gauge, help: "Runs of agents' accounts now.")
        each { text.sample("gatehouse_agent_account_runs", labels: $0, Double($1.running)) }
        text.family("gatehouse_agent_account_rest_seconds", .gauge, help: "Until the account's last rest is over.")
        each { labels, account in
            let rest = account.rests.last.map { max(0, ($0.until - now).inSeconds) } ?? 0
            text.sample("gatehouse_agent_account_rest_seconds", labels: labels, rest)
        }
        text.family(
            "gatehouse_agent_account_window_used", .gauge, help: "Share of a window that an agent says is used.")
        each { labels, account in
            for window in account.windows {
                guard let used = window.used else { continue }
                text.sample(
                    "gatehouse_agent_account_window_used", labels: labels + [("window", window.kind)],
                    min(max(used, 0), 1))
            }
        }
        text.family("gatehouse_agent_accounts_queued", .gauge, help: "Calls that wait for an account of an agent.")
        for book in accountBooks {
            text.sample("gatehouse_agent_accounts_queued", labels: [("agent", book.agent)], Double(book.queued))
        }
    }

    private static func labels(_ deployment: Deployment) -> [(String, String)] {
        [("provider", deployment.name.provider), ("model", deployment.name.model)]
    }
}
