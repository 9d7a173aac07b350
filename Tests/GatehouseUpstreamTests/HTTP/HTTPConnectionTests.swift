import GatehouseCore
import NIOCore
import NIOEmbedded
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
        try channel.pipeline.syncOperations.addHandler(HTTPConnection(pool: pool, usesTLS: false, ready: waiter))
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
        channel.embeddedEventLoop.run()
        #expect(try channel.readOutbound(as: IOData.self) != nil)
        try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"))
        #expect(autoRead(channel) == false && !listener.hasEnded)
        try channel.writeInbound(ByteBuffer(string: "cd"))
        #expect(listener.hasEnded && connection.isUsable)
        #expect(autoRead(channel) == true)
    }

    /// What is started goes out at the end of the loop's turn, unless it is over by then.
    @Test func whatIsCancelledInItsOwnTurnIsNeverSent() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let listener = SlowListener()
        let attempt = HTTPAttempt(
            pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: HTTPTimeouts(),
            reply: listener)
        pool.start(attempt)
        attempt.cancel()
        channel.embeddedEventLoop.run()
        #expect(try channel.readOutbound(as: IOData.self) == nil)
        #expect(connection.isUsable && channel.isActive)
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
        channel.embeddedEventLoop.run()
        try channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\nab"))
        attempt.finish()
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!channel.isActive)
    }

    /// What the listener of one attempt was told.
    private final class Record: UpstreamReply {
        var status: Int?
        var requestID: String?
        var text = ""
        var hasEnded = false
        var failure: Failure?

        func received(head: UpstreamHead) { (status, requestID) = (head.status, head.requestID) }
        func received(bytes: ByteBuffer) { text += String(buffer: bytes) }
        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}
        func receivedEnd() { hasEnded = true }
        func failed(_ failure: Failure) { self.failure = failure }
    }

    /// Starts an attempt on a connection of `pool` that rests.
    private func started(_ pool: HTTPLoopPool) -> Record {
        let record = Record()
        pool.start(
            HTTPAttempt(
                pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: HTTPTimeouts(),
                reply: record))
        (pool.eventLoop as? EmbeddedEventLoop)?.run()
        return record
    }

    private static let head = "HTTP/1.1 200 OK\r\nrequest-id: abc\r\n"

    @Test func oneConnectionServesOneRequestAfterAnother() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        for text in ["one", "two"] {
            let record = started(pool)
            #expect(
                try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) } == "POST / HTTP/1.1\r\n\r\n")
            try channel.writeInbound(ByteBuffer(string: Self.head + "content-length: 3\r\n\r\n" + text))
            #expect(record.status == 200 && record.requestID == "abc" && record.text == text && record.hasEnded)
            #expect(connection.isUsable)
        }
    }

    /// The rest would be taken for the answer to somebody else's request.
    @Test func aConnectionWithMoreThanItsResponseIsClosed() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = started(pool)
        let response = Self.head + "content-length: 2\r\n\r\nhi"
        try channel.writeInbound(ByteBuffer(string: response + response))
        #expect(record.text == "hi" && record.hasEnded && record.failure == nil)
        #expect(!connection.isUsable && !channel.isActive)
    }

    @Test func aConnectionThatSpeaksUnaskedIsClosed() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        try channel.writeInbound(ByteBuffer(string: "H"))
        #expect(!connection.isUsable && !channel.isActive)
    }

    @Test(arguments: ["connection: close\r\ncontent-length: 2\r\n\r\nhi", "\r\nhi"])
    func theEndOfAConnectionIsNoFailureAfterTheResponse(rest: String) throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = started(pool)
        try channel.writeInbound(ByteBuffer(string: Self.head + rest))
        _ = try channel.finish(acceptAlreadyClosed: true)
        #expect(record.text == "hi" && record.hasEnded && record.failure == nil && !connection.isUsable)
    }

    @Test(arguments: [
        ("", Failure.Kind.unreachable), (head, .unreachable), (head + "content-length: 3\r\n\r\nhi", .truncated),
        (head + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", .truncated),
    ])
    func aResponseCutShortFails(text: String, kind: Failure.Kind) throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = started(pool)
        try channel.writeInbound(ByteBuffer(string: text))
        #expect(record.failure == nil)
        _ = try channel.finish(acceptAlreadyClosed: true)
        #expect(record.failure?.kind == kind && record.failure?.detail == "connection closed" && !record.hasEnded)
    }

    @Test func aBrokenResponseFailsAfterWhatWasWhole() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = started(pool)
        try channel.writeInbound(
            ByteBuffer(string: Self.head + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0x2\r\n"))
        #expect(record.text == "hi" && !record.hasEnded && !channel.isActive)
        #expect(record.failure?.kind == .protocol && record.failure?.detail == "invalid chunk size")
    }

    /// A listener that leaves in the middle of a read is told no more of it.
    @Test func nothingComesAfterCancelling() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = started(pool)
        try channel.writeInbound(
            ByteBuffer(string: Self.head + "content-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi"))
        #expect(record.status == nil && record.text.isEmpty && record.failure?.kind == .protocol)
        #expect(!connection.isUsable && !channel.isActive)
    }

    @Test func theRestOfAFinishedResponseIsReadAndThrownAway() throws {
        let (channel, pool, connection) = try connected()
        pool.release(connection)
        let record = Record()
        let attempt = HTTPAttempt(
            pool: pool, request: ByteBuffer(string: "POST / HTTP/1.1\r\n\r\n"), timeouts: HTTPTimeouts(), reply: record)
        pool.start(attempt)
        channel.embeddedEventLoop.run()
        try channel.writeInbound(ByteBuffer(string: Self.head + "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"))
        attempt.finish()
        try channel.writeInbound(ByteBuffer(string: "4\r\nrest\r\n"))
        try channel.writeInbound(ByteBuffer(string: "0\r\n\r\n"))
        #expect(record.text == "hi" && !record.hasEnded && connection.isUsable && channel.isActive)
    }
}
