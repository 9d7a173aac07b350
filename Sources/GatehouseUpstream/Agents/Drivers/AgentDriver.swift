/// How an agent's process is spoken to.
package enum AgentDriver: String, Sendable, CaseIterable {
    /// One process per call: the prompt goes in, the answer comes out, and it ends.
    case oneShot
    /// A process that takes one message after the other as lines of JSON, all of one conversation.
    case stdin
    /// The Agent Client Protocol.
    case acp
    /// Codex' own protocol, `codex app-server`.
    case appServer

    /// Whether a process holds one conversation and no more, so that it cannot serve two that know nothing of each other.
    var isSingleConversation: Bool { self == .stdin }
}

/// What an agent may do that it asks for.
package enum AgentPermissions: Sendable, Equatable {
    case reject
    /// Each time anew, so that nothing outlives the turn it was asked in.
    case allowOnce
}
