import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// Requests of the control plane: Hummingbird answers them, behind this handler.
extension FrontDoor {
    /// How far a request that Hummingbird answers has come. Its response may end before it.
    struct Passing {
        var requestEnded = false
        /// Bytes of its body, `nil` where that was not said, and those that came so far.
        var length: Int?
        var received = 0
        var responseEnded = false
        /// Its response asks for the connection's end.
        var isLast = false
    }

    /// Gives a request to the control plane, which joins the connection with its first one.
    func pass(_ head: HTTPRequestHead, _ fields: RequestFields, _ context: ChannelHandlerContext) {
        if !isAdopted {
            isAdopted = true
            do {
                try services.control.adopt(context.channel)
            } catch {
                return close()
            }
        }
        // What the other lane writes goes past what was gathered here.
        flushNow()
        state = .passing(Passing(length: fields.bodyLength))
        encourage(head, fields, context)
        passOn(.head(head), context)
    }

    /// Asks a client for its body that waits to be asked (RFC 9110 §10.1.1), unless it will not be taken.
    func encourage(_ head: HTTPRequestHead, _ fields: RequestFields, _ context: ChannelHandlerContext) {
        guard fields.expect?.lowercased() == "100-continue",
            fields.token.flatMap({ principal($0.utf8.span, services.snapshots.snapshot) }) != nil
        else { return }
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
    }

    func passOn(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        hasPassedOn = true
        context.fireChannelRead(wrapInboundOut(part))
    }

    /// Sends a part of a response of the control plane.
    func write(
        _ part: HTTPServerResponsePart, of passing: Passing, _ context: ChannelHandlerContext,
        _ promise: EventLoopPromise<Void>?
    ) {
        var passing = passing
        let data = wrapOutboundOut(part)
        switch part {
        case .head(var head) where head.status.code >= 200 && (services.isLeaving || isRefusal(head, passing)):
            head.headers.replaceOrAdd(name: "connection", value: "close")
            passing.isLast = true
            state = .passing(passing)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .head, .body: context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            context.flush()
            passing.responseEnded = true
            state = .passing(passing)
            if passing.requestEnded {
                responseEnded(keepAlive: !passing.isLast)
            } else if passing.isLast {
                // What is still to come of the body is not waited for.
                state = .closing
                phaseTick = loop.tick
                linger(context)
            }
        }
    }

    /// An error that goes out while so much of the request is still to come that the connection is not worth it.
    private func isRefusal(_ head: HTTPResponseHead, _ passing: Passing) -> Bool {
        guard head.status.code >= 400, !passing.requestEnded else { return false }
        return passing.length.map { $0 - passing.received > Self.worthReading } ?? true
    }

    /// Bytes that are read and thrown away for a connection to go on.
    private static let worthReading = 1 << 20
}
