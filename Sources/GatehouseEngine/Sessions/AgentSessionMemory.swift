package import GatehouseCore
import Synchronization

/// Keeps the sessions of agents in memory, so many of each owner and of all: what was used longest ago goes first. A journal
/// brings them through a restart; what is forgotten goes on from what its caller sends.
package final class AgentSessionMemory: AgentSessionStore {
    private struct State {
        var sessions: [AgentSessionName: AgentSession] = [:]
        var uses = Recency<AgentSessionName>()
        var owners: [String: Recency<AgentSessionName>] = [:]
    }

    private let perOwner: Int
    private let total: Int
    private let journal: (any AgentSessionJournal)?
    private let state = Mutex(State())

    /// - Parameter known: What was kept before, what was used longest ago first.
    package init(
        perOwner: Int = 1000, total: Int = 20_000, journal: (any AgentSessionJournal)? = nil,
        known: [(name: AgentSessionName, session: AgentSession)] = []
    ) {
        self.perOwner = perOwner
        self.total = total
        self.journal = journal
        for (name, session) in known { keep(session, as: name, isNew: false) }
    }

    package func session(_ name: AgentSessionName) -> AgentSession? {
        state.withLock { state in
            guard let session = state.sessions[name] else { return nil }
            Self.use(name, &state)
            return session
        }
    }

    package func keep(_ session: AgentSession, as name: AgentSessionName) {
        keep(session, as: name, isNew: true)
    }

    private func keep(_ session: AgentSession, as name: AgentSessionName, isNew: Bool) {
        state.withLock { state in
            state.sessions[name] = session
            if isNew { journal?.kept(session, as: name) }
            Self.use(name, &state)
            while let count = state.owners[name.owner]?.count, count > perOwner,
                let oldest = state.owners[name.owner]?.oldest()
            {
                drop(oldest, &state)
            }
            while state.sessions.count > total, let oldest = state.uses.oldest() { drop(oldest, &state) }
        }
    }

    package func forget(_ name: AgentSessionName) {
        state.withLock { drop(name, &$0) }
    }

    /// Whatever any agent knows of a caller's session.
    package func forget(session: String, owner: String) {
        state.withLock { state in
            for name in state.sessions.keys where name.owner == owner && name.session == session { drop(name, &state) }
        }
    }

    private static func use(_ name: AgentSessionName, _ state: inout State) {
        state.uses.touch(name)
        state.owners[name.owner, default: Recency()].touch(name)
    }

    private func drop(_ name: AgentSessionName, _ state: inout State) {
        state.sessions.removeValue(forKey: name)
        journal?.forgotten(name)
        state.uses.remove(name)
        state.owners[name.owner]?.remove(name)
        if state.owners[name.owner]?.count == 0 { state.owners.removeValue(forKey: name.owner) }
    }
}
