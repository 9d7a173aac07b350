package import GatehouseCore
package import NIOCore

/// Runs one call on its connection's event loop: decodes and routes it, starts the upstream, feeds what comes back to the
/// `CallMachine` and performs its actions, and settles. Confined to that loop.
package final class CallDriver: UpstreamReply {
    private let request: CallRequest
    private let eventLoop: any EventLoop
    private let observer: any CallObserver
    private let memory: CallMemory
    private var downstream: (any CallDownstream)?
    private var machine: CallMachine?
    private var attempt: (any UpstreamAttempt)?
    private var record: CallRecord
    /// What was said up to the answer, where the conversation is kept.
    private var said: ByteBuffer?
    private var isSettled = false
    /// The downstream takes bytes. Kept because it may say so before the attempt is there.
    private var isWritable = true

    /// - Parameters:
    ///   - observer: Told once, when the call is settled.
    ///   - memory: Where translated answers leave what the next turn needs.
    package init(
        _ request: CallRequest, on eventLoop: any EventLoop, downstream: any CallDownstream,
        observer: any CallObserver, memory: CallMemory
    ) {
        self.request = request
        self.eventLoop = eventLoop
        self.downstream = downstream
        self.observer = observer
        self.memory = memory
        record = CallRecord(id: request.id, operation: request.operation, key: request.principal.name)
        record.bytesIn = request.body.readableBytes
    }

    /// Seconds since 1970 on the wall clock, for `created`.
    package func start(now: Int) {
        do throws(GatehouseError) {
            let (head, route) = try admit()
            guard let id = head.previousResponse, ResponsesHistory.isMade(id) else {
                return try dispatch(head, route, now: now)
            }
            let found = memory.conversations.conversation(id, owner: request.principal.name, on: eventLoop)
            found.assumeIsolated().whenComplete { self.goOn(from: $0, head, route, now: now) }
        } catch {
            refuse(error)
        }
    }

    private func admit() throws(GatehouseError) -> (CallHead, Route) {
        let head = try CallHead(request)
        record.model = head.model
        record.isStream = head.stream
        let route = try request.snapshot.route(head.model)
        guard request.principal.mayUse(model: head.model) else {
            throw GatehouseError(.modelNotAllowed, "This key may not use this model.", param: "model")
        }
        record.provider = route.entry.name
        record.upstreamModel = route.model
        record.isAgent = route.entry.kind == .agent
        return (head, route)
    }

    /// Goes on once it is known what was said before, unless the call is over by then.
    private func goOn(
        from found: Result<ByteBuffer?, any Error>, _ head: CallHead, _ route: Route, now: Int
    ) {
        guard !isSettled else { return }
        do throws(GatehouseError) {
            try dispatch(head, route, previous: try Self.items(found), now: now)
        } catch {
            refuse(error)
        }
    }

    /// - Throws: `internal_error` when the store cannot say, or not in JSON.
    private static func items(_ found: Result<ByteBuffer?, any Error>) throws(GatehouseError) -> [JSONValue]? {
        do {
            guard let bytes = try found.get() else { return nil }
            // Each turn was read within the limits; together they may have more values.
            return try JSONValue(parsing: bytes.readableBytesView, limits: JSONLimits(values: .max)).array
        } catch {
            throw GatehouseError(.internalError, "The conversation could not be read. Try again.")
        }
    }

    private func dispatch(
        _ head: CallHead, _ route: Route, previous: [JSONValue]? = nil, now: Int
    ) throws(GatehouseError) {
        let prepared = try CallPreparation(request, head, route, memory: memory, previous: previous, now: now)
        record.dropped = prepared.dropped
        said = prepared.said
        machine = CallMachine(prepared.plan)
        record.attempts = 1
        attempt = route.entry.upstream.start(prepared.request, on: eventLoop, reply: self)
        if !isWritable { attempt?.setReading(false) }
    }

    /// Ends a call that nothing was sent for.
    private func refuse(_ error: GatehouseError) {
        record.outcome = .failed(error.code, nil)
        respond(error)
        settle()
    }

    // MARK: From the downstream

    /// The caller's connection takes bytes, or not for now.
    package func downstreamWritable(_ writable: Bool) {
        guard isWritable != writable else { return }
        isWritable = writable
        attempt?.setReading(writable)
    }

    /// The caller has gone.
    package func clientGone() {
        downstream = nil
        guard machine != nil else {
            guard !isSettled else { return }
            record.status = 499
            record.outcome = .clientGone
            return settle()
        }
        perform(machine?.clientGone())
    }

    /// This gateway ends the call.
    package func abort(_ error: GatehouseError) {
        guard machine != nil else { return isSettled ? () : refuse(error) }
        perform(machine?.abort(error))
    }

    // MARK: From the upstream

    package func received(head: UpstreamHead) {
        record.upstreamRequestID = head.requestID
        perform(machine?.received(head: head))
    }

    package func received(bytes: ByteBuffer) {
        perform(machine?.received(bytes: bytes))
    }

    package func received(event: CanonicalEvent) {
        perform(machine?.received(event: event))
    }

    package func receivedBatchEnd() {
        downstream?.flush()
    }

    package func receivedEnd() {
        attempt = nil
        perform(machine?.receivedEnd())
    }

    package func failed(_ failure: Failure) {
        attempt = nil
        perform(machine?.failed(failure))
    }

    // MARK: Actions

    /// Does what the machine decided. A call that is over answers every input with `wait`.
    private func perform(_ action: CallMachine.Action?) {
        guard let action else { return }
        switch action {
        case .wait: break
        case .begin(let pieces):
            begin()
            write(pieces)
            downstream?.flush()
        case .relay(let pieces): write(pieces)
        case .respond, .finish, .fail, .breakOff, .sever, .stop:
            conclude()
            end(action)
            settle()
        }
    }

    /// Says the last word to the caller.
    private func end(_ action: CallMachine.Action) {
        switch action {
        case .wait, .begin, .relay: break
        case .respond(let body):
            record.status = 200
            markFirstByte()
            record.bytesOut = body.readableBytes
            downstream?.respond(head(200), body: body)
        case .finish(let pieces, let begins):
            if begins { begin() }
            write(pieces)
            downstream?.endStream()
        case .fail(let error): respond(error)
        case .breakOff(let pieces, let error):
            write(pieces)
            if let event = machine?.errorEvent(error, requestID: request.id) { write(event) }
            downstream?.endStream()
        case .sever: downstream?.sever()
        case .stop:
            if record.status == 0 { record.status = 499 }
        }
    }

    /// Takes the machine's report. What the next turn needs is kept before the caller knows the end of this one: it may
    /// go on at once, on another connection.
    private func conclude() {
        guard let report = machine?.report() else { return }
        record.outcome = report.outcome
        record.usage = report.usage
        record.cost = report.cost
        guard case .completed = report.outcome else { return }
        // Within one dialect nothing is left behind.
        guard let isTranslated = machine?.plan.isTranslated, isTranslated, let left = machine?.heritage() else {
            return
        }
        memory.seals.keep(left.seals, owner: request.principal.name)
        guard let said, let identity = machine?.plan.identity else { return }
        memory.conversations.keep(
            ResponsesHistory.whole(said, with: left.items), id: ResponsesHistory.id(of: identity),
            owner: request.principal.name)
    }

    private func begin() {
        record.status = 200
        markFirstByte()
        downstream?.beginStream(head(200))
    }

    private func write(_ pieces: Pieces) {
        switch pieces {
        case .none: break
        case .one(let piece): write(piece)
        case .many(let list): for piece in list { write(piece) }
        }
    }

    private func write(_ piece: ByteBuffer) {
        record.bytesOut += piece.readableBytes
        downstream?.write(piece)
    }

    private func respond(_ error: GatehouseError) {
        record.status = error.code.status
        markFirstByte()
        let body = request.operation.dialect.codec.render(error, requestID: request.id)
        record.bytesOut = body.readableBytes
        var head = head(error.code.status)
        head.retryAfter = error.retryAfter
        downstream?.respond(head, body: body)
    }

    private func head(_ status: Int) -> CallResponseHead {
        CallResponseHead(
            status: status, requestID: request.id, provider: record.provider.isEmpty ? nil : record.provider,
            model: record.upstreamModel.isEmpty ? nil : record.upstreamModel, attempts: record.attempts,
            dropped: record.dropped, isArray: request.target?.asArray ?? false,
            contentType: request.operation.surface == .generation ? nil : machine?.contentType)
    }

    private func markFirstByte() {
        record.timeToFirstByte = NIODeadline.now() - request.start
    }

    /// The last phase: it runs once, however the call ended.
    private func settle() {
        if let attempt {
            self.attempt = nil
            if case .completed = machine?.outcome { attempt.finish() } else { attempt.cancel() }
        }
        record.duration = NIODeadline.now() - request.start
        isSettled = true
        downstream = nil
        observer.settled(record)
    }
}
