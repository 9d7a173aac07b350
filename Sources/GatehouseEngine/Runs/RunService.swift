package import GatehouseCore
package import NIOCore
import Synchronization

/// Calls that go on without their callers: begun, followed and cancelled by their ids.
package final class RunService: Sendable {
    package struct Limits: Sendable {
        /// Runs of one key that go on at the same time, and of all keys.
        package var perOwner: Int
        package var total: Int

        package init(perOwner: Int, total: Int = 1000) {
            self.perOwner = perOwner
            self.total = total
        }
    }

    package let store: any RunStore
    private let memory: CallMemory
    private let observer: any CallObserver
    private let limits: Limits
    private let clock: @Sendable () -> Int
    private let active = Mutex<[String: Run]>([:])
    /// Who began each run whose key may end while it goes on.
    private let beginners = Mutex<[String: Principal]>([:])

    /// - Parameters:
    ///   - memory: What their calls are given; no runs of their own.
    ///   - clock: Seconds since 1970.
    package init(
        store: any RunStore, memory: CallMemory, observer: any CallObserver, limits: Limits,
        clock: @escaping @Sendable () -> Int
    ) {
        self.store = store
        self.memory = memory
        self.observer = observer
        self.limits = limits
        self.clock = clock
    }

    /// Runs that go on now.
    package var count: Int { active.withLock { $0.count } }

    /// A run that goes on now.
    package func active(_ id: String, owner: String) -> Run? {
        active.withLock { runs in runs[id].flatMap { $0.owner == owner ? $0 : nil } }
    }

    // MARK: Beginning

    /// Begins a run; it is kept when this returns, and goes on whatever becomes of its caller.
    ///
    /// - Throws: `overloaded`, and what the store throws.
    func begin(
        _ opening: RunOpening, owner: String, session: String?, model: String
    ) async throws(GatehouseError) -> Run {
        let record = RunRecord(id: opening.id, owner: owner, session: session, model: model, created: clock())
        let run = Run(record, store: store)
        let isTaken = active.withLock { runs in
            // One that has ended is here until the store has it all, and goes on no more.
            guard runs.count < limits.total,
                runs.values.count(where: { $0.owner == record.owner && $0.record.status == .running }) < limits.perOwner
            else { return false }
            runs[run.id] = run
            return true
        }
        guard isTaken else {
            throw GatehouseError(
                .overloaded, "Too many runs of this key go on (runs.concurrency). Wait for one to end.", retryAfter: 5)
        }
        do throws(GatehouseError) {
            try await store.begin(record)
        } catch {
            forget(run.id)
            throw error
        }
        for event in opening.events { run.add(event) }
        return run
    }

    /// Sends the call of a run. On its event loop.
    func start(_ run: Run, _ opening: RunOpening, _ request: CallRequest, on eventLoop: any EventLoop) {
        let call = CallRequest(
            id: request.id, operation: request.operation, principal: request.principal, snapshot: request.snapshot,
            body: opening.body, start: request.start)
        (call.target, call.answerID) = (opening.target, opening.answerID)
        (call.mayRepeat, call.continuesSession) = (request.mayRepeat, request.continuesSession)
        // It was charged already, and is settled with what it uses.
        (call.lease, request.lease) = (request.lease, nil)
        (call.session, call.headers, call.patience) = (request.session, request.headers, request.patience)
        let onEnd: @Sendable () -> Void = { self.forget(run.id) }
        let recorder: any RunDownstream =
            if let body = opening.response {
                ResponseRecorder(run, answering: body, memory.conversations, clock: clock, onEnd: onEnd)
            } else {
                RunRecorder(run, requestID: request.id, clock: clock, onEnd: onEnd)
            }
        let driver = CallDriver(call, on: eventLoop, downstream: recorder, observer: observer, memory: memory)
        recorder.driver = driver
        let bound = NIOLoopBound(recorder, eventLoop: eventLoop)
        if request.principal.mayEnd { beginners.withLock { $0[run.id] = request.principal } }
        run.onCancel { eventLoop.execute { bound.value.cancel() } }
        driver.start(now: clock())
    }

    private func forget(_ id: String) {
        active.withLock { _ = $0.removeValue(forKey: id) }
        beginners.withLock { _ = $0.removeValue(forKey: id) }
    }

    // MARK: Ending

    /// What has happened since is brought to the store. To be called now and then.
    package func save() {
        for run in active.withLock({ Array($0.values) }) { run.save() }
    }

    /// Ends the runs of keys that have ended. To be called now and then.
    ///
    /// - Parameter keys: Those that count now.
    package func endThose(notOf keys: any KeyStore) {
        let now = clock()
        let ended = beginners.withLock { $0.filter { $0.value.isExpired(at: now) || !keys.holds($0.value) } }
        for id in ended.keys { active.withLock { $0[id] }?.cancel(as: .failed) }
    }

    /// Ends all runs because the gateway ends.
    package func interruptAll() {
        for run in active.withLock({ Array($0.values) }) { run.cancel(as: .interrupted) }
    }

    package static let interrupted = GatehouseError(
        .runInterrupted, "The gateway ended under this run. What had happened until then is here.")

    /// The last event of a run that its gateway could not end itself.
    package static func interruption(_ id: String, _ number: Int, at time: Int) -> ByteBuffer {
        if ResponsesHistory.isMade(id) { return ResponseEvents.interruption(number) }
        let body = Dialect.native.codec.render(interrupted, requestID: "", time: time)
        return NumberedEvents.write(number, "failed", (try? JSONValue(parsing: body.readableBytesView)) ?? .object([]))
    }
}
