import GatehouseCore
import NIOCore
import NIOEmbedded

@testable import GatehouseUpstream

/// Makes connections for a pool over channels in memory, which stand, answer and fail when a test says so.
final class Opener {
    /// What one attempt was told.
    final class Listener: UpstreamReply {
        var attempt: HTTPAttempt?
        var text = ""
        var hasEnded = false
        var failure: Failure?

        func received(head: UpstreamHead) {}
        func received(bytes: ByteBuffer) { text += String(buffer: bytes) }
        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}
        func receivedEnd() { hasEnded = true }
        func failed(_ failure: Failure) { self.failure = failure }
    }

    /// Loses what is written, and the connection with it, as a socket does that the peer has reset.
    private final class Broken: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var isBroken = false

        func flush(context: ChannelHandlerContext) {
            if isBroken { context.close(promise: nil) } else { context.flush() }
        }
    }

    let loop = EmbeddedEventLoop()
    private(set) var channels: [EmbeddedChannel] = []
    private var waiters: [ConnectionWaiter] = []

    var activeChannels: Int { channels.count { $0.isActive } }

    func pool() -> HTTPLoopPool { HTTPLoopPool(eventLoop: loop, open: open) }

    private func open(_ pool: HTTPLoopPool, _ waiter: ConnectionWaiter) {
        let channel = EmbeddedChannel(loop: loop)
        channels.append(channel)
        waiters.append(waiter)
        try? channel.pipeline.syncOperations.addHandler(Broken())
        try? channel.pipeline.syncOperations.addHandler(HTTPConnection(pool: pool, usesTLS: false, ready: waiter))
    }

    func start(_ pool: HTTPLoopPool, timeouts: HTTPTimeouts = HTTPTimeouts()) -> Listener {
        let listener = Listener()
        let attempt = HTTPAttempt(
            pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: timeouts, reply: listener)
        listener.attempt = attempt
        pool.start(attempt)
        loop.run()
        return listener
    }

    /// The connection that was opened as this one stands.
    func connect(_ index: Int) throws {
        try channels[index].connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    /// It is not to be had.
    func refuse(_ index: Int) { waiters[index].complete(.failure(Failure(.unreachable, detail: "refused"))) }

    /// Its socket refuses all that is written.
    func breaks(_ index: Int) throws {
        try channels[index].pipeline.syncOperations.handler(type: Broken.self).isBroken = true
    }

    func answer(_ index: Int) throws {
        try channels[index].writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"))
    }

    /// Whether a request went out there.
    func hasRequest(_ index: Int) throws -> Bool { try channels[index].readOutbound(as: ByteBuffer.self) != nil }
}
