import GatehouseCore
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import GatehouseUpstream

/// A pool of connections on a real loop, and what its attempts hear.
struct PoolRig {
    /// All that one attempt was told.
    struct Heard: Sendable {
        var status: Int?
        var text = ""
        var failure: Failure?
    }

    let loop: any EventLoop
    let pool: NIOLoopBoundBox<HTTPLoopPool>

    init(
        _ url: String, tls: NIOSSLContext? = nil, timeout: TimeAmount = .seconds(5), resolver: HostResolver = .shared,
        sockets: SocketBudget = SocketBudget(limit: .max)
    ) throws {
        let origin = try #require(HTTPOrigin(url))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        let connector = HTTPConnector(
            origin: origin, tls: tls, proxy: nil, timeout: timeout, resolver: resolver, sockets: sockets)
        pool = .makeBoxSendingValue(HTTPLoopPool(eventLoop: loop, connector: connector), eventLoop: loop)
    }

    init(port: Int) throws {
        try self.init("http://127.0.0.1:\(port)")
    }

    /// Starts an attempt; the future has what it heard, once it is over.
    func start(mayRepeat: Bool = false, timeouts: HTTPTimeouts = HTTPTimeouts()) -> EventLoopFuture<Heard> {
        loop.flatSubmit { startNow(mayRepeat: mayRepeat, timeouts: timeouts) }
    }

    /// The same on the loop, at once.
    func startNow(mayRepeat: Bool = false, timeouts: HTTPTimeouts = HTTPTimeouts()) -> EventLoopFuture<Heard> {
        let promise = loop.makePromise(of: Heard.self)
        let listener = Listener(promise)
        let attempt = HTTPAttempt(
            pool: pool.value, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: timeouts,
            mayRepeat: mayRepeat, reply: listener)
        pool.value.start(attempt)
        return promise.futureResult
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (HTTPLoopPool) throws -> Value) throws -> Value {
        try loop.submit { try body(pool.value) }.wait()
    }

    private final class Listener: UpstreamReply {
        private let promise: EventLoopPromise<Heard>
        private var heard = Heard()

        init(_ promise: EventLoopPromise<Heard>) { self.promise = promise }

        func received(head: UpstreamHead) { heard.status = head.status }
        func received(bytes: ByteBuffer) { heard.text += String(buffer: bytes) }
        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}
        func receivedEnd() { promise.succeed(heard) }
        func failed(_ failure: Failure) {
            heard.failure = failure
            promise.succeed(heard)
        }
    }
}
