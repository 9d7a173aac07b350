package import GatehouseCore
package import NIOCore

/// Sessions as callers manage them: looked at, brought in, and deleted with all that belongs to them.
package final class SessionService: Sendable {
    package let store: any SessionStore
    private let conversations: any ConversationStore
    private let agents: AgentSessionMemory
    private let artifacts: (any ArtifactStore)?
    private let turns: SessionTurns

    package init(
        store: any SessionStore, memory: CallMemory, agents: AgentSessionMemory, artifacts: (any ArtifactStore)?
    ) {
        self.store = store
        conversations = memory.conversations
        turns = memory.turns
        self.agents = agents
        self.artifacts = artifacts
    }

    package static let unknown = GatehouseError(.sessionNotFound, "There is no such session, or no more.")

    /// What was said in a session.
    package func messages(
        _ name: String, owner: String, on eventLoop: any EventLoop
    ) async throws(GatehouseError) -> [JSONValue] {
        let id = NativeHistory.id(ofSession: name)
        do {
            // Asked for on its loop, as calls do.
            let found = try await eventLoop.flatSubmit { [conversations] in
                conversations.conversation(id, owner: owner, on: eventLoop)
            }.get()
            return try ConversationItems.read(.success(found)) ?? []
        } catch {
            throw error as? GatehouseError ?? GatehouseError(.storageUnavailable, "The session cannot be read.")
        }
    }

    /// Keeps a conversation as that of a session.
    ///
    /// - Throws: `session_busy`, and `body_too_large` for what could not be kept.
    package func bring(_ messages: [JSONValue], as name: String, owner: String) throws(GatehouseError) {
        let bytes = JSONValue.array(messages).bytes
        guard bytes.readableBytes <= conversations.maximumSize else {
            throw GatehouseError(.bodyTooLarge, "The conversation is too long (responses.maxEntry).", param: "messages")
        }
        try checkFree(name, owner)
        conversations.keep(bytes, id: NativeHistory.id(ofSession: name), owner: owner)
    }

    /// Deletes a session with its conversation, files, runs, artifacts and what agents know of it.
    package func delete(_ name: String, owner: String) async throws(GatehouseError) {
        try checkFree(name, owner)
        conversations.forget(NativeHistory.id(ofSession: name), owner: owner)
        agents.forget(session: name, owner: owner)
        artifacts?.remove(ArtifactPlace(owner: owner, session: name))
        try await store.delete(name, owner: owner)
    }

    private func checkFree(_ name: String, _ owner: String) throws(GatehouseError) {
        guard !turns.isBusy(.init(owner: owner, session: name)) else {
            throw GatehouseError(
                .sessionBusy, "A turn of this session is still being answered. Wait for its end.", retryAfter: 1)
        }
    }

    /// A name that nobody guesses.
    package static func makeName() -> String { "ses_" + RandomLetters.make(26) }
}
