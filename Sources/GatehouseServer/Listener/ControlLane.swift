import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Where connections go that ask for a route of the control plane: Hummingbird's router, with one task for each of them.
///
/// A connection is brought here with its first such request. Most connections never make one, and setting up an async
/// channel and a task for each would cost more than their first call.
struct ControlLane: Sendable {
    typealias Connection = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    private let connections: AsyncStream<Connection>
    private let continuation: AsyncStream<Connection>.Continuation

    init() {
        // As many can wait as there are connections, which are limited.
        (connections, continuation) = AsyncStream.makeStream(of: Connection.self, bufferingPolicy: .unbounded)
    }

    /// Adds Hummingbird's part to the end of a connection's pipeline. On its event loop.
    func adopt(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        let connection = try Connection(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        continuation.yield(connection)
    }

    /// No connection comes any more: `serve` ends when the last one has.
    func close() {
        continuation.finish()
    }

    /// Answers until `close` was called and every connection has ended.
    func serve(_ handler: ControlHandler, logger: Logger) async {
        await withDiscardingTaskGroup { tasks in
            for await connection in connections {
                tasks.addTask { await handler.handleHTTP(asyncChannel: connection, logger: logger) }
            }
        }
    }
}

/// Answers the requests of one connection with the router.
struct ControlHandler: HTTPChannelHandler {
    typealias Value = ControlLane.Connection

    let responder: Responder

    init(_ router: Router<ControlContext>, logger: Logger) {
        let routes = router.buildResponder()
        responder = { request, writer, channel in
            var logger = logger
            logger[metadataKey: "hb.request.id"] = .stringConvertible(RequestID())
            let context = ControlContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
            var response = try await routes.respond(to: request, context: context)
            response.headers[.date] = HTTPDate.now()
            try await writer.write(response: response.head, body: response.body)
        }
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try Value(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
