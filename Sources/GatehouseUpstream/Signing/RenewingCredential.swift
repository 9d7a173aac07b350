import GatehouseCore
import NIOCore
import Synchronization

/// A credential that ends and is renewed before it does. Whoever asks while there is a good one gets it at once; only the
/// first of all, or one that comes after a long failure, waits for an answer. Used from any loop.
final class RenewingCredential<Value: Sendable>: Sendable {
    struct Lease: Sendable {
        var value: Value
        /// Seconds since 1970; `nil` when it does not end.
        var expiresAt: Int?
    }

    typealias Fetch = @Sendable (@escaping @Sendable (Result<Lease, Failure>) -> Void) -> Void

    private struct Waiter {
        let loop: any EventLoop
        let body: NIOLoopBound<(Result<Value, Failure>) -> Void>
    }

    private struct State {
        var value: Value?
        var usableUntil = Int.max
        var renewAt = Int.max
        var isFetching = false
        var waiters: [Waiter] = []
        /// Not asked again before: an endpoint in trouble is left alone.
        var retryAt = Int.min
        var failure: Failure?
    }

    private enum Decision {
        case answer(Result<Value, Failure>)
        case answerAndFetch(Value)
        case wait
        case fetch
    }

    private static var maximumWaiters: Int { 10_000 }
    /// Seconds before its end at which a credential is used no more: it must hold until the request has arrived.
    private static var margin: Int { 30 }
    private static var retrySeconds: Int { 2 }

    private let state = Mutex(State())
    private let renewBefore: Int
    private let clock: @Sendable () -> Int
    private let fetch: Fetch

    /// - Parameters:
    ///   - renewBefore: Seconds before the end at which a new one is asked for.
    ///   - clock: Seconds since 1970.
    ///   - fetch: Asks for a new one; it must answer once, from whatever thread, and have its own deadline.
    init(renewBefore: Int, clock: @escaping @Sendable () -> Int, fetch: @escaping Fetch) {
        self.renewBefore = renewBefore
        self.clock = clock
        self.fetch = fetch
    }

    /// Gives the credential to `body`: before this returns when there is one, else later on `loop`, on which this is
    /// called.
    func get(on loop: any EventLoop, _ body: @escaping (Result<Value, Failure>) -> Void) {
        let now = clock()
        let waiter = Waiter(loop: loop, body: NIOLoopBound(body, eventLoop: loop))
        switch state.withLock({ Self.decide(&$0, now, waiter) }) {
        case .answer(let result): body(result)
        case .answerAndFetch(let value):
            renew()
            body(.success(value))
        case .wait: break
        case .fetch: renew()
        }
    }

    private static func decide(_ state: inout State, _ now: Int, _ waiter: Waiter) -> Decision {
        let mayFetch = !state.isFetching && now >= state.retryAt
        if let value = state.value, now < state.usableUntil {
            guard now >= state.renewAt, mayFetch else { return .answer(.success(value)) }
            state.isFetching = true
            return .answerAndFetch(value)
        }
        if !state.isFetching, !mayFetch, let failure = state.failure { return .answer(.failure(failure)) }
        guard state.waiters.count < maximumWaiters else { return .answer(.failure(Failure(.busy))) }
        state.waiters.append(waiter)
        if state.isFetching { return .wait }
        state.isFetching = true
        return .fetch
    }

    private func renew() {
        fetch { [self] result in
            let now = clock()
            let waiters = state.withLock { Self.settle(&$0, result, now, renewBefore) }
            let answer = result.map(\.value)
            for waiter in waiters { waiter.loop.execute { waiter.body.value(answer) } }
        }
    }

    private static func settle(
        _ state: inout State, _ result: Result<Lease, Failure>, _ now: Int, _ renewBefore: Int
    ) -> [Waiter] {
        state.isFetching = false
        switch result {
        case .success(let lease):
            state.value = lease.value
            state.failure = nil
            // A clock that is wrong must not make every request ask for a new one.
            state.usableUntil = lease.expiresAt.map { max($0 - margin, now + 60) } ?? .max
            state.renewAt = lease.expiresAt.map { max($0 - renewBefore, now + 60) } ?? .max
        case .failure(let failure):
            state.failure = failure
            state.retryAt = now + retrySeconds
        }
        defer { state.waiters = [] }
        return state.waiters
    }
}
