package import GatehouseCore
package import NIOCore

/// Responses that are kept, by their ids: those that go on without their callers, and those that were given at once.
package final class ResponseService: Sendable {
    private let runs: RunService
    private let conversations: any ConversationStore

    package init(runs: RunService, conversations: any ConversationStore) {
        self.runs = runs
        self.conversations = conversations
    }

    package static let unknown = GatehouseError(
        .responseNotFound, "There is no such response here, or no more.", param: "response_id")

    /// The run of a response in the background; `nil` where there is none.
    package func run(_ id: String, owner: String) async throws(GatehouseError) -> Run? {
        guard ResponsesHistory.isMade(id) else { return nil }
        if let run = runs.active(id, owner: owner) { return run }
        return try await runs.store.find(id, owner: owner).map { Run(kept: $0, store: runs.store) }
    }

    /// A response as far as it is known.
    package func response(
        _ id: String, owner: String, on eventLoop: any EventLoop
    ) async throws(GatehouseError) -> JSONValue {
        if let run = try await run(id, owner: owner) {
            let events = try await run.all()
            return ResponseEvents.document(run.record, events)
        }
        return try await kept(id, owner, eventLoop).answer
    }

    /// What a response answers: the items of its input.
    package func asked(
        _ id: String, owner: String, on eventLoop: any EventLoop
    ) async throws(GatehouseError) -> [JSONValue] {
        try await kept(id, owner, eventLoop).asked
    }

    private func kept(
        _ id: String, _ owner: String, _ eventLoop: any EventLoop
    ) async throws(GatehouseError) -> (answer: JSONValue, asked: [JSONValue]) {
        guard let conversation = try await conversation(id, owner, eventLoop),
            let kept = ResponsesHistory.answer(ofKept: conversation)
        else { throw Self.unknown }
        return kept
    }

    private func conversation(
        _ id: String, _ owner: String, _ eventLoop: any EventLoop
    ) async throws(GatehouseError) -> JSONValue? {
        guard ResponsesHistory.isMade(id) else { return nil }
        do {
            let found = try await eventLoop.flatSubmit { [conversations] in
                conversations.conversation(id, owner: owner, on: eventLoop)
            }.get()
            return try found.map { try JSONValue(parsing: $0.readableBytesView, limits: JSONLimits(values: .max)) }
        } catch {
            throw GatehouseError(.storageUnavailable, "The response cannot be read.")
        }
    }

    /// Ends a response in the background; one that is over stays as it is.
    ///
    /// - Throws: `invalid_value` for one that was given at once.
    package func cancel(
        _ id: String, owner: String, on eventLoop: any EventLoop
    ) async throws(GatehouseError) -> JSONValue {
        guard let run = try await run(id, owner: owner) else {
            _ = try await kept(id, owner, eventLoop)
            throw GatehouseError(
                .invalidValue, "Only a response in the background can be cancelled.", param: "response_id")
        }
        await run.cancelAndWait()
        let events = try await run.all()
        return ResponseEvents.document(run.record, events)
    }

    /// Ends a response and forgets it, with the conversation that ended with it.
    package func delete(_ id: String, owner: String, on eventLoop: any EventLoop) async throws(GatehouseError) {
        let run = try await run(id, owner: owner)
        await run?.cancelAndWait()
        let isKept = try await conversation(id, owner, eventLoop) != nil
        guard run != nil || isKept else { throw Self.unknown }
        try await conversations.delete(id, owner: owner)
        _ = try await runs.store.delete(id, owner: owner)
    }
}
