import GatehouseCore
import NIOCore

/// Turns of sessions that this gateway keeps: what was said before goes with what the caller says, and the answer is added.
extension CallDriver {
    /// Room that an answer finds in a conversation.
    private static let answerRoom = 1 << 20

    /// A turn of a session.
    struct Turn {
        let name: SessionTurns.Name
        /// What was said before: as it is kept, and as targets are told.
        var kept: [JSONValue] = []
        var history: [Message] = []
        var listener: TurnListener
    }

    /// The session that the call is a turn of: that of the header where it asks for it, else that of a native prompt.
    ///
    /// - Throws: `unsupported_parameter` where there is nothing to go on from.
    func continued(_ head: CallHead) throws(GatehouseError) -> String? {
        guard request.continuesSession else { return head.continued }
        guard let session = request.session, request.operation.surface == .generation,
            request.operation != .completions
        else {
            throw GatehouseError(
                .unsupportedParameter, "This route has no conversations that could be continued.",
                param: "x-gatehouse-session")
        }
        guard head.previousResponse == nil else {
            throw GatehouseError(
                .unsupportedParameter, "A request goes on from a session or from a response, not from both.",
                param: "previous_response_id")
        }
        return session
    }

    /// Looks for what was said in the session, once the turn may begin.
    func begin(in session: String, _ head: CallHead, _ plan: RoutePlan) throws(GatehouseError) {
        let name = SessionTurns.Name(owner: request.principal.name, session: session)
        switch memory.turns.begin(name, on: eventLoop) {
        case .now: look(in: name, head, plan)
        case .later(let begun):
            begun.assumeIsolated().whenComplete { _ in
                guard !self.isSettled else { return self.memory.turns.end(name) }
                self.look(in: name, head, plan)
            }
        case .refused:
            throw GatehouseError(
                .sessionBusy, "A turn of this session is still being answered. Wait for its end.", param: "session_id",
                retryAfter: 1)
        }
    }

    private func look(in name: SessionTurns.Name, _ head: CallHead, _ plan: RoutePlan) {
        turn = Turn(name: name, listener: TurnListener(request.operation.dialect))
        let found = memory.conversations.conversation(
            NativeHistory.id(ofSession: name.session), owner: name.owner, on: eventLoop)
        found.assumeIsolated().whenComplete { self.goOn(with: $0, head, plan) }
    }

    private func goOn(with found: Result<ByteBuffer?, any Error>, _ head: CallHead, _ plan: RoutePlan) {
        guard !isSettled else { return }
        do throws(GatehouseError) {
            let size = ((try? found.get()) ?? nil)?.readableBytes ?? 0
            guard size + request.body.readableBytes + Self.answerRoom <= memory.conversations.maximumSize else {
                throw GatehouseError(
                    .bodyTooLarge, "The session has become too long (responses.maxEntry). Start another.",
                    param: "session_id")
            }
            let kept = try ConversationItems.read(found) ?? []
            turn?.kept = kept
            turn?.history = try NativeHistory.messages(kept)
            try gather(head, plan, previous: nil)
        } catch {
            refuse(error)
        }
    }

    /// Listens to what the caller is told.
    func hear(_ piece: ByteBuffer) {
        turn?.listener.hear(piece)
    }

    /// Listens to a whole answer.
    func hear(whole body: ByteBuffer) {
        turn?.listener.hear(whole: body)
    }

    /// The answer is whole: the next turn will know of this one. It does so before the caller knows the end.
    func keepTurn() {
        guard turn != nil else { return }
        if let answer = turn?.listener.end(), let turn,
            let body = try? JSONValue(parsing: request.body.readableBytesView),
            let asked = try? request.operation.dialect.codec.decodeRequest(body)
        {
            memory.conversations.keep(
                NativeHistory.whole(turn.kept, asked: asked.messages, answer: answer),
                id: NativeHistory.id(ofSession: turn.name.session), owner: turn.name.owner)
        }
        endTurn()
    }

    /// The session is free for the next turn.
    func endTurn() {
        guard let turn else { return }
        self.turn = nil
        memory.turns.end(turn.name)
    }
}
