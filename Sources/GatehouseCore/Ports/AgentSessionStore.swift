/// Keeps which of an agent's own sessions a caller's session has become.
package protocol AgentSessionStore: AnyObject, Sendable {
    func session(_ name: AgentSessionName) -> AgentSession?
    /// It is found from the moment this returns: a store that writes elsewhere writes behind.
    func keep(_ session: AgentSession, as name: AgentSessionName)
    func forget(_ name: AgentSessionName)
}

/// Writes down what a store in memory keeps, so that it can be kept again after a restart. Nobody waits for it.
package protocol AgentSessionJournal: AnyObject, Sendable {
    func kept(_ session: AgentSession, as name: AgentSessionName)
    func forgotten(_ name: AgentSessionName)
}

/// A session as a caller names it. Another owner's of the same name is another one.
package struct AgentSessionName: Sendable, Hashable {
    package var agent: String
    package var owner: String
    package var session: String

    package init(agent: String, owner: String, session: String) {
        self.agent = agent
        self.owner = owner
        self.session = session
    }
}

/// What is kept of a session of an agent.
package struct AgentSession: Sendable, Equatable {
    /// The agent's own id of it.
    package var vendor: String
    /// Where the agent worked, as it saw it: vendors find a session again only there.
    package var directory: String
    /// What had been said up to the last answer, and that answer, as hashes: who goes on from anything else does not go on
    /// with this session.
    package var said: String
    package var answer: String
    /// Tells this conversation from others that the caller had under the same name.
    package var conversation: String

    package init(vendor: String, directory: String, conversation: String, said: String, answer: String) {
        self.vendor = vendor
        self.directory = directory
        self.conversation = conversation
        self.said = said
        self.answer = answer
    }
}
