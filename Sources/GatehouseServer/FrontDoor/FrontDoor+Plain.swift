import GatehouseCore
import GatehouseEngine
import NIOCore

/// Calls that are read here, past the parser.
extension FrontDoor {
    /// Takes what is a plain call, or the rest of one.
    ///
    /// - Returns: What the parser must read, from here to the end of the connection.
    func take(_ bytes: ByteBuffer) -> ByteBuffer? {
        switch state {
        case .idle: return receive(call: bytes)
        case .arriving where bodyLeft > 0: return receive(body: bytes)
        case .closing:
            discard(bytes)
            return nil
        default: return bytes
        }
    }

    private func receive(call bytes: ByteBuffer) -> ByteBuffer? {
        let limits = services.limits
        let held = bytes.readableBytesUInt8Span
        guard
            let head = PlainHead(
                held, maximumSize: min(PlainHead.maximumSize, limits.headers),
                maximumFields: min(PlainHead.maximumFields, limits.headerFields)),
            head.bodySize <= limits.body, var request = request(head, held)
        else { return bytes }
        dialect = head.operation.dialect
        phaseTick = loop.tick
        var rest = bytes
        rest.moveReaderIndex(forwardBy: head.size)
        guard let body = rest.readSlice(length: head.bodySize) else {
            bodyLeft = head.bodySize - rest.readableBytes
            request.body = rest
            state = .arriving
            arriving = request
            return nil
        }
        request.body = body
        begin(request)
        return rest.readableBytes > 0 ? rest : nil
    }

    /// A call that nothing is wrong with; whatever is to be refused goes through the parser, too.
    private func request(_ head: PlainHead, _ held: Span<UInt8>) -> Arriving? {
        let snapshot = services.snapshots.snapshot
        // What proxies told of its way is read by the parser.
        let isDirect = !snapshot.limits.watchesAddresses || services.limits.trustedProxies.isEmpty
        guard isDirect, !services.watch.isFull, mayCall, snapshot.headers.isEmpty,
            let principal = principal(held.extracting(head.token), snapshot), !principal.isConfined
        else {
            return nil
        }
        let session = head.session.map { JSONScanner.text(held, $0) }
        guard session.map(RequestIDGenerator.accepts) ?? true else { return nil }
        let chosenID = head.requestID.map { JSONScanner.text(held, $0) }.flatMap {
            RequestIDGenerator.accepts($0) ? $0 : nil
        }
        return Arriving(
            framing: Calling(keepAlive: true, chunked: true), match: .init(operation: head.operation),
            betas: head.betas.flatMap { Self.betas(JSONScanner.text(held, $0)) },
            idempotencyKey: head.idempotencyKey.map { JSONScanner.text(held, $0) }, contentType: nil,
            principal: principal, snapshot: snapshot,
            id: chosenID ?? loop.nextRequestID(), answerID: answerID(beside: chosenID, head.operation),
            wishes: session.map { CallerWishes(session: $0) }, start: .now(), refusal: overload())
    }

    private func receive(body bytes: ByteBuffer) -> ByteBuffer? {
        var bytes = bytes
        guard let part = bytes.readSlice(length: min(bodyLeft, bytes.readableBytes)) else { return bytes }
        bodyLeft -= part.readableBytes
        received(part)
        if bodyLeft == 0, let request = arriving.take() { begin(request) }
        return bytes.readableBytes > 0 ? bytes : nil
    }
}
