package import GatehouseCore
package import NIOCore

/// Runs one call on its connection's event loop: decodes and routes it, starts the upstream, feeds what comes back to the
/// `CallMachine` and performs its actions, and settles. Confined to that loop.
package final class CallDriver: UpstreamReply {
    private let request: CallRequest
    private let eventLoop: any EventLoop
    private let observer: any CallObserver
    private let seals: SealMemory
    private var downstream: (any CallDownstream)?
    private var machine: CallMachine?
    private var attempt: (any UpstreamAttempt)?
    private var record: CallRecord
    /// The downstream takes bytes. Kept because it may say so before the attempt is there.
    private var isWritable = true

    /// - Parameters:
    ///   - observer: Told once, when the call is settled.
    ///   - seals: Where the seals of translated answers are kept for the next turn.
    package init(
        _ request: CallRequest, on eventLoop: any EventLoop, downstream: any CallDownstream,
        observer: any CallObserver, seals: SealMemory
    ) {
        self.request = request
        self.eventLoop = eventLoop
        self.downstream = downstream
        self.observer = observer
        self.seals = seals
        record = CallRecord(id: request.id, operation: request.operation, key: request.principal.name)
        record.bytesIn = request.body.readableBytes
    }

    /// Seconds since 1970 on the wall clock, for `created`.
    package func start(now: Int) {
        do throws(GatehouseError) {
            try dispatch(now: now)
        } catch {
            record.outcome = .failed(error.code, nil)
            respond(error)
            settle()
        }
    }

    private func dispatch(now: Int) throws(GatehouseError) {
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
        let prepared = try CallPreparation(request, head, route, seals: seals, now: now)
        record.dropped = prepared.dropped
        machine = CallMachine(prepared.plan)
        record.attempts = 1
        attempt = route.entry.upstream.start(prepared.request, on: eventLoop, reply: self)
        if !isWritable { attempt?.setReading(false) }
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
        perform(machine?.clientGone())
    }

    /// This gateway ends the call.
    package func abort(_ error: GatehouseError) {
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
        case .wait: return
        case .begin(let pieces):
            begin()
            write(pieces)
            downstream?.flush()
            return
        case .relay(let pieces): return write(pieces)
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
        case .stop:
            if record.status == 0 { record.status = 499 }
        }
        settle()
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
        if let report = machine?.report() {
            record.outcome = report.outcome
            record.usage = report.usage
            record.cost = report.cost
            if case .completed = report.outcome { seals.keep(report.seals, owner: request.principal.name) }
        }
        record.duration = NIODeadline.now() - request.start
        downstream = nil
        observer.settled(record)
    }
}
