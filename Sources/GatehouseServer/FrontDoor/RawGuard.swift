import NIOCore

/// Watches the bytes of a connection before they are parsed: how many have come of a head that is not complete, and since
/// when. The parser has limits for fields, but none for a request target that never ends or a client that never gets on.
final class RawGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let maximumHead: Int
    private let door: FrontDoor
    private var headBytes = 0
    private var sawLineEnd = false

    init(maximumHead: Int, door: FrontDoor) {
        self.maximumHead = maximumHead
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

    func flush() {
        context?.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard door.isAwaitingHead else { return context.fireChannelRead(data) }
        let bytes = unwrapInboundIn(data)
        if headBytes == 0 { door.headBegan() }
        headBytes += bytes.readableBytes
        if !sawLineEnd { sawLineEnd = bytes.readableBytesView.contains(UInt8(ascii: "\n")) }
        let before = door.requestCount
        context.fireChannelRead(data)
        if door.requestCount != before || !door.isAwaitingHead {
            headBytes = 0
            sawLineEnd = false
        } else if headBytes > maximumHead {
            headBytes = 0
            door.headTooLarge(isURI: !sawLineEnd)
        }
    }
}
