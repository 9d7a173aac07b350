package import GatehouseCore
package import NIOCore

/// Runs one call on its connection's event loop: decodes and routes it, sends it to a target and on to others where that
/// fails, does what the machines of its attempts decide, and settles. Confined to that loop, whose clock is the only one it
/// reads.
package final class CallDriver {
    let request: CallRequest
    let eventLoop: any EventLoop
    let memory: CallMemory
    private let observer: any CallObserver
    var downstream: (any CallDownstream)?
    /// Where the call goes, once it is admitted.
    var route: CallRoute?
    /// What is sent, for further attempts.
    var asked: Asked?
    /// The attempt whose answer the caller gets.
    var current: CallAttempt?
    /// One that was sent out beside it because it took long: the first to answer serves.
    var rival: CallAttempt?
    /// The last that failed, and how.
    var failed: (attempt: CallAttempt, error: GatehouseError, failure: Failure)?
    /// What the call waits for: a moment before a further attempt, or its turn.
    var pause: Scheduled<Void>?
    var queue: QueuePlace?
    var hedge: Scheduled<Void>?
    /// When the caller's own time is over, or that for reading on behind a caller who left.
    private var deadline: Scheduled<Void>?
    private var end: Instant?
    var record: CallRecord
    /// When it began, in seconds since 1970 on the wall clock.
    private(set) var time = 0
    private(set) var isSettled = false
    /// The caller has left, and the answer is read on for its bill.
    private(set) var isDraining = false
    /// The downstream takes bytes. Kept because it may say so before an attempt is there.
    var isWritable = true
    /// The head of the stream has gone out.
    var isOpen = false
    /// Ticks without a byte for the caller.
    private var silentTicks = 0
    var hasWritten = false
    /// The session that it is a turn of.
    var turn: Turn?
    /// There where its answer may be kept for others.
    var caching: Caching?
    /// There where the caller gave the call a name.
    var named: NamedCall?
    /// The run whose events the caller gets.
    var runID: String?
    /// How long an answer is read on after its caller left.
    private static let longestDrain = TimeAmount.minutes(10)

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

    var now: Instant { Instant(eventLoop.now) }
    package var principal: Principal { request.principal }

    // MARK: Admission

    /// Seconds since 1970 on the wall clock, for `created`.
    package func start(now: Int) {
        time = now
        do throws(GatehouseError) {
            let (head, plan) = try admit()
            guard request.idempotencyKey == nil else {
                return try claim { () throws(GatehouseError) in try self.go(head, plan) }
            }
            try go(head, plan)
        } catch {
            refuse(error)
        }
    }

    /// Looks for an answer that is there already.
    private func go(_ head: CallHead, _ plan: RoutePlan) throws(GatehouseError) {
        guard let cache = memory.cache else {
            if request.cacheWish == .onlyIfCached { throw .notCached }
            return try prepare(head, plan)
        }
        try lookUp(cache, head, plan) { () throws(GatehouseError) in try self.prepare(head, plan) }
    }

    /// Looks for what was said before.
    private func prepare(_ head: CallHead, _ plan: RoutePlan) throws(GatehouseError) {
        if head.isBackground, let runs = memory.runs {
            guard named == nil else { return secure { () throws(GatehouseError) in try self.begin(head, runs) } }
            return try begin(head, runs)
        }
        if let session = try continued(head) { return try begin(in: session, head, plan) }
        guard let id = head.previousResponse, ResponsesHistory.isMade(id) else {
            return try gather(head, plan, previous: nil)
        }
        let found = memory.conversations.conversation(id, owner: request.principal.name, on: eventLoop)
        found.assumeIsolated().whenComplete { self.goOn(from: $0, head, plan) }
    }

    struct Asked {
        let head: CallHead
        /// The conversation that the request goes on from, where this gateway kept it.
        let previous: [JSONValue]?
        /// The files that it names; `nil` where it names none, or none are kept.
        let files: [String: GivenFile]?
        let now: Int
    }

    private func admit() throws(GatehouseError) -> (CallHead, RoutePlan) {
        let head = try CallHead(request)
        record.model = head.model
        record.isStream = head.stream
        let plan = try request.snapshot.plan(head.model)
        guard request.principal.mayUse(model: head.model) else {
            throw GatehouseError(.modelNotAllowed, "This key may not use this model.", param: "model")
        }
        try passLimits(head)
        if let session = head.session, request.session == nil { request.session = session }
        if let patience = request.patience {
            let left = request.start + patience - eventLoop.now
            end = now + Interval(nanoseconds: left.nanoseconds)
            deadline = eventLoop.assumeIsolated().scheduleTask(in: left) {
                self.deadline = nil
                self.abort(.deadlineExceeded)
            }
        }
        return (head, plan)
    }

    /// Goes on once it is known what was said before, unless the call is over by then.
    private func goOn(from found: Result<ByteBuffer?, any Error>, _ head: CallHead, _ plan: RoutePlan) {
        guard !isSettled else { return }
        do throws(GatehouseError) {
            try gather(head, plan, previous: try ConversationItems.read(found))
        } catch {
            refuse(error)
        }
    }

    /// Reads the files that the call names, then sends it.
    func gather(_ head: CallHead, _ plan: RoutePlan, previous: [JSONValue]?) throws(GatehouseError) {
        guard let loader = memory.files else { return dispatch(plan, head, previous, files: nil) }
        guard
            let wish = try CallFiles.wish(
                request, head, plan, previous: previous, history: turn?.history ?? [])
        else {
            return dispatch(plan, head, previous, files: nil)
        }
        wait(for: { try await loader.load(wish) }) { result in
            guard !self.isSettled else { return }
            switch result {
            case .success(let files): self.dispatch(plan, head, previous, files: files)
            case .failure(let error):
                self.refuse(error as? GatehouseError ?? GatehouseError(.internalError, "The files could not be read."))
            }
        }
    }

    /// Goes on, on this loop, with what must be waited for elsewhere: a disk or another call. The only tasks that calls have;
    /// calls that name no files and begin no runs have none. Each ends with its work, which is bounded in itself, and whoever
    /// goes on looks first whether the call is over by then.
    func wait<Value: Sendable>(
        for work: @escaping @Sendable () async throws -> Value, _ goOn: @escaping (Result<Value, any Error>) -> Void
    ) {
        eventLoop.makeFutureWithTask(work).assumeIsolated().whenComplete(goOn)
    }

    private func dispatch(
        _ plan: RoutePlan, _ head: CallHead, _ previous: [JSONValue]?, files: [String: GivenFile]?
    ) {
        let caller = CallRoute.Caller(request, head, plan, files)
        route = CallRoute(plan, request.snapshot.resilience, caller, deadline: end, now: now)
        asked = Asked(head: head, previous: previous, files: files, now: time)
        guard named == nil else { return secure { self.go(to: self.route?.next(now: self.now), .fresh) } }
        go(to: route?.next(now: now), .fresh)
    }

    // MARK: From the downstream

    /// The caller's connection takes bytes, or not for now.
    package func downstreamWritable(_ writable: Bool) {
        guard isWritable != writable, downstream != nil else { return }
        isWritable = writable
        current?.setReading(writable)
        rival?.setReading(writable)
    }

    /// The caller has gone.
    package func clientGone() {
        if goesOnAlone() { return }
        downstream = nil
        guard !isSettled else { return }
        endWaits()
        discardRival()
        guard let current else {
            record.status = isOpen ? 200 : 499
            record.outcome = .clientGone
            return settle()
        }
        if current.target.entry.onDisconnect == .drain, route?.resilience.beginDrain() == true {
            return drain(current)
        }
        perform(current.clientGone(), of: current)
    }

    /// The answer is read on, so that the bill is known.
    private func drain(_ attempt: CallAttempt) {
        isDraining = true
        record.isDrained = true
        deadline?.cancel()
        deadline = eventLoop.assumeIsolated().scheduleTask(in: Self.longestDrain) {
            self.deadline = nil
            self.perform(attempt.clientGone(), of: attempt)
        }
        attempt.setReading(true)
    }

    /// This gateway ends the call.
    package func abort(_ error: GatehouseError) {
        guard !isSettled else { return }
        endWaits()
        discardRival()
        guard let current else { return refuse(error) }
        perform(current.abort(error), of: current)
    }

    /// Comes once a second.
    ///
    /// - Parameter heartbeat: Ticks of silence after which a caller that waits for a stream is told that it is awaited;
    ///   `nil`: never.
    package func tick(heartbeat: Int?) {
        guard let heartbeat, record.isStream, !isSettled, isWritable, downstream != nil else { return }
        silentTicks = hasWritten ? 0 : silentTicks + 1
        hasWritten = false
        guard silentTicks >= heartbeat else { return }
        silentTicks = 0
        beat()
    }

    private func endWaits() {
        pause?.cancel()
        pause = nil
        queue?.leave()
        queue = nil
        route?.giveUp()
    }

    // MARK: Actions

    /// Does what the machine of an attempt decided. One that is over answers every input with `wait`.
    func perform(_ action: CallMachine.Action, of attempt: CallAttempt) {
        switch action {
        case .wait: break
        case .begin(let pieces):
            commit(attempt)
            begin(pieces)
        case .relay(let pieces): write(pieces)
        case .fail(let error):
            guard let failure = attempt.failure else { return close(action, attempt) }
            goOn(behind: error, failure, of: attempt)
        case .respond, .finish:
            commit(attempt)
            close(action, attempt)
        case .breakOff, .sever, .stop: close(action, attempt)
        }
    }

    private func close(_ action: CallMachine.Action, _ attempt: CallAttempt) {
        conclude(attempt)
        end(action, attempt)
        settle()
    }

    /// Ends a call that nothing runs for.
    func refuse(_ error: GatehouseError, _ failure: Failure? = nil) {
        record.outcome = isDraining ? .clientGone : .failed(error.code, failure)
        respond(error, with: failed?.attempt)
        settle()
    }

    /// The last phase: it runs once, however the call ended.
    func settle() {
        guard !isSettled else { return }
        isSettled = true
        endNamed(ran: current?.wasSent == true)
        endCaching()
        deadline?.cancel()
        hedge?.cancel()
        if let attempt = current {
            current = nil
            if let broke = attempt.failure, attempt.lease.hasAnswered {
                route?.brokeOff(attempt.lease, broke, now: now)
            }
            var isWell = false
            if case .completed = record.outcome { isWell = true }
            route?.ended(attempt.lease, isWell: isWell, tokens: record.usage?.output, now: now)
            attempt.release()
        }
        if isDraining { route?.resilience.endDrain() }
        leaveLimits()
        failed = nil
        asked = nil
        endTurn()
        record.duration = eventLoop.now - request.start
        downstream = nil
        // Handed on, not copied: nobody asks for it any more.
        var settled = CallRecord(id: "", operation: nil, key: "")
        swap(&settled, &record)
        observer.settled(settled)
    }
}
