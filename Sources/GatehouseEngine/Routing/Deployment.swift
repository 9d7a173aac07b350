package import GatehouseCore
import Synchronization

/// One model at one provider or agent, for all plans and all event loops: its circuit breaker, the keys it rests, and its
/// bulkhead, which takes as many calls at a time as it serves well and lets a few wait.
package final class Deployment: Sendable {
    /// How many calls at a time, and how many may wait how long.
    package struct Limits: Sendable, Equatable {
        package var concurrency = ConcurrencyLimit.Settings()
        package var queue = AdmissionQueue<String>.Settings()

        /// A provider takes hundreds of streams at a time; what it does not take well is found out.
        package init() {
            concurrency.minimum = 16
            concurrency.initial = 1024
            concurrency.maximum = 4096
            // A burst makes first tokens late for a moment, which is nothing to refuse calls for.
            concurrency.burst = .seconds(1)
        }

        package init(_ limits: ProviderConfiguration.Limits) {
            self.init()
            concurrency.maximum = max(1, limits.concurrency)
            concurrency.initial = min(concurrency.initial, concurrency.maximum)
            concurrency.minimum = min(concurrency.minimum, concurrency.maximum)
            queue.queue = limits.queue
            queue.longestWait = Interval(limits.wait)
        }
    }

    /// What is told to whoever waits. May be called on any thread.
    enum Verdict: Sendable {
        case admitted
        case refused(retryAfter: Int)
    }

    typealias Resume = @Sendable (Verdict) -> Void

    enum Entry {
        case admitted
        /// A ticket to leave the queue with, and when the wait is over.
        case queued(UInt64, deadline: Instant)
        case refused(retryAfter: Int)
    }

    package struct Name: Sendable, Hashable {
        package var provider: String
        package var model: String
    }

    private struct State {
        var breaker = CircuitBreaker()
        var limit: ConcurrencyLimit
        var queue: AdmissionQueue<String>
        var keys: KeyRing
        /// Why a key rests: what the last one was told.
        var restKind = Failure.Kind.rate
        var waiting: [UInt64: Resume] = [:]
        var lastTicket: UInt64 = 0

        mutating func takeLimit() { queue.limit = limit.limit }
    }

    package let name: Name
    /// Whether the configuration names it: others come from what callers wrote, and stay out of metrics.
    package let isListed: Bool
    /// It stands for all names beyond those that are kept apart: what one of them is told is no word about the others.
    private var isShared: Bool { name.model == Self.others }
    static let others = "*"
    private let state: Mutex<State>

    /// - Parameter keys: How many keys the provider has.
    init(_ name: Name, keys: Int, isListed: Bool, limits: Limits) {
        self.name = name
        self.isListed = isListed
        let limit = ConcurrencyLimit(limits.concurrency, now: .distantPast)
        state = Mutex(
            State(
                limit: limit, queue: AdmissionQueue(limit: limit.limit, limits.queue),
                keys: KeyRing(count: max(1, keys))))
    }

    // MARK: Coming in

    /// What a call that wants to come in is told.
    enum Admission {
        /// With the leave to try, which is absent on a last resort, and the key to use.
        case entered(CircuitBreaker.Permit?, key: Int)
        case full
        /// The breaker keeps calls away.
        case open
        /// No key may be used, for how long and why; `nil`: all were refused, or rest although nobody said so, and one may be
        /// used as a last resort.
        case noKey(Rest?)
    }

    /// Why a deployment is left alone.
    struct Rest {
        var until: Instant
        var kind: Failure.Kind
    }

    enum Way {
        case atOnce
        /// Its turn has come: it is in already, and out again unless it is `entered`, or could be as a last resort:
        /// `open`, or without a key that should be used.
        case fromQueue
        /// The same, and every other target was passed over.
        case fromQueueLastResort
        /// Every other target was passed over: an error from here says more than a refusal.
        case lastResort
    }

    /// - Parameter passing: Keys that are not to be used.
    func enter(_ way: Way, passing: Positions, now: Instant) -> Admission {
        var released: [Resume] = []
        let admission: Admission = state.withLock { state in
            let admission = Self.admit(&state, way, passing, now)
            if way == .fromQueue || way == .fromQueueLastResort {
                switch admission {
                case .entered, .open: return admission
                case .noKey(nil) where way == .fromQueue: return admission
                case .full, .noKey: break
                }
                state.queue.leave(now: now)
                released = Self.advance(&state, now)
            }
            return admission
        }
        for resume in released { resume(.admitted) }
        return admission
    }

    private static func admit(_ state: inout State, _ way: Way, _ passing: Positions, _ now: Instant) -> Admission {
        var permit: CircuitBreaker.Permit?
        if way != .lastResort, way != .fromQueueLastResort {
            permit = state.breaker.admit(now: now)
            if permit == nil { return .open }
        }
        let key: Int
        switch state.keys.pick(now: now, tried: passing, forced: way == .lastResort || way == .fromQueueLastResort) {
        case .key(let found): key = found
        case .soft:
            release(permit, &state, now)
            return .noKey(nil)
        case .none(let until):
            release(permit, &state, now)
            return .noKey(until.map { Rest(until: $0, kind: state.restKind) })
        }
        if way != .fromQueue, way != .fromQueueLastResort, !takePlace(&state, now) {
            release(permit, &state, now)
            return .full
        }
        return .entered(permit, key: key)
    }

    private static func takePlace(_ state: inout State, _ now: Instant) -> Bool {
        if state.queue.enterAtOnce(now: now) { return true }
        guard state.limit.pressed(now: now) else { return false }
        state.takeLimit()
        return state.queue.enterAtOnce(now: now)
    }

    /// The leave was not used.
    private static func release(_ permit: CircuitBreaker.Permit?, _ state: inout State, _ now: Instant) {
        guard let permit else { return }
        var unused = SeededGenerator(seed: 0)
        state.breaker.record(permit, .unknown, now: now, using: &unused)
    }

    /// Into the queue, where each key waits behind its own calls only.
    func wait(owner: String, now: Instant, resume: @escaping Resume) -> Entry {
        var displaced: (Resume, Int)?
        let entry: Entry = state.withLock { state in
            state.lastTicket &+= 1
            let ticket = state.lastTicket
            switch state.queue.enter(ticket, key: owner, now: now) {
            case .admitted: return .admitted
            case .refused(let seconds): return .refused(retryAfter: seconds)
            case .queued(let deadline, let other):
                state.waiting[ticket] = resume
                if let other, let its = state.waiting.removeValue(forKey: other) {
                    displaced = (its, state.queue.patience)
                }
                return .queued(ticket, deadline: deadline)
            }
        }
        if let (other, seconds) = displaced { other(.refused(retryAfter: seconds)) }
        return entry
    }

    /// The call waits no longer. `nil`: it waits no more, and has been or will be told what became of it; else the seconds
    /// after which there may be room.
    func abandon(_ ticket: UInt64) -> Int? {
        state.withLock { state in
            guard state.waiting.removeValue(forKey: ticket) != nil else { return nil }
            _ = state.queue.abandon(ticket)
            return state.queue.patience
        }
    }

    func hasKey(passing: Positions, now: Instant) -> Bool {
        state.withLock { $0.keys.hasUsable(now: now, tried: passing) }
    }

    /// When a key may be used again; `nil` when one may be used now, or none ever.
    func soonestKey(passing: Positions, now: Instant) -> Instant? {
        state.withLock { $0.keys.soonest(now: now, tried: passing) }
    }

    // MARK: What became of it

    /// A call that is in was served: with a stream, its first event came.
    func served(after latency: Interval, _ permit: CircuitBreaker.Permit?, key: Int, now: Instant) {
        let admitted = state.withLock { state in
            if let permit {
                var unused = SeededGenerator(seed: 0)
                state.breaker.record(permit, .success, now: now, using: &unused)
            }
            _ = state.keys.worked(key)
            state.limit.served(after: latency, inFlight: state.queue.inFlight, now: now)
            return Self.advance(&state, now)
        }
        for resume in admitted { resume(.admitted) }
    }

    /// An answer that had begun broke off. A breaker that is half open learns from its probes alone.
    func brokeOff(now: Instant, using generator: inout SeededGenerator) {
        state.withLock { state in
            guard case .closed = state.breaker.state(now: now), let permit = state.breaker.admit(now: now) else {
                return
            }
            state.breaker.record(permit, .failure, now: now, using: &generator)
        }
    }

    /// How a call that was in ended.
    struct Ending {
        /// For the breaker, unless the call was served.
        var sample = CircuitBreaker.Sample.unknown
        /// There was too much to do: the time in which it failed.
        var overloaded: Interval?
        /// The key that rests now, and for how long where that was told.
        var rest: (key: Int, told: Interval?, kind: Failure.Kind)?
    }

    /// A call is out.
    func leave(
        _ permit: CircuitBreaker.Permit?, _ ending: Ending, now: Instant, using generator: inout SeededGenerator
    ) {
        let admitted = state.withLock { state in
            if let permit { state.breaker.record(permit, ending.sample, now: now, using: &generator) }
            if !isShared, let (key, told, kind) = ending.rest {
                state.keys.rest(key, told: told, now: now)
                state.restKind = kind
            }
            if let time = ending.overloaded { state.limit.overloaded(after: time, now: now) }
            state.queue.leave(now: now)
            return Self.advance(&state, now)
        }
        for resume in admitted { resume(.admitted) }
    }

    /// Those who come in now.
    private static func advance(_ state: inout State, _ now: Instant) -> [Resume] {
        state.takeLimit()
        guard !state.waiting.isEmpty else { return [] }
        var admitted: [Resume] = []
        while let ticket = state.queue.next(now: now) {
            if let resume = state.waiting.removeValue(forKey: ticket) { admitted.append(resume) }
        }
        return admitted
    }

    // MARK: For the operator

    package func breakerState(now: Instant) -> CircuitBreaker.State {
        state.withLock { $0.breaker.state(now: now) }
    }

    /// All that is known of it.
    package struct Status: Sendable {
        package var breaker: CircuitBreaker.State
        package var inFlight: Int
        package var queued: Int
        package var limit: Int
        /// For each key.
        package var keys: [KeyRing.State]
    }

    package func status(now: Instant) -> Status {
        state.withLock { state in
            Status(
                breaker: state.breaker.state(now: now), inFlight: state.queue.inFlight, queued: state.queue.queued,
                limit: state.queue.limit,
                keys: (0..<state.keys.count).map { state.keys.state(of: $0, now: now) ?? .usable })
        }
    }

    /// Forgets what speaks against it.
    package func reset() {
        state.withLock {
            $0.breaker.reset()
            $0.keys.reset()
        }
    }
}
