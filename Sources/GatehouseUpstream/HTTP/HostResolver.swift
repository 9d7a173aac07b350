import NIOCore
import NIOPosix
import Synchronization

/// Finds the addresses of providers' hosts.
///
/// The system's resolver blocks, and where a name server is silent it does so for long. It is asked on threads of its own,
/// with one question at a time for each host and family, and nobody waits longer than `patience`. The families are asked
/// for apart: a server that does not answer for one of them must not hold up the other. When asking fails, what was
/// answered last is good for a little longer.
final class HostResolver: Sendable {
    enum Family: Hashable, Sendable {
        case v4, v6
    }

    enum Answer: Sendable {
        /// Without ports; none where the host has none of this family.
        case addresses([SocketAddress])
        case failure(String)
    }

    struct Settings: Sendable {
        var patience = TimeAmount.seconds(3)
        /// How long the last answer is used while there is no other.
        var keep = TimeAmount.seconds(60)
        /// Threads for each family, and so hosts that may be in trouble before others wait for them.
        var threads = 16
    }

    typealias Lookup = @Sendable (String, Family) -> Answer

    private struct Question: Hashable {
        var host: String
        var family: Family
    }

    private struct Entry {
        var last: [SocketAddress] = []
        var lastTime: NIODeadline?
        var isAsked = false
        var waiters: [Int: EventLoopPromise<[SocketAddress]>] = [:]
    }

    private struct State {
        var entries: [Question: Entry] = [:]
        var nextWaiter = 0
    }

    static let shared = HostResolver()

    private let state = Mutex(State())
    private let settings: Settings
    private let workers: [Family: BlockingWorkers]
    private let now: @Sendable () -> NIODeadline
    private let lookup: Lookup

    /// - Parameter lookup: Asks the system; it may block.
    init(
        _ settings: Settings = Settings(), now: @escaping @Sendable () -> NIODeadline = { .now() },
        lookup: @escaping Lookup = SystemResolver.addresses
    ) {
        self.settings = settings
        self.now = now
        self.lookup = lookup
        workers = [
            .v4: BlockingWorkers("resolve4", limit: settings.threads),
            .v6: BlockingWorkers("resolve6", limit: settings.threads),
        ]
    }

    /// The addresses of a host, or why there are none; within `patience`.
    func addresses(of host: String, _ family: Family, on loop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let question = Question(host: host, family: family)
        let promise = loop.makePromise(of: [SocketAddress].self)
        let (waiter, mustAsk) = state.withLock { Self.join(&$0, question, promise) }
        let deadline = loop.scheduleTask(in: settings.patience) { self.giveUp(waiter, question) }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        guard mustAsk else { return promise.futureResult }
        let isTaken = workers[family]?.submit { self.settle(question, self.lookup(host, family)) } ?? false
        if !isTaken { settle(question, .failure("no thread to ask on")) }
        return promise.futureResult
    }

    private static func join(
        _ state: inout State, _ question: Question, _ promise: EventLoopPromise<[SocketAddress]>
    ) -> (waiter: Int, mustAsk: Bool) {
        state.nextWaiter &+= 1
        var entry = state.entries[question] ?? Entry()
        let mustAsk = !entry.isAsked
        entry.isAsked = true
        entry.waiters[state.nextWaiter] = promise
        state.entries[question] = entry
        return (state.nextWaiter, mustAsk)
    }

    private func giveUp(_ waiter: Int, _ question: Question) {
        let now = now()
        let (promise, last) = state.withLock { state in
            (state.entries[question]?.waiters.removeValue(forKey: waiter), recent(state.entries[question], now))
        }
        promise?.completeWith(last.map { .success($0) } ?? .failure(HostResolutionError("no answer in time")))
    }

    private func settle(_ question: Question, _ answer: Answer) {
        let now = now()
        let (waiters, last) = state.withLock { state in
            var entry = state.entries[question] ?? Entry()
            let waiters = entry.waiters.values
            (entry.waiters, entry.isAsked) = ([:], false)
            if case .addresses(let addresses) = answer { (entry.last, entry.lastTime) = (addresses, now) }
            let last = recent(entry, now)
            // A host that is not to be found leaves nothing behind.
            state.entries[question] = last == nil ? nil : entry
            return (waiters, last)
        }
        var reason = "no address"
        if case .failure(let told) = answer { reason = told }
        for waiter in waiters {
            waiter.completeWith(last.map { .success($0) } ?? .failure(HostResolutionError(reason)))
        }
    }

    /// What was answered last, if it is good enough still.
    private func recent(_ entry: Entry?, _ now: NIODeadline) -> [SocketAddress]? {
        guard let entry, let time = entry.lastTime, now - time <= settings.keep else { return nil }
        return entry.last
    }
}

/// Why a host has no address; for the log.
struct HostResolutionError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The two questions for one connection, as NIO's happy eyeballs (RFC 8305) ask them. Used on one loop.
struct HostLookup: Resolver, Sendable {
    let resolver: HostResolver
    let loop: any EventLoop
    /// No address is known yet.
    let isOpen: NIOLoopBoundBox<Bool>

    /// - Parameter isOpen: An address is wanted.
    init(_ resolver: HostResolver, on loop: any EventLoop, isOpen: Bool) {
        self.resolver = resolver
        self.loop = loop
        self.isOpen = NIOLoopBoundBox(isOpen, eventLoop: loop)
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { ask(host, port, .v4) }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { ask(host, port, .v6) }

    /// The answer is for others as well, or for the next.
    func cancelQueries() {}

    private func ask(_ host: String, _ port: Int, _ family: HostResolver.Family) -> EventLoopFuture<[SocketAddress]> {
        resolver.addresses(of: host, family, on: loop).map { addresses in
            if !addresses.isEmpty { isOpen.value = false }
            return addresses.map { address in
                var address = address
                address.port = port
                return address
            }
        }
    }
}
