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
        case .idle:
            guard let (head, request) = plainCall(bytes) else { return bytes }
            var rest = bytes
            rest.moveReaderIndex(forwardBy: head.size)
            return receive(head, request, rest)
        case .arriving where bodyLeft > 0:
            return receive(body: bytes)
        case .closing:
            discard(bytes)
            return nil
        default: return bytes
        }
    }

    /// A call that nothing is wrong with; whatever is to be refused goes through the parser, too.
    private func plainCall(_ bytes: ByteBuffer) -> (PlainHead, Arriving)? {
        let limits = services.limits
        let held = bytes.readableBytesUInt8Span
        guard
            let head = PlainHead(
                held, maximumSize: min(PlainHead.maximumSize, limits.headers),
                maximumFields: min(PlainHead.maximumFields, limits.headerFields)),
            head.bodySize <= limits.body, !services.watch.isFull
        else { return nil }
        let snapshot = services.snapshots.snapshot
        guard snapshot.headers.isEmpty, let principal = principal(held.extracting(head.token), snapshot) else {
            return nil
        }
        let session = head.session.map { JSONScanner.text(held, $0) }
        guard session.map(RequestIDGenerator.accepts) ?? true else { return nil }
        let chosenID = head.requestID.map { JSONScanner.text(held, $0) }.flatMap {
            RequestIDGenerator.accepts($0) ? $0 : nil
        }
        let request = Arriving(
            framing: Calling(keepAlive: true, chunked: true), match: .init(operation: head.operation),
            betas: head.betas.flatMap { Self.betas(JSONScanner.text(held, $0)) },
            mayRepeat: head.hasIdempotencyKey, contentType: nil, principal: principal, snapshot: snapshot,
            id: chosenID ?? loop.nextRequestID(), answerID: answerID(beside: chosenID, head.operation),
            wishes: session.map { CallerWishes(session: $0) }, start: .now(), refusal: overload())
        return (head, request)
    }

    private func receive(_ head: PlainHead, _ request: Arriving, _ rest: ByteBuffer) -> ByteBuffer? {
        dialect = head.operation.dialect
        phaseTick = loop.tick
        var (request, rest) = (request, rest)
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

    private func receive(body bytes: ByteBuffer) -> ByteBuffer? {
        var bytes = bytes
        guard let part = bytes.readSlice(length: min(bodyLeft, bytes.readableBytes)) else { return bytes }
        bodyLeft -= part.readableBytes
        received(part)
        if bodyLeft == 0, let request = arriving.take() { begin(request) }
        return bytes.readableBytes > 0 ? bytes : nil
    }
}
