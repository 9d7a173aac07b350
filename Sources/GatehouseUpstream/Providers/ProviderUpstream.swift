package import GatehouseCore
package import NIOCore
import NIOHTTP1

/// A provider of the OpenAI family over HTTP: the caller's bytes go out, the provider's come back.
package final class ProviderUpstream: Upstream {
    package let name: String
    package let row: ProviderRow
    package var lane: UpstreamLane { .openAIBytes }

    private let timeouts: HTTPTimeouts
    /// The loops' pools. Filled before the first call and never changed; each is used on its own loop only.
    private let pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>]
    /// The heads of requests, up to the value of `Content-Length`, which comes last.
    private let chatHead: ByteBuffer
    private let completionsHead: ByteBuffer

    /// - Parameters:
    ///   - key: Joins the request here and nowhere else; `nil` or empty for none.
    ///   - extra: Headers of the operator's own choice; they replace ours of the same name.
    ///   - userAgent: How this gateway names itself.
    package init(
        name: String, row: ProviderRow, key: Secret?, headers extra: [(name: String, value: Secret)] = [],
        connector: HTTPConnector, timeouts: HTTPTimeouts, group: any EventLoopGroup, userAgent: String
    ) {
        self.name = name
        self.row = row
        self.timeouts = timeouts
        let origin = connector.origin
        var headers = HTTPHeaders()
        headers.add(name: "host", value: origin.hostHeader)
        headers.add(name: "content-type", value: "application/json")
        headers.add(name: "accept", value: "application/json, text/event-stream")
        headers.add(name: "user-agent", value: userAgent)
        if let key, !key.isEmpty {
            switch row.authorization {
            case .bearer, .optionalBearer: headers.add(name: "authorization", value: "Bearer " + key.reveal())
            case .header(let name): headers.add(name: name, value: key.reveal())
            }
        }
        for header in extra { headers.replaceOrAdd(name: header.name, value: header.value.reveal()) }
        func head(_ operation: GatehouseCore.Operation) -> ByteBuffer {
            var head = ByteBuffer()
            head.writeString("POST \(row.path(of: operation, below: origin.path)) HTTP/1.1\r\n")
            for (name, value) in headers { head.writeString("\(name): \(value)\r\n") }
            head.writeStaticString("content-length: ")
            return head
        }
        chatHead = head(.chatCompletions)
        completionsHead = head(.completions)
        var pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>] = [:]
        for loop in group.makeIterator() {
            // Made here, used there: the box sees to it that only the loop ever looks inside.
            pools[ObjectIdentifier(loop)] = NIOLoopBoundBox.makeBoxSendingValue(
                HTTPLoopPool(eventLoop: loop, connector: connector), eventLoop: loop)
        }
        self.pools = pools
    }

    package func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        guard let pool = pools[ObjectIdentifier(eventLoop)]?.value, case .bytes(let body, let splice) = request.payload
        else {
            return FailedAttempt(Failure(.protocol, detail: "no pool on this loop"), on: eventLoop, reply: reply)
        }
        let head = request.operation == .chatCompletions ? chatHead : completionsHead
        let length = body.readableBytes + splice.growth
        var bytes = ByteBufferAllocator().buffer(capacity: head.readableBytes + length + 24)
        bytes.writeImmutableBuffer(head)
        bytes.writeString(String(length))
        bytes.writeStaticString("\r\n\r\n")
        splice.write(body, to: &bytes)
        let attempt = HTTPAttempt(pool: pool, request: bytes, timeouts: timeouts, reply: reply)
        pool.start(attempt)
        return attempt
    }

    /// Closes connections that rest; for a provider that a reload has dropped.
    package func retire() {
        for (_, pool) in pools { pool.eventLoop.execute { pool.value.closeIdle() } }
    }
}

/// An attempt that fails as soon as its listener can hear it.
final class FailedAttempt: UpstreamAttempt {
    private var reply: (any UpstreamReply)?

    init(_ failure: Failure, on eventLoop: any EventLoop, reply: any UpstreamReply) {
        self.reply = reply
        eventLoop.assumeIsolated().execute {
            let listener = self.reply
            self.reply = nil
            listener?.failed(failure)
        }
    }

    func cancel() { reply = nil }
    func finish() { reply = nil }
    func setReading(_ reading: Bool) {}
}
