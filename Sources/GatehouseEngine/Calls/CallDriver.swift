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
    /// Where the call goes, once it is admitted.
    private var route: CallRoute?
    /// What is sent, for further attempts.
    private var asked: Asked?
    /// The wait before a further attempt.
    private var pause: Scheduled<Void>?
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
            let head = try admit()
            guard let id = head.previousResponse, ResponsesHistory.isMade(id) else {
                return try dispatch(Asked(head: head, previous: nil, now: now))
            }
            let found = memory.conversations.conversation(id, owner: request.principal.name, on: eventLoop)
            found.assumeIsolated().whenComplete { self.goOn(from: $0, head, now: now) }
        } catch {
            refuse(error)
        }
    }

    private struct Asked {
        let head: CallHead
        /// The conversation that the request goes on from, where this gateway kept it.
        let previous: [JSONValue]?
        let now: Int
    }

    private func admit() throws(GatehouseError) -> CallHead {
        let head = try CallHead(request)
        record.model = head.model
        record.isStream = head.stream
        let destination = try request.snapshot.destination(head.model)
        guard request.principal.mayUse(model: head.model) else {
            throw GatehouseError(.modelNotAllowed, "This key may not use this model.", param: "model")
        }
        route = CallRoute(
            destination, request.snapshot.resilience, mayRepeat: request.mayRepeat, now: .now())
        return head
    }

    /// Goes on once it is known what was said before, unless the call is over by then.
    private func goOn(
        from found: Result<ByteBuffer?, any Error>, _ head: CallHead, now: Int
    ) {
        guard !isSettled else { return }
        do throws(GatehouseError) {
            try dispatch(Asked(head: head, previous: try Self.items(found), now: now))
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

    private func dispatch(_ asked: Asked) throws(GatehouseError) {
        self.asked = asked
        try send(to: route?.target(now: .now()), isRetry: false)
    }

    /// Sends the call to a target, or to the next one that can take it.
    ///
    /// - Throws: why the first of them cannot.
    private func send(to first: Route?, isRetry: Bool) throws(GatehouseError) {
        var problem: GatehouseError?
        var target = first
        while let present = target {
            do throws(GatehouseError) {
                return try attempt(present, isRetry: isRetry)
            } catch {
                problem = problem ?? error
                target = route?.skip(now: .now())
            }
        }
        throw problem ?? GatehouseError(.internalError, "There is no target for this call.")
    }

    private func attempt(_ target: Route, isRetry: Bool) throws(GatehouseError) {
        guard let asked else { return }
        record.provider = target.entry.name
        record.upstreamModel = target.model
        record.isAgent = target.entry.kind == .agent
        let prepared = try CallPreparation(
            request, asked.head, target, memory: memory, previous: asked.previous, now: asked.now)
        record.dropped = prepared.dropped
        said = prepared.said
        machine = CallMachine(prepared.plan)
        record.attempts += 1
        route?.begin(isRetry: isRetry, now: .now())
        attempt = target.entry.upstream.start(prepared.request, on: eventLoop, reply: self)
        if !isWritable { attempt?.setReading(false) }
    }

    /// Whether the call goes on behind a failure that the caller has seen nothing of.
    private func goesOn(behind error: GatehouseError) -> Bool {
        guard case .failed(_, let failure?) = machine?.outcome, let step = route?.failed(failure, now: .now()) else {
            return false
        }
        switch step {
        case .stop: return false
        case .fallback(let target):
            release()
            resume(at: target, isRetry: false, behind: error, failure)
        case .retry(let wait):
            release()
            pause = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait.nanoseconds)) {
                self.pause = nil
                self.resume(at: self.route?.target(now: .now()), isRetry: true, behind: error, failure)
            }
        }
        return true
    }

    /// What went wrong is told when nobody else can take the call: that they cannot is their affair.
    private func resume(at target: Route?, isRetry: Bool, behind error: GatehouseError, _ failure: Failure) {
        let reached = (record.provider, record.upstreamModel, record.isAgent)
        do throws(GatehouseError) {
            try send(to: target, isRetry: isRetry)
        } catch _ {
            (record.provider, record.upstreamModel, record.isAgent) = reached
            refuse(error, failure)
        }
    }

    private func release() {
        attempt?.cancel()
        attempt = nil
    }

    /// Ends the wait for a further attempt; `false` when there is none.
    private func endPause() -> Bool {
        guard let pause else { return false }
        pause.cancel()
        self.pause = nil
        route?.putBack()
        return true
    }

    /// Ends a call that nothing runs for.
    private func refuse(_ error: GatehouseError, _ failure: Failure? = nil) {
        record.outcome = .failed(error.code, failure)
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
        guard machine != nil, !endPause() else {
            guard !isSettled else { return }
            record.status = 499
            record.outcome = .clientGone
            return settle()
        }
        perform(machine?.clientGone())
    }

    /// This gateway ends the call.
    package func abort(_ error: GatehouseError) {
        guard machine != nil, !endPause() else { return isSettled ? () : refuse(error) }
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
            route?.answered(now: .now())
            begin()
            write(pieces)
            downstream?.flush()
        case .relay(let pieces): write(pieces)
        case .fail(let error):
            if !goesOn(behind: error) { close(action) }
        case .respond, .finish, .breakOff, .sever, .stop: close(action)
        }
    }

    private func close(_ action: CallMachine.Action) {
        conclude()
        end(action)
        settle()
    }

    /// Says the last word to the caller.
    private func end(_ action: CallMachine.Action) {
        switch action {
        case .wait, .begin, .relay: break
        case .respond(let body):
            route?.answered(now: .now())
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
        var isWell = false
        if case .completed = record.outcome { isWell = true }
        route?.ended(isWell: isWell, now: .now())
        asked = nil
        record.duration = NIODeadline.now() - request.start
        isSettled = true
        downstream = nil
        observer.settled(record)
    }
}
