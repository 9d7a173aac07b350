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
    private var asked: Asked?
    /// The attempt whose answer the caller gets.
    var current: CallAttempt?
    /// One that was sent out beside it because it took long: the first to answer serves.
    private var rival: CallAttempt?
    /// The last that failed, and how.
    private var failed: (attempt: CallAttempt, error: GatehouseError, failure: Failure)?
    /// What the call waits for: a moment before a further attempt, or its turn.
    private var pause: Scheduled<Void>?
    private var queue: QueuePlace?
    private var hedge: Scheduled<Void>?
    /// When the caller's own time is over, or that for reading on behind a caller who left.
    private var deadline: Scheduled<Void>?
    var record: CallRecord
    private(set) var isSettled = false
    /// The caller has left, and the answer is read on for its bill.
    private(set) var isDraining = false
    /// The downstream takes bytes. Kept because it may say so before an attempt is there.
    private var isWritable = true
    /// The head of the stream has gone out.
    var isOpen = false
    /// Ticks without a byte for the caller.
    private var silentTicks = 0
    var hasWritten = false
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

    // MARK: Admission

    /// Seconds since 1970 on the wall clock, for `created`.
    package func start(now: Int) {
        do throws(GatehouseError) {
            let head = try admit()
            guard let id = head.previousResponse, ResponsesHistory.isMade(id) else {
                return dispatch(Asked(head: head, previous: nil, now: now))
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
        let plan = try request.snapshot.plan(head.model)
        guard request.principal.mayUse(model: head.model) else {
            throw GatehouseError(.modelNotAllowed, "This key may not use this model.", param: "model")
        }
        let caller = CallRoute.Caller(request, head, plan)
        let now = now
        var end: Instant?
        if let patience = request.patience {
            let left = request.start + patience - eventLoop.now
            end = now + Interval(nanoseconds: left.nanoseconds)
            deadline = eventLoop.assumeIsolated().scheduleTask(in: left) {
                self.deadline = nil
                self.abort(.deadlineExceeded)
            }
        }
        route = CallRoute(plan, request.snapshot.resilience, caller, deadline: end, now: now)
        return head
    }

    /// Goes on once it is known what was said before, unless the call is over by then.
    private func goOn(from found: Result<ByteBuffer?, any Error>, _ head: CallHead, now: Int) {
        guard !isSettled else { return }
        do throws(GatehouseError) {
            dispatch(Asked(head: head, previous: try ConversationItems.read(found), now: now))
        } catch {
            refuse(error)
        }
    }

    private func dispatch(_ asked: Asked) {
        self.asked = asked
        go(to: route?.next(now: now), .fresh)
    }

    // MARK: The way

    /// Sends the call to a target, or to the next one that can take it.
    private func go(to choice: CallRoute.Choice?, _ beginning: AttemptMachine.Beginning) {
        var problem: GatehouseError?
        var choice = choice
        var beginning = beginning
        while case .target(let lease) = choice {
            do throws(GatehouseError) {
                return try begin(lease, beginning)
            } catch {
                // That it cannot take the request is no news of the target.
                problem = problem ?? error
                route?.putBack(lease, now: now)
                choice = route?.next(now: now)
                beginning = .fresh
            }
        }
        if case .queue(let index) = choice { return wait(at: index, beginning) }
        giveUp(problem)
    }

    private func begin(_ lease: TargetLease, _ beginning: AttemptMachine.Beginning) throws(GatehouseError) {
        guard let asked, let target = route?.route(lease) else { return }
        var prepared = try CallPreparation(
            request, asked.head, target, memory: memory, previous: asked.previous, now: asked.now)
        prepared.request.key = lease.key
        prepared.request.mayRepeat = request.mayRepeat
        if let failed {
            record.tries.append(CallRecord.Try(failed.attempt.target, failed.failure.kind.label))
            self.failed = nil
        }
        var lease = lease
        route?.begin(&lease, beginning, now: now)
        let attempt = CallAttempt(target, lease, prepared, for: self)
        record.attempts += 1
        if beginning == .hedge {
            record.isHedged = true
            rival = attempt
        } else {
            current = attempt
            note(attempt)
            planHedge(lease)
        }
        attempt.start(prepared.request, on: eventLoop, isReading: isWritable)
    }

    /// The record tells of this attempt.
    private func note(_ attempt: CallAttempt) {
        record.provider = attempt.target.entry.name
        record.upstreamModel = attempt.target.model
        record.isAgent = attempt.target.entry.kind == .agent
        record.upstreamKey = attempt.target.entry.keys.count > 1 ? route?.keyName(attempt.lease) : nil
        record.dropped = attempt.dropped
    }

    private func wait(at index: Int, _ beginning: AttemptMachine.Beginning) {
        guard let deployment = route?.plan.places[index].deployment else { return }
        let place = QueuePlace(deployment, on: eventLoop)
        let since = eventLoop.now
        queue = place
        place.enter(owner: request.principal.name) { verdict in
            self.queue = nil
            let waited = self.eventLoop.now - since
            if waited > .zero { self.record.queued = waited }
            switch verdict {
            case .admitted:
                self.go(to: self.route?.admitted(at: index, now: self.now), beginning)
            case .refused(let seconds):
                self.route?.refusedByQueue(at: index, retryAfter: seconds, hasWaited: waited > .zero)
                self.go(to: self.route?.next(now: self.now), .fresh)
            }
        }
    }

    /// Nobody else can take the call. What went wrong is told, or why nobody takes it.
    private func giveUp(_ problem: GatehouseError?) {
        route?.giveUp()
        if let failed { return refuse(failed.error, failed.failure) }
        refuse(problem ?? route?.refusalError(now: now) ?? GatehouseError(.internalError, "There is no target."))
    }

    /// An attempt failed that the caller has seen nothing of.
    private func goOn(behind error: GatehouseError, _ failure: Failure, of attempt: CallAttempt) {
        route?.failed(attempt.lease, failure, now: now)
        attempt.release()
        if attempt === rival {
            rival = nil
            record.tries.append(CallRecord.Try(attempt.target, failure.kind.label))
            return
        }
        hedge?.cancel()
        if let other = rival {
            record.tries.append(CallRecord.Try(attempt.target, failure.kind.label))
            (current, rival) = (other, nil)
            return note(other)
        }
        current = nil
        record.upstreamRequestID = attempt.upstreamRequestID
        failed = (attempt, error, failure)
        let step = isDraining ? .stop : route?.step(behind: failure, at: attempt.lease.index, now: now)
        switch step {
        case .fallback: go(to: route?.next(now: now), .fresh)
        case .otherKey(let index): go(to: route?.again(at: index, now: now), .otherKey)
        case .retry(let wait, let index):
            pause = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(wait.nanoseconds)) {
                self.pause = nil
                self.go(to: self.route?.again(at: index, now: self.now), .retry)
            }
        case .stop, nil: giveUp(nil)
        }
    }

    // MARK: Hedging

    private func planHedge(_ lease: TargetLease) {
        hedge?.cancel()
        hedge = nil
        // A probe is to say how its target does: it is given the time.
        guard let after = route?.plan.settings.hedge, lease.permit?.isProbe != true else { return }
        hedge = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(after.nanoseconds)) {
            self.hedge = nil
            self.sendRival()
        }
    }

    private func sendRival() {
        guard let current, !current.isCommitted, rival == nil, !isOpen, !isDraining,
            let lease = route?.hedge(now: now)
        else { return }
        do throws(GatehouseError) {
            try begin(lease, .hedge)
        } catch _ {
            route?.putBack(lease, now: now)
            route?.giveUp()
        }
    }

    /// This attempt serves; the other one is let go.
    private func commit(_ attempt: CallAttempt) {
        hedge?.cancel()
        hedge = nil
        if let loser = attempt === rival ? current : rival {
            record.tries.append(CallRecord.Try(loser.target, "hedge_lost"))
            discard(loser)
        }
        rival = nil
        if current !== attempt {
            current = attempt
            note(attempt)
        }
        route?.answered(&attempt.lease, now: now)
    }

    private func discard(_ attempt: CallAttempt) {
        route?.ended(attempt.lease, isWell: false, tokens: nil, now: now)
        attempt.release()
    }

    private func discardRival() {
        hedge?.cancel()
        hedge = nil
        guard let rival else { return }
        self.rival = nil
        record.tries.append(CallRecord.Try(rival.target, "hedge_lost"))
        discard(rival)
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
    private func refuse(_ error: GatehouseError, _ failure: Failure? = nil) {
        record.outcome = isDraining ? .clientGone : .failed(error.code, failure)
        respond(error, with: failed?.attempt)
        settle()
    }

    /// The last phase: it runs once, however the call ended.
    private func settle() {
        guard !isSettled else { return }
        isSettled = true
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
        failed = nil
        asked = nil
        record.duration = eventLoop.now - request.start
        downstream = nil
        observer.settled(record)
    }
}
