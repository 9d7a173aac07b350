import GatehouseCore
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GatehouseUpstream

/// A name server that a test plays: each question is answered when the test says so.
final class NameServer: Sendable {
    private struct State {
        var asked: [String] = []
        var answers: [String: HostResolver.Answer] = [:]
        var silent: Set<String> = []
    }

    private let state = Mutex(State())
    private let gate = Gate()
    private let clock = Atomic<UInt64>(0)

    var asked: [String] { state.withLock { $0.asked } }

    /// What is answered from now on, at once.
    func answer(_ host: String, _ family: HostResolver.Family = .v4, _ answer: HostResolver.Answer) {
        state.withLock { $0.answers["\(host) \(family)"] = answer }
    }

    func hold(_ host: String, _ family: HostResolver.Family = .v4) {
        state.withLock { _ = $0.silent.insert("\(host) \(family)") }
    }

    /// Ends all silence.
    func release() { gate.open() }

    func pass(seconds: Int) {
        clock.wrappingAdd(UInt64(seconds) * 1_000_000_000, ordering: .relaxed)
    }

    func resolver(_ settings: HostResolver.Settings = .init()) -> HostResolver {
        HostResolver(
            settings, now: { .uptimeNanoseconds(1 + self.clock.load(ordering: .relaxed)) },
            lookup: { self.lookup("\($0) \($1)") })
    }

    private func lookup(_ question: String) -> HostResolver.Answer {
        let isSilent = state.withLock { state in
            state.asked.append(question)
            return state.silent.contains(question)
        }
        if isSilent { gate.pass() }
        return state.withLock { $0.answers[question] } ?? .failure("not known")
    }
}

/// Holds whoever passes until it is opened: the reading end of a pipe whose other end is closed then.
private final class Gate: Sendable {
    private let ends: (reading: CInt, writing: CInt)

    init() {
        var ends: [CInt] = [-1, -1]
        pipe(&ends)
        self.ends = (ends[0], ends[1])
    }

    func pass() {
        var byte: UInt8 = 0
        read(ends.reading, &byte, 1)
    }

    func open() { close(ends.writing) }
}

@Suite struct HostResolverTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let server = NameServer()
    private let one: SocketAddress
    /// A patience that ends in a test.
    private let short = HostResolver.Settings(patience: .milliseconds(20), threads: 2)

    init() throws {
        one = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
    }

    @Test func manyAskOnce() throws {
        let resolver = server.resolver()
        server.answer("a", .v4, .addresses([one]))
        server.hold("a")
        let answers = (0..<50).map { _ in resolver.addresses(of: "a", .v4, on: loop) }
        server.release()
        for answer in answers { #expect(try answer.wait() == [one]) }
        #expect(server.asked == ["a v4"])
        // What was answered is not kept from those who ask later.
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        #expect(server.asked.count == 2)
    }

    @Test func familiesAreAskedForApart() throws {
        let resolver = server.resolver()
        server.answer("a", .v4, .addresses([one]))
        server.answer("a", .v6, .addresses([]))
        server.hold("a", .v6)
        let held = resolver.addresses(of: "a", .v6, on: loop)
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        server.release()
        #expect(try held.wait() == [])
    }

    @Test func theLastAnswerIsGoodForAMinute() throws {
        let resolver = server.resolver()
        server.answer("a", .v4, .addresses([one]))
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        server.answer("a", .v4, .failure("server failure"))
        server.pass(seconds: 60)
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        server.pass(seconds: 1)
        #expect(throws: HostResolutionError("server failure")) {
            try resolver.addresses(of: "a", .v4, on: loop).wait()
        }
    }

    @Test func itIsUsedWhileTheServerIsSilent() throws {
        let resolver = server.resolver(short)
        server.answer("a", .v4, .addresses([one]))
        #expect(answer(of: resolver, "a") == [one])
        let count = server.asked.count
        server.hold("a")
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        // The question is still open: it is not asked again.
        #expect(try resolver.addresses(of: "a", .v4, on: loop).wait() == [one])
        #expect(server.asked.count == count + 1)
        server.release()
    }

    @Test func silenceDoesNotPileUpThreads() throws {
        let resolver = server.resolver(short)
        let hosts = (0..<20).map { "h\($0)" }
        for host in hosts { server.hold(host) }
        for _ in 0..<3 {
            let answers = hosts.map { resolver.addresses(of: $0, .v4, on: loop) }
            for answer in answers {
                #expect(throws: HostResolutionError("no answer in time")) { try answer.wait() }
            }
        }
        #expect(server.asked.count == 2)
        // Once the server speaks, each open question is asked once and all is as before.
        server.release()
        server.answer("a", .v4, .addresses([one]))
        #expect(answer(of: resolver, "a") == [one])
        let asked = server.asked.filter { $0 != "a v4" }
        #expect(asked.sorted() == hosts.map { "\($0) v4" }.sorted())
    }

    /// An answer, however short the resolver's patience is.
    private func answer(of resolver: HostResolver, _ host: String) -> [SocketAddress] {
        while true {
            if let found = try? resolver.addresses(of: host, .v4, on: loop).wait() { return found }
        }
    }

    @Test func aHostMayHaveNoAddressOfAFamily() throws {
        let resolver = server.resolver()
        server.answer("a", .v6, .addresses([]))
        #expect(try resolver.addresses(of: "a", .v6, on: loop).wait() == [])
    }

    @Test func theSystemKnowsLocalhost() throws {
        let resolver = HostResolver()
        #expect(try resolver.addresses(of: "localhost", .v4, on: loop).wait().contains { $0.ipAddress == "127.0.0.1" })
        #expect(throws: HostResolutionError.self) {
            try resolver.addresses(of: "no-such-host.invalid", .v4, on: loop).wait()
        }
    }

    // MARK: Connections

    private func pool(
        _ url: String, timeout: TimeAmount = .seconds(5), patience: TimeAmount = .seconds(3)
    ) throws -> PoolRig {
        try PoolRig(url, timeout: timeout, resolver: server.resolver(.init(patience: patience)))
    }

    private func serve(_ rig: PoolRig, _ listener: RawServer) throws -> PoolRig.Heard {
        let heard = rig.start()
        let peer = try listener.accept()
        _ = try peer.request()
        peer.answer("here")
        return try heard.wait()
    }

    @Test func aHostThatIsNotFoundIsUnreachable() throws {
        let heard = try pool("http://nowhere.test").start().wait()
        #expect(heard.failure?.kind == .unreachable && heard.failure?.isUnsent == true)
        #expect(heard.failure?.detail.contains("not known") == true)
    }

    /// Also where a connection may take less time than a name.
    @Test(arguments: [TimeAmount.milliseconds(5), .seconds(5)]) func aSilentNameServerIsNotASlowProvider(
        timeout: TimeAmount
    ) throws {
        for family in [HostResolver.Family.v4, .v6] { server.hold("slow.test", family) }
        let rig = try pool("http://slow.test", timeout: timeout, patience: .milliseconds(20))
        let heard = try rig.start().wait()
        #expect(heard.failure?.kind == .unreachable && heard.failure?.isUnsent == true)
        server.release()
    }

    /// All but the last refuse.
    @Test func everyAddressIsTried() throws {
        let listener = try RawServer(address: "127.0.0.250")
        let addresses = try (51...250).map { try SocketAddress(ipAddress: "127.0.0.\($0)", port: 0) }
        server.answer("many.test", .v4, .addresses(addresses))
        server.answer("many.test", .v6, .addresses([]))
        #expect(try serve(pool("http://many.test:\(listener.port)"), listener).text == "here")
    }

    /// The other family's packets are lost on the way.
    @Test func anAddressThatDoesNotAnswerIsPassedOver() throws {
        let listener = try RawServer()
        // Its queue is full: the system drops whoever else comes.
        let deaf = try RawServer(address: "127.0.0.9", port: listener.port, backlog: 0)
        let first = try PoolRig("http://127.0.0.9:\(deaf.port)").start(timeouts: HTTPTimeouts(firstByte: .seconds(1)))
        try deaf.awaitCaller()
        server.answer("two.test", .v6, .addresses([try SocketAddress(ipAddress: "127.0.0.9", port: 0)]))
        server.answer("two.test", .v4, .addresses([try SocketAddress(ipAddress: "127.0.0.1", port: 0)]))
        #expect(try serve(pool("http://two.test:\(listener.port)"), listener).text == "here")
        #expect(try first.wait().failure != nil)
    }

    /// The answer of one family is enough.
    @Test func aFamilyThatIsNotAnsweredForIsPassedOver() throws {
        let listener = try RawServer()
        server.hold("half.test", .v6)
        server.answer("half.test", .v4, .addresses([try SocketAddress(ipAddress: "127.0.0.1", port: 0)]))
        #expect(try serve(pool("http://half.test:\(listener.port)"), listener).text == "here")
        server.release()
    }
}
