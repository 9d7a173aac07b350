import GatehouseEngine
import GatehouseUpstream

/// The processes of agents that are kept, under the names of the contract.
enum AgentPoolMetrics {
    static func write(_ pools: [AgentPool.Numbers], to text: inout MetricsText) {
        text.family(
            "gatehouse_agent_pool_processes", .gauge,
            help: "Processes of an agent that are kept, by what they do: starting, idle, busy, ending.")
        for pool in pools {
            let states = [
                ("starting", pool.counts.starting), ("idle", pool.counts.idle), ("busy", pool.counts.busy),
                ("ending", pool.counts.ending),
            ]
            for (state, count) in states {
                text.sample(
                    "gatehouse_agent_pool_processes", labels: [("agent", pool.agent), ("state", state)], Double(count))
            }
        }
        text.family("gatehouse_agent_pool_queued", .gauge, help: "Calls that wait for a process of an agent.")
        for pool in pools {
            text.sample("gatehouse_agent_pool_queued", labels: [("agent", pool.agent)], Double(pool.counts.queued))
        }
        text.family(
            "gatehouse_agent_handshakes_failed_total", .counter,
            help: "Processes of an agent that were started to be kept and came to nothing.")
        for pool in pools {
            text.sample(
                "gatehouse_agent_handshakes_failed_total", labels: [("agent", pool.agent)],
                Double(pool.failedHandshakes))
        }
    }
}
