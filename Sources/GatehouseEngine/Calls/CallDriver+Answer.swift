import GatehouseCore
import NIOCore

/// What the caller gets.
extension CallDriver {
    func begin(_ pieces: Pieces) {
        guard !isDraining else { return }
        open()
        write(pieces)
        downstream?.flush()
    }

    /// The head of the stream goes out, if it has not.
    private func open() {
        guard !isOpen else { return }
        isOpen = true
        record.status = 200
        markFirstByte()
        downstream?.beginStream(head(200))
    }

    func flush() { downstream?.flush() }

    func write(_ pieces: Pieces) {
        hasWritten = true
        switch pieces {
        case .none: break
        case .one(let piece): write(piece)
        case .many(let list): for piece in list { write(piece) }
        }
    }

    private func write(_ piece: ByteBuffer) {
        hear(piece)
        guard let downstream else { return }
        record.bytesOut += piece.readableBytes
        downstream.write(piece)
    }

    /// Says the last word to the caller.
    func end(_ action: CallMachine.Action, _ attempt: CallAttempt) {
        guard !isDraining else {
            if record.status == 0 { record.status = 499 }
            return
        }
        switch action {
        case .wait, .begin, .relay: break
        case .respond(let body):
            record.status = 200
            markFirstByte()
            record.bytesOut = body.readableBytes
            hear(whole: body)
            keepTurn()
            downstream?.respond(head(200), body: body)
        case .finish(let pieces, _):
            open()
            write(pieces)
            keepTurn()
            downstream?.endStream()
        case .fail(let error): respond(error, with: attempt)
        case .breakOff(let pieces, let error):
            write(pieces)
            write(attempt.errorEvent(error, requestID: request.id))
            downstream?.endStream()
        case .sever: downstream?.sever()
        case .stop:
            if record.status == 0 { record.status = 499 }
        }
    }

    /// Takes the machine's report. What the next turn needs is kept before the caller knows the end of this one: it may
    /// go on at once, on another connection.
    func conclude(_ attempt: CallAttempt) {
        let report = attempt.report()
        record.outcome = isDraining ? .clientGone : report.outcome
        record.usage = report.usage
        record.cost = report.cost
        record.upstreamRequestID = attempt.upstreamRequestID
        // Within one dialect nothing is left behind.
        guard case .completed = report.outcome, attempt.isTranslated else { return }
        let left = attempt.heritage()
        memory.seals.keep(left.seals, owner: request.principal.name)
        guard let said = attempt.said else { return }
        memory.conversations.keep(
            ResponsesHistory.whole(said, with: left.items, summary: left.summary),
            id: ResponsesHistory.id(of: attempt.identity), owner: request.principal.name)
    }

    /// An error: as a response, or as the last event of a stream that was opened to keep the caller waiting.
    ///
    /// - Parameter attempt: The last one, where there was any.
    func respond(_ error: GatehouseError, with attempt: CallAttempt?) {
        guard !isDraining else {
            if record.status == 0 { record.status = 499 }
            return
        }
        if isOpen {
            write(errorEvent(error, attempt))
            downstream?.endStream()
            return
        }
        record.status = error.code.status
        markFirstByte()
        let body = request.operation.dialect.codec.render(error, requestID: request.id, time: time)
        record.bytesOut = body.readableBytes
        var head = head(error.code.status)
        head.retryAfter = error.retryAfter
        downstream?.respond(head, body: body)
    }

    private func errorEvent(_ error: GatehouseError, _ attempt: CallAttempt?) -> ByteBuffer {
        if let attempt { return attempt.errorEvent(error, requestID: request.id) }
        var options = StreamOptions()
        options.asArray = request.target?.asArray ?? false
        let identity = AnswerIdentity(call: request.id, model: record.model, created: time)
        var encoder = request.operation.dialect.codec.streamEncoder(as: identity, options: options)
        var event = ByteBuffer()
        encoder.fail(error, requestID: request.id, to: &event)
        return event
    }

    /// Tells a caller that waits that it is awaited: proxies and clients give up on silent connections. It says nothing of
    /// an answer, and the call may still go on to another target.
    func beat() {
        guard request.operation.surface == .generation else { return }
        open()
        // Google's clients take a comment for a part of the answer, and an array has no comments.
        write(
            .one(
                request.operation.dialect == .gemini
                    ? ByteBuffer(string: "\n") : ByteBuffer(string: ": keep-alive\n\n")))
        hasWritten = false
        downstream?.flush()
    }

    private func head(_ status: Int) -> CallResponseHead {
        var head = CallResponseHead(status: status, requestID: request.id)
        if !record.provider.isEmpty { head.provider = record.provider }
        if !record.upstreamModel.isEmpty { head.model = record.upstreamModel }
        head.attempts = record.attempts
        head.dropped = record.dropped
        head.budgetWarnings = record.budgetWarnings
        if current?.target.entry.upstream.keepsArtifacts == true { head.artifacts = request.place.session }
        head.isArray = request.target?.asArray ?? false
        head.run = runID
        head.limits = request.limits
        head.cache = record.cache
        if request.operation.surface != .generation { head.contentType = current?.contentType }
        return head
    }

    private func markFirstByte() {
        record.timeToFirstByte = eventLoop.now - request.start
    }
}

/// The items of a conversation that was kept.
enum ConversationItems {
    /// - Throws: `internal_error` when the store cannot say, or not in JSON.
    static func read(_ found: Result<ByteBuffer?, any Error>) throws(GatehouseError) -> [JSONValue]? {
        do {
            guard let bytes = try found.get() else { return nil }
            // Each turn was read within the limits; together they may have more values.
            return ResponsesHistory.items(
                ofKept: try JSONValue(parsing: bytes.readableBytesView, limits: JSONLimits(values: .max)))
        } catch {
            throw GatehouseError(.internalError, "The conversation could not be read. Try again.")
        }
    }
}

extension GatehouseError {
    /// The caller's own time is over.
    static let deadlineExceeded = GatehouseError(
        .deadlineExceeded, "The time that this request allowed itself (X-Gatehouse-Timeout) is over.")
}
