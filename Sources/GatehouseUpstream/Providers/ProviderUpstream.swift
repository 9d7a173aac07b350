package import GatehouseCore
package import NIOCore
import NIOHTTP1

/// A provider over HTTP: bytes in one of its formats go out, and its own come back.
package final class ProviderUpstream: Upstream {
    package let name: String
    package let row: ProviderRow

    private let timeouts: HTTPTimeouts
    private let authorizer: (any RequestAuthorizer)?
    private let host: String
    /// The loops' pools. Filled before the first call and never changed; each is used on its own loop only.
    let pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>]
    let place: ProviderPlace
    /// The header lines of every request.
    let fields: ByteBuffer
    /// Request line and header lines of formats whose path never changes.
    private let heads: [Dialect: ByteBuffer]

    package init(
        name: String, row: ProviderRow, place: ProviderPlace, access: ProviderAccess, connector: HTTPConnector,
        timeouts: HTTPTimeouts, group: any EventLoopGroup
    ) {
        self.name = name
        self.row = row
        self.timeouts = timeouts
        let origin = connector.origin
        self.place = place
        authorizer = access.authorizer
        host = origin.hostHeader
        let fields = Self.fields(origin, row, access)
        self.fields = fields
        var heads: [Dialect: ByteBuffer] = [:]
        for wire in row.wires where !ProviderPath.dependsOnModel(wire, place) {
            let path = ProviderPath.of(wire, .generation, place, model: "", stream: false)
            var head = ByteBuffer(string: "POST \(path) HTTP/1.1\r\n")
            head.writeImmutableBuffer(fields)
            heads[wire] = head
        }
        self.heads = heads
        var pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>] = [:]
        for loop in group.makeIterator() {
            // Made here, used there: the box sees to it that only the loop ever looks inside.
            pools[ObjectIdentifier(loop)] = NIOLoopBoundBox.makeBoxSendingValue(
                HTTPLoopPool(eventLoop: loop, connector: connector), eventLoop: loop)
        }
        self.pools = pools
    }

    private static func fields(_ origin: HTTPOrigin, _ row: ProviderRow, _ access: ProviderAccess) -> ByteBuffer {
        var headers = HTTPHeaders()
        headers.add(name: "host", value: origin.hostHeader)
        headers.add(
            name: "accept",
            value: row.wires.contains(.ollama)
                ? "application/json, text/event-stream, application/x-ndjson" : "application/json, text/event-stream")
        headers.add(name: "user-agent", value: access.userAgent)
        for header in row.headers { headers.add(name: header.name, value: header.value) }
        if let key = access.key, !key.isEmpty {
            switch row.authorization {
            case .bearer, .optionalBearer: headers.add(name: "authorization", value: "Bearer " + key.reveal())
            case .header(let name): headers.add(name: name, value: key.reveal())
            case .signature, .serviceAccount: break  // Joins each request, when it goes out.
            }
        }
        for header in access.headers { headers.replaceOrAdd(name: header.name, value: header.value.reveal()) }
        var lines = ByteBuffer()
        for (name, value) in headers { lines.writeString("\(name): \(value)\r\n") }
        return lines
    }

    package func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? {
        row.does(operation.surface) ? .wire(row.wire(for: operation.dialect)) : nil
    }

    package func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        guard let pool = pools[ObjectIdentifier(eventLoop)]?.value, case .bytes(let body, let splice) = request.payload,
            case .wire(let wire) = request.lane
        else {
            return FailedAttempt(Failure(.protocol, detail: "no pool on this loop"), on: eventLoop, reply: reply)
        }
        guard let authorizer else {
            return send(request, wire, body, splice, [], pool, reply)
        }
        let whole = splice.applied(to: body)
        let attempt = AuthorizedAttempt(reply: reply, on: eventLoop)
        let outgoing = OutgoingRequest(
            path: path(wire, request), host: host, contentType: request.contentType ?? Self.json, body: whole)
        authorizer.authorize(outgoing, on: eventLoop) { result in
            attempt.proceed(result) { headers, reply in
                self.send(request, wire, whole, JSONSplice(), headers, pool, reply)
            }
        }
        return attempt
    }

    private static let json = "application/json"

    private func send(
        _ request: UpstreamRequest, _ wire: Dialect, _ body: ByteBuffer, _ splice: JSONSplice,
        _ proof: [AuthorizationHeader], _ pool: HTTPLoopPool, _ reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        let head = (request.surface == .generation ? heads[wire] : nil) ?? head(wire, request)
        let length = body.readableBytes + splice.growth
        var bytes = ByteBufferAllocator().buffer(capacity: head.readableBytes + length + 128)
        bytes.writeImmutableBuffer(head)
        for header in request.headers { bytes.writeString("\(header.name): \(header.value)\r\n") }
        // The host is there already.
        for header in proof where header.name.lowercased() != "host" {
            bytes.writeString("\(header.name): \(header.value.reveal())\r\n")
        }
        bytes.writeStaticString("content-type: ")
        bytes.writeString(request.contentType ?? Self.json)
        bytes.writeStaticString("\r\ncontent-length: ")
        bytes.writeString(String(length))
        bytes.writeStaticString("\r\n\r\n")
        splice.write(body, to: &bytes)
        let attempt = HTTPAttempt(pool: pool, request: bytes, timeouts: timeouts, reply: reply)
        pool.start(attempt)
        return attempt
    }

    private func path(_ wire: Dialect, _ request: UpstreamRequest) -> String {
        ProviderPath.of(wire, request.surface, place, model: request.model, stream: request.stream)
    }

    /// The head of a request whose path is not always the same.
    private func head(_ wire: Dialect, _ request: UpstreamRequest) -> ByteBuffer {
        var head = ByteBuffer(string: "POST \(path(wire, request)) HTTP/1.1\r\n")
        head.writeImmutableBuffer(fields)
        return head
    }

    /// Closes connections as soon as they rest; for a provider that a reload has dropped.
    package func retire() {
        for (_, pool) in pools { pool.eventLoop.execute { pool.value.retire() } }
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
