import GatehouseCore

extension AgentRunner {
    /// How often pools look at the time, and after how many of these looks at their memory.
    private static let tick = Duration.milliseconds(500)
    private static let ticksOfMemory = 8

    /// The pool of an agent with exactly these settings: a reload that changes nothing about it keeps its processes.
    /// Whoever gets it holds it until `letGo()`.
    func pool(for settings: AgentSettings) -> AgentPool {
        pools { pools in
            if let pool = pools.first(where: { $0.settings == settings && $0.hold() }) { return pool }
            let pool = AgentPool(settings, runner: self, sessions: sessions)
            _ = pool.hold()
            pools.append(pool)
            return pool
        }
    }

    /// What each pool has, by the name of its agent.
    package var poolNumbers: [AgentPool.Numbers] {
        pools { $0.filter { !$0.isLeft } }.map(\.numbers)
    }

    /// No process that is kept holds this account any longer than its turn takes.
    func vacate(_ account: String, of agent: String) {
        for pool in pools({ $0 }) where pool.settings.name == agent { pool.apply(.vacate(account: account)) }
    }

    /// Lets pools see the time, until the runner ends.
    func keepPools() async {
        var ticks = 0
        while await waits(for: Self.tick) {
            let all = pools { pools in
                pools.removeAll { $0.isLeft && $0.isOver }
                return pools
            }
            for pool in all { pool.apply(.tick) }
            ticks = (ticks + 1) % Self.ticksOfMemory
            guard ticks == 0, !all.isEmpty else { continue }
            await offload { for pool in all { pool.measure() } }
        }
    }
}
