import GatehouseCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatehouseUpstream

@Suite struct HTTPConnectionTests {
    /// A listener that stops reading at the first bytes, as one does whose client is slow.
    private final class SlowListener: UpstreamReply {
        var attempt: HTTPAttempt?
        var hasEnded = false

        func received(head: UpstreamHead) {}
        func received(bytes: ByteBuffer) { attempt?.setReading(false) }
        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}
        func receivedEnd() { hasEnded = true }
        func failed(_ failure: Failure) {}
    }

    /// A connection that stands, its channel and its pool.
    private func connected() throws -> (EmbeddedChannel, HTTPLoopPool, HTTPConnection) {
        let channel = EmbeddedChannel()
        let origin = try #require(HTTPOrigin("http://localhost"))
        let connector = HTTPConnector(origin: origin, tls: nil, proxy: nil, timeout: .seconds(1))
        let pool = HTTPLoopPool(eventLoop: channel.eventLoop, connector: connector)
        var ready: HTTPConnection?
        let waiter = ConnectionWaiter { ready = try? $0.get() }
        try channel.pipeline.syncOperations.addHandlers([
            PreparedRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)),
            HTTPConnection(pool: pool, usesTLS: false, ready: waiter),
        ])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, pool, try #require(ready))
    }

    /// The last value of `autoRead` that was set; `nil` when it never was.
    private func autoRead(_ channel: EmbeddedChannel) -> Bool? {
        channel.options.last { $0.0 is ChannelOptions.Types.AutoReadOption }.flatMap { $0.1 as? Bool }
    }

    /// A connection that was left unread would never hear its next answer.
    @Test func aConnectionGoesBackReading() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let listener = SlowListener()
        let attempt = HTTPAttempt(
            pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: HTTPTimeouts(),
            reply: listener)
        listener.attempt = attempt
        pool.start(attempt)
        #expect(try channel.readOutbound(as: IOData.self) != nil)
        try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"))
        #expect(autoRead(channel) == false && !listener.hasEnded)
        try channel.writeInbound(ByteBuffer(string: "cd"))
        #expect(listener.hasEnded && connection.isUsable)
        #expect(autoRead(channel) == true)
    }

    /// A provider that has sent its terminator and does not end the response must not keep the connection for ever.
    @Test func anEndlessRestIsNotWaitedFor() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let listener = SlowListener()
        let attempt = HTTPAttempt(
            pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: HTTPTimeouts(),
            reply: listener)
        pool.start(attempt)
        try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\nab"))
        attempt.finish()
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!channel.isActive)
    }
}
