import Logging
import NIOCore

/// Rests for a second when a connection cannot be taken, most often because no more files may be opened. Those who wait
/// keep the socket readable: without a rest the event loop would do nothing else.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private static let length = TimeAmount.seconds(1)
    private let logger: Logger
    private var isResting = false

    init(_ logger: Logger) {
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        guard !isResting else { return }
        isResting = true
        logger.error("Connections cannot be taken for a second", metadata: ["errno": "\(error.errnoCode)"])
        let channel = context.channel
        // Not by holding reads back: one that failed is still pending.
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.length) {
            self.isResting = false
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
