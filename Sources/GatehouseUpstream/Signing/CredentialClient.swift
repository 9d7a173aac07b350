import GatehouseCore
import NIOCore

/// Asks an endpoint for credentials: small requests, seldom, on one loop, over the same connections as everything else.
final class CredentialClient: Sendable {
    /// Bytes of an answer; credentials have a few thousand.
    private static let maximumBody = 64 << 10
    private static let timeouts = HTTPTimeouts(
        connect: .seconds(3), firstByte: .seconds(5), idle: .seconds(5), total: .seconds(10))

    struct Answer: Sendable {
        var status: Int
        var body: ByteBuffer
    }

    private let origin: HTTPOrigin
    private let pool: NIOLoopBoundBox<HTTPLoopPool>

    init(connector: HTTPConnector, eventLoop: any EventLoop) {
        origin = connector.origin
        pool = NIOLoopBoundBox.makeBoxSendingValue(
            HTTPLoopPool(eventLoop: eventLoop, connector: connector), eventLoop: eventLoop)
    }

    /// Sends a request from any thread; the answer comes on this client's loop.
    ///
    /// - Parameter path: Percent-encoded, with the query.
    func send(
        _ method: String, _ path: String, headers: [(name: String, value: Secret)] = [], body: String = "",
        _ receiver: @escaping @Sendable (Result<Answer, Failure>) -> Void
    ) {
        var head = "\(method) \(path) HTTP/1.1\r\nhost: \(origin.hostHeader)\r\naccept: application/json\r\n"
        for (name, value) in headers {
            let text = value.reveal()
            guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                return receiver(.failure(Failure(.auth, detail: "a header for credentials has control characters")))
            }
            head += "\(name): \(text)\r\n"
        }
        let request = ByteBuffer(string: "\(head)content-length: \(body.utf8.count)\r\n\r\n\(body)")
        pool.eventLoop.execute { [pool] in
            let collector = Collector(receiver)
            // What gives a credential may give another.
            let attempt = HTTPAttempt(
                pool: pool.value, request: request, timeouts: Self.timeouts, mayRepeat: true, reply: collector)
            collector.attempt = attempt
            pool.value.start(attempt)
        }
    }

    /// Puts an answer together. Confined to the client's loop.
    private final class Collector: UpstreamReply {
        private let receiver: (Result<Answer, Failure>) -> Void
        private var answer = Answer(status: 0, body: ByteBuffer())
        var attempt: HTTPAttempt?

        init(_ receiver: @escaping (Result<Answer, Failure>) -> Void) { self.receiver = receiver }

        func received(head: UpstreamHead) { answer.status = head.status }

        func received(bytes: ByteBuffer) {
            guard answer.body.readableBytes + bytes.readableBytes <= CredentialClient.maximumBody else {
                attempt?.cancel()
                return failed(Failure(.outputTooLarge, detail: "an answer with credentials"))
            }
            answer.body.writeImmutableBuffer(bytes)
        }

        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}

        func receivedEnd() {
            attempt = nil
            receiver(.success(answer))
        }

        func failed(_ failure: Failure) {
            attempt = nil
            receiver(.failure(failure))
        }
    }
}
