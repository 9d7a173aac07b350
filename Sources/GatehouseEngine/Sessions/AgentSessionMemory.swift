package import GatehouseCore
import Synchronization

/// Keeps the sessions of agents in memory, so many of each owner and of all: what was used longest ago goes first. A
/// restart forgets them, and the conversations then go on from what their callers send.
package final class AgentSessionMemory: AgentSessionStore {
    private struct State {
        var sessions: [AgentSessionName: AgentSession] = [:]
        var uses = Recency<AgentSessionName>()
        var owners: [String: Recency<AgentSessionName>] = [:]
    }

    private let perOwner: Int
    private let total: Int
    private let state = Mutex(State())

    package init(perOwner: Int = 1000, total: Int = 20_000) {
        self.perOwner = perOwner
        self.total = total
    }

    package func session(_ name: AgentSessionName) -> AgentSession? {
        state.withLock { state in
            guard let session = state.sessions[name] else { return nil }
            Self.use(name, &state)
            return session
        }
    }

    package func keep(_ session: AgentSession, as name: AgentSessionName) {
        state.withLock { state in
            state.sessions[name] = session
            Self.use(name, &state)
            while let count = state.owners[name.owner]?.count, count > perOwner,
                let oldest = state.owners[name.owner]?.oldest()
            {
                Self.drop(oldest, &state)
            }
            while state.sessions.count > total, let oldest = state.uses.oldest() { Self.drop(oldest, &state) }
        }
    }

    package func forget(_ name: AgentSessionName) {
        state.withLock { Self.drop(name, &$0) }
    }

    private static func use(_ name: AgentSessionName, _ state: inout State) {
        state.uses.touch(name)
        state.owners[name.owner, default: Recency()].touch(name)
    }

    private static func drop(_ name: AgentSessionName, _ state: inout State) {
        state.sessions.removeValue(forKey: name)
        state.uses.remove(name)
        state.owners[name.owner]?.remove(name)
        if state.owners[name.owner]?.count == 0 { state.owners.removeValue(forKey: name.owner) }
    }
}
