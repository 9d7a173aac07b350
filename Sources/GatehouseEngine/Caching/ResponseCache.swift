package import GatehouseCore
import NIOCore
import Synchronization

/// Whole answers for equal requests of one tenant, in memory. Of requests that come together one is made, and the others wait
/// for its answer.
package final class ResponseCache: Sendable {
    package struct Settings: Sendable {
        package var ttl: Interval
        /// Bytes of all requests and answers.
        package var size: Int
        /// Whether answers to requests with tools are kept.
        package var tools: Bool

        package init(ttl: Interval, size: Int, tools: Bool = false) {
            self.ttl = ttl
            self.size = size
            self.tools = tools
        }

        /// One answer must not push out all the others.
        var entry: Int { size / 8 }
    }

    /// What becomes of a request.
    enum Look {
        case hit(KeptAnswer)
        /// It is made, and its end must be told by `end`.
        case lead
        /// Another one is being made: its answer, or `nil` where it has none to give.
        case wait(EventLoopFuture<KeptAnswer?>)
        case full
    }

    private struct Entry {
        let answer: KeptAnswer
        let expires: Instant
        let size: Int
    }

    private struct State {
        var entries: [CacheKey: Entry] = [:]
        var recency = Recency<CacheKey>()
        var size = 0
        /// Requests being made, and who waits for them.
        var flights: [CacheKey: [EventLoopPromise<KeptAnswer?>]] = [:]
    }

    /// Requests that are made at a time and others may wait for, and how many wait for one.
    private static let maximumFlights = 10_000
    private static let maximumWaiting = 10_000
    /// What an entry takes beside its bytes.
    private static let overhead = 512

    package let settings: Settings
    private let state = Mutex(State())
    private let count: @Sendable (CacheOutcome) -> Void

    /// - Parameter count: Called for each request that the cache was asked about; must not block.
    package init(_ settings: Settings, count: @escaping @Sendable (CacheOutcome) -> Void = { _ in }) {
        self.settings = settings
        self.count = count
    }

    func note(_ outcome: CacheOutcome) { count(outcome) }

    /// - Parameter isFresh: A new answer is wanted.
    func look(_ key: CacheKey, isFresh: Bool, now: Instant, on eventLoop: any EventLoop) -> Look {
        state.withLock { state in
            if !isFresh, let entry = state.entries[key] {
                if entry.expires > now {
                    state.recency.touch(key)
                    return .hit(entry.answer)
                }
                Self.remove(key, from: &state)
            }
            if let waiting = state.flights[key] {
                // Who wants a new one does not get what was asked before.
                guard !isFresh, waiting.count < Self.maximumWaiting else { return .full }
                let promise = eventLoop.makePromise(of: KeptAnswer?.self)
                state.flights[key]?.append(promise)
                return .wait(promise.futureResult)
            }
            guard state.flights.count < Self.maximumFlights else { return .full }
            state.flights[key] = []
            return .lead
        }
    }

    /// Whether there is an answer now.
    func find(_ key: CacheKey, now: Instant) -> KeptAnswer? {
        state.withLock { state in
            guard let entry = state.entries[key], entry.expires > now else { return nil }
            state.recency.touch(key)
            return entry.answer
        }
    }

    /// A request that was made has ended.
    ///
    /// - Parameter answer: `nil` where it is none to be given again.
    func end(_ key: CacheKey, _ answer: KeptAnswer?, now: Instant) {
        let waiting = state.withLock { state in
            if let answer { insert(answer, key, now, into: &state) }
            return state.flights.removeValue(forKey: key) ?? []
        }
        for promise in waiting { promise.succeed(answer) }
    }

    private func insert(_ answer: KeptAnswer, _ key: CacheKey, _ now: Instant, into state: inout State) {
        let size = answer.body.readableBytes + key.size + Self.overhead
        guard size <= settings.entry else { return }
        Self.remove(key, from: &state)
        while state.size + size > settings.size, let oldest = state.recency.oldest() {
            Self.remove(oldest, from: &state)
        }
        // A copy of its own: a slice would keep all of what it was cut from.
        var answer = answer
        answer.body = ByteBuffer(bytes: answer.body.readableBytesView)
        state.entries[key] = Entry(answer: answer, expires: now + settings.ttl, size: size)
        state.size += size
        state.recency.touch(key)
    }

    private static func remove(_ key: CacheKey, from state: inout State) {
        guard let entry = state.entries.removeValue(forKey: key) else { return }
        state.size -= entry.size
        state.recency.remove(key)
    }

    /// Memory is short: all of it goes.
    package func shrink() {
        state.withLock { state in
            state.entries = [:]
            state.recency = Recency()
            state.size = 0
        }
    }

    /// Bytes kept now.
    package var size: Int { state.withLock { $0.size } }
    /// Requests that others may wait for.
    package var flights: Int { state.withLock { $0.flights.count } }
}
