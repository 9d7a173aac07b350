import NIOCore
import NIOHTTP1

/// Watches the bytes of a connection before they are parsed.
///
/// Plain calls are taken by the front door as they are. With the first bytes that are none of those the parser joins the
/// connection, and reads it from there to its end: it alone knows where in a message it stands. For the parser it is
/// counted how many bytes have come of a head that is not complete, and since when: it has limits for fields, but none for
/// a request target that never ends or a client that never gets on.
final class RawGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let limits: FrontDoorServices.Limits
    private let door: FrontDoor
    private(set) var isParsing = false
    private var headBytes = 0
    /// Bytes of the first line so far.
    private var lineBytes = 0
    private var sawLineEnd = false

    init(limits: FrontDoorServices.Limits, door: FrontDoor) {
        self.limits = limits
        self.door = door
    }

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// Writes bytes of a response past the encoder.
    func write(_ bytes: ByteBuffer) {
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    func writeAndFlush(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isParsing { return parse(data, context) }
        guard let rest = door.take(unwrapInboundIn(data)) else { return }
        addParser()
        parse(wrapInboundOut(rest), context)
    }

    /// Whoever is behind the parser needs to hear only of what came through it.
    func channelReadComplete(context: ChannelHandlerContext) {
        if isParsing { context.fireChannelReadComplete() }
    }

    /// Adds the parser and the encoder that belongs to it, unless they are there.
    func addParser() {
        guard !isParsing, let context else { return }
        isParsing = true
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headers
        decoder.maxHeaderListSize = limits.headers
        decoder.maxHeaderFieldCount = limits.headerFields
        do {
            try context.pipeline.syncOperations.configureHTTPServerPipeline(
                position: .after(self), withPipeliningAssistance: false, withErrorHandling: false,
                withOutboundHeaderValidation: false, withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoder)
        } catch {
            context.close(promise: nil)
        }
    }

    private func parse(_ data: NIOAny, _ context: ChannelHandlerContext) {
        guard door.isAwaitingHead else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        if headBytes == 0 { door.headBegan() }
        headBytes += bytes.readableBytes
        if !sawLineEnd {
            let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
            lineBytes += end.map { $0 - bytes.readerIndex } ?? bytes.readableBytes
            sawLineEnd = end != nil
        }
        let before = door.requestCount
        context.fireChannelRead(data)
        if door.requestCount != before || !door.isAwaitingHead {
            headBytes = 0
            lineBytes = 0
            sawLineEnd = false
        } else if headBytes > limits.headers + limits.uri + 4096 {
            headBytes = 0
            door.headTooLarge(isURI: firstLineIsTooLong)
        }
    }

    /// Whether it is the request target that makes the head too large.
    var firstLineIsTooLong: Bool { lineBytes > limits.uri + 16 }
}
