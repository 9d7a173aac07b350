import GatehouseCore
import Glibc
import NIOCore
import NIOSSL
import NIOTLS

/// One connection to a provider: writes a request, hands the response to the attempt that owns it, and goes back to the
/// pool. Confined to its channel's event loop.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case connecting
        case idle
        case busy
        /// The listener has left; the rest of the response is thrown away so that the connection can serve again.
        case draining(bytesLeft: Int)
        case closed
    }

    /// How much of an unwanted rest is read before closing is cheaper.
    private static let maximumDrain = 64 << 10
    private static let drainTime = TimeAmount.seconds(2)
    private static let smallRequest = 32 << 10

    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private let pool: HTTPLoopPool
    private var attempt: HTTPAttempt?
    private var ready: ConnectionWaiter?
    /// The whole request was handed to the system: the provider may have it.
    private(set) var requestWritten = false
    /// It has had a request before the present one.
    private(set) var isReused = false
    /// Something of the response has come.
    private(set) var hasAnswered = false
    private var hasServed = false
    private var isWriting = false
    /// Of the socket; as long as the channel is active.
    private var descriptor: CInt?
    private var reader = HTTPResponseReader()
    private var isReading = true
    private let usesTLS: Bool
    private var problem: Failure?
    /// Where it stands among the pool's connections.
    var slot = -1
    /// The pool's tick at which it became idle.
    var idleSince = 0
    /// Ticks after which the server said it would close it.
    var idleLimit: Int?

    init(pool: HTTPLoopPool, usesTLS: Bool, ready: ConnectionWaiter) {
        self.pool = pool
        self.usesTLS = usesTLS
        self.ready = ready
    }

    // MARK: For the pool and the attempt

    var isUsable: Bool {
        if case .idle = state { true } else { false }
    }

    /// Whether the peer has closed it or said something unasked while it rested. The loop may be yet to hear of it: the
    /// socket knows already.
    var isStale: Bool {
        guard let descriptor else { return false }
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, CInt(MSG_PEEK | MSG_DONTWAIT))
        return count >= 0 || errno != EAGAIN
    }

    var channel: (any Channel)? { context?.channel }

    /// Writes a request, head and body, whose response goes to `attempt`.
    func send(_ request: ByteBuffer, for attempt: HTTPAttempt) {
        guard let context, isUsable else {
            requestWritten = false
            pool.eventLoop.assumeIsolated().execute { attempt.connectionFailed(Failure(.unreachable)) }
            return
        }
        state = .busy
        self.attempt = attempt
        reader = HTTPResponseReader()
        problem = nil
        (isReused, hasServed) = (hasServed, true)
        (requestWritten, hasAnswered) = (false, false)
        // A small request fits the socket's buffer: only a large one needs to be told when it is out.
        let isSmall = request.readableBytes <= Self.smallRequest
        var written: EventLoopPromise<Void>?
        if !isSmall {
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { self.requestWritten = true }
            written = promise
        }
        isWriting = true
        context.writeAndFlush(wrapOutboundOut(request), promise: written)
        isWriting = false
        // A socket that refuses it closes meanwhile, and the attempt has heard so.
        if isSmall, case .busy = state { requestWritten = true }
    }

    func setReading(_ reading: Bool) {
        guard let channel = context?.channel, isReading != reading else { return }
        isReading = reading
        try? channel.syncOptions?.setOption(.autoRead, value: reading)
        if reading { channel.read() }
    }

    /// Lets the response end on its own, if that does not take much.
    func drain() {
        guard case .busy = state else { return }
        attempt = nil
        setReading(true)
        state = .draining(bytesLeft: Self.maximumDrain)
        // A provider that never ends what it has ended is not waited for.
        pool.eventLoop.assumeIsolated().scheduleTask(in: Self.drainTime) { [weak self] in
            if case .draining = self?.state { self?.close() }
        }
    }

    /// Closes at once.
    func close() {
        attempt = nil
        // TLS takes a moment to say goodbye: what still comes meanwhile is for nobody.
        state = .closed
        context?.close(promise: nil)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive, !usesTLS { becomeReady() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if !usesTLS { becomeReady() }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if usesTLS, case .handshakeCompleted = event as? TLSUserEvent { becomeReady() }
        context.fireUserInboundEventTriggered(event)
    }

    private func becomeReady() {
        guard case .connecting = state else { return }
        state = .idle
        descriptor = try? context?.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        let waiter = ready
        ready = nil
        waiter?.complete(.success(self))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isReceiving else { return receivedUnasked(context) }
        // What is left in a socket that has refused our request was said before it.
        guard !isWriting || !isReused else { return }
        hasAnswered = true
        reader.receive(unwrapInboundIn(data))
        do throws(HTTPResponseError) {
            // Whoever is told of one event may close the connection before the next.
            while isReceiving, let event = try reader.next() {
                switch event {
                case .head: receivedHead()
                case .body(let bytes): received(bytes)
                case .end: receivedEnd(context)
                }
            }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    private var isReceiving: Bool {
        switch state {
        case .busy, .draining: true
        case .connecting, .idle, .closed: false
        }
    }

    /// What nobody asked for would be taken for the answer to the next request (RFC 9112 §9.2).
    private func receivedUnasked(_ context: ChannelHandlerContext) {
        if case .idle = state {
            state = .closed
            pool.forget(self)
        }
        errorCaught(context: context, error: Failure(.protocol, detail: "response without a request"))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        attempt?.connectionReadComplete()
    }

    private func receivedHead() {
        let head = reader.takeHead()
        idleLimit = KeepAliveHeader.ticks(head.keepAlive)
        attempt?.connectionReceived(head)
    }

    private func received(_ bytes: ByteBuffer) {
        if case .draining(let left) = state {
            let rest = left - bytes.readableBytes
            if rest < 0 { return close() }
            state = .draining(bytesLeft: rest)
            return
        }
        attempt?.connectionReceived(bytes)
    }

    private func receivedEnd(_ context: ChannelHandlerContext) {
        let listener = attempt
        attempt = nil
        // A server that answers before it has read the request leaves the connection in an unknown state.
        let reusable = reader.isReusable && requestWritten && problem == nil
        state = reusable ? .idle : .closed
        // Whoever had it last may have stopped reading; the next answer, and the peer's goodbye, must be heard.
        setReading(true)
        listener?.connectionReceivedEnd()
        if reusable, case .idle = state, attempt == nil {
            pool.release(self)
        } else if !reusable {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isReceiving, reader.endsAtClose { receivedEnd(context) }
        lost(problem ?? Failure(.unreachable, detail: "connection closed"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        problem = problem ?? FailureOfError.classify(error)
        context.close(promise: nil)
    }

    private func lost(_ failure: Failure) {
        if case .closed = state, attempt == nil, ready == nil { return pool.forget(self) }
        var failure = failure
        // The peer was reached: it is its TLS that is not right.
        if usesTLS, case .connecting = state, failure.kind == .unreachable {
            failure = Failure(.tls, detail: "the handshake broke off: \(failure.detail)")
        }
        state = .closed
        pool.forget(self)
        let waiter = ready
        ready = nil
        waiter?.complete(.failure(failure))
        let listener = attempt
        attempt = nil
        listener?.connectionFailed(failure)
    }
}

/// Reads `Keep-Alive: timeout=N`.
enum KeepAliveHeader {
    /// Ticks after which to stop using the connection: a second less than the server says.
    static func ticks(_ value: String?) -> Int? {
        guard let value else { return nil }
        for part in value.split(separator: ",") {
            let pair = part.filter { $0 != " " }.split(separator: "=")
            if pair.count == 2, pair[0].lowercased() == "timeout", let seconds = Int(pair[1]), seconds >= 0 {
                return max(0, min(seconds, 3600) - 1) * HTTPLoopPool.ticksPerSecond
            }
        }
        return nil
    }
}
