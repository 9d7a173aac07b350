import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1
import NIOTLS

/// The front door of a connection: answers data-plane requests itself, on the event loop, and passes all others on to
/// Hummingbird. One per connection, confined to its loop.
///
/// Requests of a pipeline are taken one at a time: parts of the next wait until the response before has ended, whichever
/// lane makes it.
final class FrontDoor: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A data-plane request whose body is coming.
    struct Arriving {
        let framing: Calling
        let match: DataPlaneRoutes.Match
        let betas: [String]
        /// The caller's own name for it.
        let idempotencyKey: String?
        /// Where it is not JSON.
        let contentType: String?
        let principal: Principal
        let snapshot: RoutingSnapshot
        let id: String
        /// What the answer is called after, where that is not `id`.
        let answerID: String?
        /// `nil` where the caller has none.
        let wishes: CallerWishes?
        let start: NIODeadline
        /// Why it is not taken; it is told when the request has ended, so that the connection can serve on.
        var refusal: GatehouseError?
        var body = ByteBuffer()
        /// Where it comes from, where a proxy that is trusted told.
        var address: String?
    }

    /// How the response of a call must be framed.
    struct Calling {
        let keepAlive: Bool
        /// HTTP/1.0 has no chunks: a stream ends with the connection.
        let chunked: Bool
    }

    enum State {
        case idle
        /// The body of a data-plane request is coming, see `arriving`.
        case arriving
        /// A data-plane call runs.
        case calling(Calling)
        /// Hummingbird answers.
        case passing(Passing)
        /// An error went out before the request had ended; the rest is thrown away until the connection closes.
        case closing
    }

    let services: FrontDoorServices
    let loop: LoopContext
    var state = State.idle
    var arriving: Arriving?
    /// Bytes of the body that are still to come of a call that the parser does not read.
    var bodyLeft = 0
    var context: ChannelHandlerContext?
    var driver: CallDriver?
    /// Requests whose head was complete.
    private(set) var requestCount = 0
    var waiting = CircularBuffer<HTTPServerRequestPart>()
    private var readIsHeld = false
    var mustQuiesce = false
    /// The dialect of the route that was asked for last: errors before a call speak it.
    var dialect = Dialect.openAIChat
    /// The control plane's part is in the pipeline.
    var isAdopted = false
    var hasPassedOn = false
    private var inputClosed = false
    /// The tick since which the present phase lasts: a head, a body, silence, a full output.
    var phaseTick = 0
    /// Bytes of a body that came after its request was refused.
    var discarded = 0
    private(set) var headHasBegun = false
    var unwritableSince: Int?
    /// What was written of responses and not yet handed to the channel.
    var output = ByteBuffer()
    /// What was written is to be flushed at the end of this turn of the loop.
    var isFlushDue = false
    /// The guard before the parser; responses of calls go out from there.
    var wire: RawGuard?
    private var isRegistered = false
    var place = ConnectionPlaces.Place.nothing
    /// The client has yet to get through TLS's handshake.
    var isGreeting = false
    /// The last token shown here and whose it was; a connection nearly always shows the same.
    private var lastToken: (token: [UInt8], snapshot: RoutingSnapshot, principal: Principal)?

    init(services: FrontDoorServices, loop: LoopContext) {
        self.services = services
        self.loop = loop
    }

    // MARK: Life of the connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        phaseTick = loop.tick
        isRegistered = true
        loop.add(self)
        place = services.places.take()
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        guard place == .nothing else { return }
        reject(Self.tooMany)
        if services.places.isCrowded { close() }
    }

    /// Whether calls may be made here; a connection of the reserve joins the others once there is a place.
    var mayCall: Bool {
        if place == .control { place = services.places.promote() }
        return place == .anything
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        self.context = nil
        wire = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        if isRegistered {
            isRegistered = false
            loop.remove(self)
            services.places.giveBack(place)
        }
        waiting.removeAll()
        let driver = driver
        self.driver = nil
        driver?.clientGone()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            // What runs may end; what rests is over, once no request to it can be on its way.
            mustQuiesce = true
            closeIfOver()
        case is TLSUserEvent where isGreeting:
            isGreeting = false
            phaseTick = loop.tick
            context.fireUserInboundEventTriggered(event)
        case let event as ChannelEvent where event == .inputClosed:
            inputClosed = true
            switch state {
            case .passing: context.fireUserInboundEventTriggered(event)
            case .idle where isAdopted: context.fireUserInboundEventTriggered(event)
            case .arriving where bodyLeft > 0:
                // As the parser says it of bodies that it reads.
                reject(Self.malformed)
                close()
            case .idle, .calling, .arriving, .closing: close()
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private var isIdle: Bool { if case .idle = state { true } else { false } }

    private func closeIfOver() {
        guard isIdle, !headHasBegun, mustQuiesce else { return }
        let last = services.limits.lastSeconds
        if last == 0 || loop.tick - phaseTick > last { close() }
    }

    /// Closes the connection behind what was written.
    func close() {
        flushNow()
        context?.close(promise: nil)
    }

    // MARK: Requests in

    /// Whether the next bytes belong to a head.
    var isAwaitingHead: Bool { isIdle }

    func headBegan() {
        headHasBegun = true
        phaseTick = loop.tick
    }

    func headTooLarge(isURI: Bool) {
        reject(
            isURI
                ? GatehouseError(.uriTooLong, "The request target is longer than \(services.limits.uri) bytes.")
                : GatehouseError(.headerTooLarge, "The request's head is larger than \(services.limits.headers) bytes.")
        )
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if !waiting.isEmpty || mustWait(part) {
            waiting.append(part)
        } else {
            process(part, context)
        }
    }

    private func mustWait(_ part: HTTPServerRequestPart) -> Bool {
        switch state {
        case .calling: true
        case .passing(let passing): passing.requestEnded
        case .idle, .arriving, .closing: false
        }
    }

    private func process(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.closing, .body(let bytes)): discard(bytes)
        case (.closing, _): break
        case (.idle, .head(let head)): received(head, context)
        case (.arriving, .body(let bytes)): received(bytes)
        case (.arriving, .end): if let request = arriving.take() { begin(request) }
        case (.passing(var passing), .end):
            passing.requestEnded = true
            state = .passing(passing)
            passOn(part, context)
            if passing.responseEnded { responseEnded(keepAlive: !passing.isLast) }
        case (.passing(var passing), .body(let bytes)):
            passing.received += bytes.readableBytes
            state = .passing(passing)
            passOn(part, context)
        case (.passing, .head): passOn(part, context)
        case (.idle, _), (.arriving, .head), (.calling, _): break  // The parser does not let these happen.
        }
    }

    func received(_ bytes: ByteBuffer) {
        if services.watch.isFull { return reject(Self.outOfMemory) }
        guard let size = arriving?.body.readableBytes, size + bytes.readableBytes <= services.limits.body else {
            return reject(bodyTooLarge())
        }
        if arriving?.refusal != nil { return }
        if size == 0 { arriving?.body = bytes } else { arriving?.body.writeImmutableBuffer(bytes) }
    }

    private func received(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        requestCount &+= 1
        headHasBegun = false
        phaseTick = loop.tick
        do throws(GatehouseError) {
            let fields = RequestFields(head.headers)
            let path = try RequestCheck.path(of: head, fields, maximumURI: services.limits.uri)
            dialect = .openAIChat
            guard let match = try DataPlaneRoutes.match(path, uri: head.uri) else {
                return pass(head, fields, context)
            }
            dialect = match.operation.dialect
            try receive(head, fields, match, path, context)
        } catch {
            reject(error, head: head)
        }
    }

    private func receive(
        _ head: HTTPRequestHead, _ fields: RequestFields, _ match: DataPlaneRoutes.Match, _ path: Substring,
        _ context: ChannelHandlerContext
    ) throws(GatehouseError) {
        guard head.method == .POST else {
            throw GatehouseError(.methodNotAllowed, "This route takes POST only.")
        }
        if services.watch.isFull { throw Self.outOfMemory }
        guard mayCall else { throw Self.tooMany }
        let snapshot = services.snapshots.snapshot
        guard let principal = fields.token.flatMap({ principal($0.utf8.span, snapshot) }) else {
            throw .unknownKey
        }
        if principal.isConfined { try check(principal, path, fields) }
        if let length = fields.contentLength, Int(length) ?? .max > services.limits.body {
            throw bodyTooLarge()
        }
        let contentType = try contentType(fields, match.operation)
        let wishes = try CallerWishes(fields, head.headers, watched: snapshot.headers)
        let chosenID = fields.requestID.flatMap { RequestIDGenerator.accepts($0) ? $0 : nil }
        let answerID = answerID(beside: chosenID, match.operation)
        let chunked = head.version == .http1_1
        state = .arriving
        arriving = Arriving(
            framing: Calling(keepAlive: head.isKeepAlive && chunked, chunked: chunked), match: match,
            betas: fields.betas.flatMap(Self.betas),
            idempotencyKey: try fields.checkedIdempotencyKey(),
            contentType: contentType,
            principal: principal, snapshot: snapshot, id: chosenID ?? loop.nextRequestID(), answerID: answerID,
            wishes: wishes.isEmpty ? nil : wishes, start: .now(), refusal: overload())
        if snapshot.limits.watchesAddresses, !services.limits.trustedProxies.isEmpty {
            arriving?.address = address(fields)?.description
        }
        if fields.expect != nil {
            flushNow()
            encourage(head, fields, context)
        }
    }

    /// The type of the body where it is not JSON: only sound files come as forms.
    private func contentType(
        _ fields: RequestFields, _ operation: GatehouseCore.Operation
    ) throws(GatehouseError) -> String? {
        if operation == .transcriptions || operation == .translations {
            guard let type = fields.contentType, type.lowercased().hasPrefix("multipart/form-data") else {
                throw GatehouseError(
                    .unsupportedMediaType, "The body must be multipart/form-data.", param: "content-type")
            }
            return type
        }
        if let type = fields.contentType, !Self.isJSON(type) {
            throw GatehouseError(.unsupportedMediaType, "The body must be application/json.", param: "content-type")
        }
        return nil
    }

    private static func isJSON(_ type: String) -> Bool {
        if type == "application/json" { return true }
        let bare = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return bare == "application/json" || bare == "text/json" || bare.hasSuffix("+json")
    }

    /// Why no call is taken now; `nil` where it is.
    func overload() -> GatehouseError? {
        guard !loop.admitsCall() else { return nil }
        return GatehouseError(.overloaded, "This gateway has too much to do. Try again.", retryAfter: 1)
    }

    /// The features that a line of `anthropic-beta` names.
    static func betas(_ line: String) -> [String] {
        line.split(separator: ",").map { $0.filter { $0 != " " } }
    }

    /// Callers go on from answers to Responses by their ids: no two may have the same.
    func answerID(beside chosen: String?, _ operation: GatehouseCore.Operation) -> String? {
        chosen != nil && operation == .responses ? loop.nextRequestID() : nil
    }

    /// Who shows this token. The last answer is kept: it was found in equal time and is compared with itself only.
    func principal(_ token: Span<UInt8>, _ snapshot: RoutingSnapshot) -> Principal? {
        if let last = lastToken, last.snapshot === snapshot, last.token.span.isSame(as: token) { return last.principal }
        let bytes = token.withUnsafeBufferPointer { Array($0) }
        guard let principal = snapshot.keys.principal(forToken: String(decoding: bytes, as: UTF8.self)[...]) else {
            return nil
        }
        lastToken = (bytes, snapshot, principal)
        return principal
    }

    /// Checks what confines a key.
    private func check(
        _ principal: Principal, _ path: Substring, _ fields: RequestFields
    ) throws(GatehouseError) {
        try principal.admit(.init(path: path, isReading: false, address: address(fields), now: loop.now()))
    }

    /// Where a request comes from, behind proxies that are trusted.
    private func address(_ fields: RequestFields) -> IPAddress? {
        CallerAddress.of(
            peer: context?.channel.peerAddress, forwarded: fields.forwarded, trusted: services.limits.trustedProxies)
    }

    func begin(_ request: Arriving) {
        guard let context else { return }
        state = .calling(request.framing)
        if let refusal = request.refusal { return refuse(request, refusal) }
        let call = CallRequest(
            id: request.id, operation: request.match.operation, principal: request.principal,
            snapshot: request.snapshot, body: request.body, start: request.start)
        call.target = request.match.target
        call.betas = request.betas
        if let key = request.idempotencyKey { (call.mayRepeat, call.idempotencyKey) = (true, key) }
        call.contentType = request.contentType
        call.answerID = request.answerID
        if let wishes = request.wishes {
            call.cacheWish = wishes.cache
            (call.session, call.patience, call.headers) = (wishes.session, wishes.patience, wishes.headers)
            call.continuesSession = wishes.continuesSession
        }
        if request.snapshot.limits.watchesAddresses {
            call.address = request.address ?? callerAddress(context.channel)
        }
        let driver = CallDriver(
            call, on: context.eventLoop, downstream: self, observer: services.observer, memory: services.memory)
        self.driver = driver
        // What is left of the response before may still fill the connection.
        if unwritableSince != nil { driver.downstreamWritable(false) }
        driver.start(now: loop.now())
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Who is behind us needs to hear only of reads that brought it something.
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        }
    }

    func read(context: ChannelHandlerContext) {
        if waiting.isEmpty {
            context.read()
        } else {
            readIsHeld = true
        }
    }

    // MARK: Responses out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .passing(let passing) = state else { return context.write(data, promise: promise) }
        write(unwrapOutboundIn(data), of: passing, context, promise)
    }

    /// The response of the present request is out: goes on with the next, or closes.
    func responseEnded(keepAlive: Bool) {
        guard let context else { return }
        driver = nil
        if !keepAlive {
            state = .closing
            return close()
        }
        state = .idle
        phaseTick = loop.tick
        replay(context)
        closeIfOver()
    }

    private func replay(_ context: ChannelHandlerContext) {
        guard !waiting.isEmpty else { return }
        while let part = waiting.first, !mustWait(part) {
            waiting.removeFirst()
            process(part, context)
        }
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        }
        if waiting.isEmpty, readIsHeld {
            readIsHeld = false
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        unwritableSince = isWritable ? nil : loop.tick
        driver?.downstreamWritable(isWritable)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: headTooLarge(isURI: wire?.firstLineIsTooLong ?? false)
        case is HTTPParserError, is NIOHTTPDecoderError:
            reject(Self.malformed)
        default: close()
        }
    }
}
