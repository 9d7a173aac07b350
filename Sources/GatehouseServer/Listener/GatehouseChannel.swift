import HTTPTypes
package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTP1
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1
package import NIOSSL

/// Sets up a connection: limits on raw bytes, HTTP/1.1, the front door, and behind it Hummingbird's own handling.
package struct GatehouseChannel: HTTPChannelHandler {
    package typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    package let responder: Responder
    private let services: FrontDoorServices
    private let tls: NIOSSLContext?

    package init(
        responder: @escaping Responder, services: FrontDoorServices, tls: NIOSSLContext?
    ) {
        self.responder = responder
        self.services = services
        self.tls = tls
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            guard let loop = services.loops[channel.eventLoop] else { throw ChannelError.unknownLocalAddress }
            let door = FrontDoor(services: services, loop: loop)
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
            let limits = services.limits
            let wire = RawGuard(
                maximumHead: limits.headers + limits.uri + 4096, maximumLine: limits.uri + 16, door: door)
            door.wire = wire
            try pipeline.addHandler(wire)
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = limits.headers
            decoder.maxHeaderListSize = limits.headers
            decoder.maxHeaderFieldCount = limits.headerFields
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
            try pipeline.addHandler(door)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    package func handle(value: Value, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
