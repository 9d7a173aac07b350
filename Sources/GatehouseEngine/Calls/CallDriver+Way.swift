import GatehouseCore
import NIOCore

/// The way of a call from target to target, until one of them answers or none is left.
extension CallDriver {
    /// Sends the call to a target, or to the next one that can take it.
    func go(to choice: CallRoute.Choice?, _ beginning: AttemptMachine.Beginning) {
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
        if case .queue(let index, let room) = choice { return wait(at: index, in: room, beginning) }
        giveUp(problem)
    }

    private func begin(_ lease: TargetLease, _ beginning: AttemptMachine.Beginning) throws(GatehouseError) {
        guard let asked, let target = route?.route(lease) else { return }
        var prepared = try CallPreparation(
            request, asked.head, target,
            CallPreparation.Past(
                memory, previous: asked.previous, session: turn?.history ?? [], files: asked.files),
            features: route?.features(lease), now: asked.now)
        prepared.request.key = lease.key
        prepared.request.account = lease.account
        prepared.request.mayRepeat = request.mayRepeat
        prepared.request.place = request.place
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
        send(attempt, prepared.request)
    }

    /// The record tells of this attempt.
    private func note(_ attempt: CallAttempt) {
        record.provider = attempt.target.entry.name
        record.upstreamModel = attempt.target.model
        record.isAgent = attempt.target.entry.kind == .agent
        record.sandbox = attempt.target.entry.upstream.sandbox
        record.upstreamKey = attempt.target.entry.keys.count > 1 ? route?.keyName(attempt.lease) : nil
        record.account = attempt.lease.account?.name
        record.dropped = attempt.dropped
    }

    private func wait(at index: Int, in room: any WaitingRoom, _ beginning: AttemptMachine.Beginning) {
        let place = QueuePlace(room, on: eventLoop)
        let since = eventLoop.now
        queue = place
        place.enter(owner: request.principal.name) { verdict in
            self.queue = nil
            let waited = self.eventLoop.now - since
            if waited > .zero { self.record.queued = waited }
            switch verdict {
            case .admitted:
                self.go(to: self.route?.admitted(at: index, in: room, now: self.now), beginning)
            case .refused(let seconds):
                self.route?.refusedByQueue(at: index, retryAfter: seconds, hasWaited: waited > .zero)
                self.go(to: self.route?.next(now: self.now), .fresh)
            }
        }
    }

    /// Nobody else can take the call. What went wrong is told, or why nobody takes it.
    private func giveUp(_ problem: GatehouseError?) {
        route?.giveUp()
        if let failed {
            // What the upstream counted before it failed is on its bill.
            let report = failed.attempt.report()
            (record.usage, record.cost) = (report.usage, report.cost)
            return refuse(failed.error, failed.failure)
        }
        refuse(problem ?? route?.refusalError(now: now) ?? GatehouseError(.internalError, "There is no target."))
    }

    /// An attempt failed that the caller has seen nothing of.
    func goOn(behind error: GatehouseError, _ failure: Failure, of attempt: CallAttempt) {
        route?.failed(attempt.lease, failure, now: now)
        if failure.maybeBilled(sent: !failure.isUnsent) { named?.mayHaveRun = true }
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
        var error = error
        if let seconds = route?.soonestAccount(behind: failure, at: attempt.lease.index, now: now) {
            error.retryAfter = seconds
        }
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
    func commit(_ attempt: CallAttempt) {
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
        account(for: attempt, isLost: true)
        attempt.release()
    }

    func discardRival() {
        hedge?.cancel()
        hedge = nil
        guard let rival else { return }
        self.rival = nil
        record.tries.append(CallRecord.Try(rival.target, "hedge_lost"))
        discard(rival)
    }
}
