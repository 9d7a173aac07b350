import NIOCore

/// Watches the bytes of a connection before they are parsed: how many have come of a head that is not complete, and since
/// when. The parser has limits for fields, but none for a request target that never ends or a client that never gets on.
final class RawGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let maximumHead: Int
    private let maximumLine: Int
    private let door: FrontDoor
    private var headBytes = 0
    /// Bytes of the first line so far.
    private var lineBytes = 0
    private var sawLineEnd = false

    /// - Parameters:
    ///   - maximumHead: Bytes of a head.
    ///   - maximumLine: Bytes of its first line.
    init(maximumHead: Int, maximumLine: Int, door: FrontDoor) {
        self.maximumHead = maximumHead
        self.maximumLine = maximumLine
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
        } else if headBytes > maximumHead {
            headBytes = 0
            door.headTooLarge(isURI: firstLineIsTooLong)
        }
    }

    /// Whether it is the request target that makes the head too large.
    var firstLineIsTooLong: Bool { lineBytes > maximumLine }
}
