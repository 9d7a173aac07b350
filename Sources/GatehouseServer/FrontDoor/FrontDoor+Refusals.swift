import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// What is not taken, and what takes too long.
extension FrontDoor {
    static let tooMany = GatehouseError(.overloaded, "Too many connections are open.", retryAfter: 1)
    static let outOfMemory = GatehouseError(
        .overloaded, "This gateway has no memory to spare. Try again.", retryAfter: 1)
    static let malformed = GatehouseError(.badRequestFraming, "The request is not well-formed HTTP/1.1.")

    func bodyTooLarge() -> GatehouseError {
        GatehouseError(.bodyTooLarge, "The body is larger than \(services.limits.body) bytes.")
    }

    /// Answers a request that is not taken; the connection serves on.
    func refuse(_ request: Arriving, _ error: GatehouseError) {
        var record = CallRecord(id: request.id, operation: request.match.operation, key: request.principal.name)
        record.status = error.code.status
        record.outcome = .failed(error.code, nil)
        let codec = request.match.operation.dialect.codec
        let body = codec.render(error, requestID: request.id, time: loop.now())
        record.bytesOut = body.readableBytes
        record.duration = .now() - request.start
        services.observer.settled(record)
        var head = CallResponseHead(status: error.code.status, requestID: request.id)
        head.retryAfter = error.retryAfter
        respond(head, body: body)
    }

    // MARK: Deadlines

    /// Once a second: has the present phase lasted too long?
    func check(tick: Int) {
        let limits = services.limits
        let elapsed = tick - phaseTick
        endWithKey()
        driver?.tick(heartbeat: limits.heartbeatSeconds)
        if let since = unwritableSince, tick - since > limits.stallSeconds {
            close()
            return
        }
        switch state {
        case .idle where headHasBegun && elapsed > limits.headerSeconds:
            reject(GatehouseError(.requestTimeout, "The request's head took longer than \(limits.headerSeconds) s."))
        case .idle where elapsed > limits.idleSeconds,
            .idle where isGreeting && elapsed > limits.headerSeconds,
            .idle where place == .control && elapsed > Self.reserveSeconds,
            .idle where mustQuiesce && !headHasBegun && elapsed > limits.lastSeconds,
            .closing where elapsed > Self.lingering:
            close()
        case .arriving where elapsed > limits.bodySeconds:
            reject(GatehouseError(.requestTimeout, "The request's body took longer than \(limits.bodySeconds) s."))
        case .passing(let passing)
        where !passing.requestEnded && elapsed > limits.bodySeconds + passing.received / Self.slowest:
            close()
        default: break
        }
    }

    /// Ends the call that runs for a key which was revoked or has expired.
    private func endWithKey() {
        guard let driver, driver.principal.mayEnd else { return }
        let principal = driver.principal
        if principal.isExpired(at: loop.now()) || !services.snapshots.snapshot.keys.holds(principal) {
            driver.abort(.keyEnded)
        }
    }

    /// Bytes a second that a body must come in where it may be large.
    private static let slowest = 4 << 10
    /// Seconds that a connection of the reserve may rest: others may have something to ask.
    private static let reserveSeconds = 5

    // MARK: Errors

    /// Answers with an error and closes: what follows on the connection cannot be trusted, or will not be read.
    func reject(_ error: GatehouseError, head: HTTPRequestHead? = nil) {
        guard let context else { return }
        if driver != nil || isPassing { return close() }
        state = .closing
        arriving = nil
        phaseTick = loop.tick
        waiting.removeAll()
        let id = loop.nextRequestID()
        let body = dialect.codec.render(error, requestID: id, time: loop.now())
        var record = CallRecord(id: id, operation: nil, key: "")
        record.status = error.code.status
        record.outcome = .failed(error.code, nil)
        record.bytesOut = body.readableBytes
        services.observer.settled(record)
        refuse(error, id: id, body: head?.method == .HEAD ? nil : body, size: body.readableBytes)
        linger(context)
    }

    private var isPassing: Bool { if case .passing = state { true } else { false } }

    /// Ticks that a client that was refused may go on sending, and how many bytes of a body.
    private static let lingering = 2
    private static let maximumDiscarded = 64 << 20

    /// Throws away what comes of a body after its request was refused.
    func discard(_ bytes: ByteBuffer) {
        discarded += bytes.readableBytes
        if discarded > Self.maximumDiscarded { close() }
    }

    /// Closes the output at once, and the rest when the client has ended or `lingering` is over: closing with unread input
    /// would reset the connection, and the client might never see the answer.
    func linger(_ context: ChannelHandlerContext) {
        context.channel.close(mode: .output, promise: nil)
    }
}
