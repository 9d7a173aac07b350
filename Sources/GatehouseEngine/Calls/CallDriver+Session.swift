import GatehouseCore
import NIOCore

/// Turns of sessions that this gateway keeps: what was said before goes with the prompt, and the answer is added.
extension CallDriver {
    /// Room that an answer finds in a conversation.
    private static let answerRoom = 1 << 20

    /// A turn of a session.
    struct Turn {
        let name: SessionTurns.Name
        /// The text of the answer, as far as it is known.
        var answer = ""
    }

    /// Looks for what was said in the session.
    func begin(in session: String, _ head: CallHead, _ plan: RoutePlan) throws(GatehouseError) {
        let name = SessionTurns.Name(owner: request.principal.name, session: session)
        guard memory.turns.begin(name) else {
            throw GatehouseError(
                .sessionBusy, "A turn of this session is still being answered. Wait for its end.", param: "session_id",
                retryAfter: 1)
        }
        turn = Turn(name: name)
        let found = memory.conversations.conversation(
            NativeHistory.id(ofSession: session), owner: request.principal.name, on: eventLoop)
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
            try gather(head, plan, previous: try ConversationItems.read(found) ?? [])
        } catch {
            refuse(error)
        }
    }

    /// Listens to what the caller is told.
    func hear(_ piece: ByteBuffer) {
        guard turn != nil else { return }
        for (_, event) in NumberedEvents.split(piece) {
            guard let (name, data) = NumberedEvents.fields(event), name == "text.delta" else { continue }
            turn?.answer += data["text"]?.string ?? ""
        }
    }

    /// Listens to a whole answer.
    func hear(whole body: ByteBuffer) {
        guard turn != nil, let value = try? JSONValue(parsing: body.readableBytesView) else { return }
        turn?.answer = value["response"]?.string ?? ""
    }

    /// The answer is whole: the next turn will know of this one. It does so before the caller knows the end.
    func keepTurn() {
        guard let turn, let asked, let body = try? JSONValue(parsing: request.body.readableBytesView) else { return }
        memory.conversations.keep(
            NativeHistory.whole(asked.previous ?? [], asked: body, answer: turn.answer),
            id: NativeHistory.id(ofSession: turn.name.session), owner: turn.name.owner)
        endTurn()
    }

    /// The session is free for the next turn.
    func endTurn() {
        guard let turn else { return }
        self.turn = nil
        memory.turns.end(turn.name)
    }
}
