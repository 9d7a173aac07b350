package import GatehouseCore
package import NIOCore

/// A provider over HTTP: bytes in one of its formats go out, and its own come back.
package final class ProviderUpstream: Upstream {
    package let name: String
    package let row: ProviderRow

    private let timeouts: HTTPTimeouts
    private let host: String
    /// The loops' pools. Filled before the first call and never changed; each is used on its own loop only.
    let pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>]
    let place: ProviderPlace
    /// One for each key; never empty.
    let keys: [ProviderHeads]

    package init(
        name: String, row: ProviderRow, place: ProviderPlace, access: ProviderAccess, connector: HTTPConnector,
        timeouts: HTTPTimeouts, group: any EventLoopGroup
    ) {
        self.name = name
        self.row = row
        self.timeouts = timeouts
        self.place = place
        let host = connector.origin.hostHeader
        self.host = host
        let credentials = access.credentials.isEmpty ? [ProviderAccess.Credential(key: nil)] : access.credentials
        keys = credentials.map { ProviderHeads($0, access, row, place, host: host) }
        var pools: [ObjectIdentifier: NIOLoopBoundBox<HTTPLoopPool>] = [:]
        for loop in group.makeIterator() {
            // Made here, used there: the box sees to it that only the loop ever looks inside.
            pools[ObjectIdentifier(loop)] = NIOLoopBoundBox.makeBoxSendingValue(
                HTTPLoopPool(eventLoop: loop, connector: connector), eventLoop: loop)
        }
        self.pools = pools
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
        guard let authorizer = heads(request.key).authorizer else {
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

    private func heads(_ key: Int) -> ProviderHeads {
        keys[keys.indices.contains(key) ? key : 0]
    }

    private func send(
        _ request: UpstreamRequest, _ wire: Dialect, _ body: ByteBuffer, _ splice: JSONSplice,
        _ proof: [AuthorizationHeader], _ pool: HTTPLoopPool, _ reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        let heads = heads(request.key)
        let head = (request.surface == .generation ? heads.head(of: wire) : nil) ?? heads.head(path(wire, request))
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
        // Counting tokens costs nothing.
        let mayRepeat = request.mayRepeat || request.surface == .tokenCount
        let attempt = HTTPAttempt(
            pool: pool, request: bytes, timeouts: timeouts, mayRepeat: mayRepeat, reply: reply)
        pool.start(attempt)
        return attempt
    }

    private func path(_ wire: Dialect, _ request: UpstreamRequest) -> String {
        ProviderPath.of(wire, request.surface, place, model: request.model, stream: request.stream)
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
