import Logging
import NIOCore
import NIOExtras
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// Listens, and sets up what it accepts: limits on raw bytes and the front door. Nothing of that leaves the connection's
/// event loop.
struct ServerListener: Service {
    let place: ServerAssembly.Listener
    let services: FrontDoorServices
    let control: ControlHandler
    let group: any EventLoopGroup
    let logger: Logger
    /// Called with the port, once it listens.
    let onRunning: @Sendable (Int) async -> Void

    /// Runs until graceful shutdown, and then until every connection has ended; cancelled, it cuts them off.
    ///
    /// - Throws: `IOError` when it cannot listen.
    func run() async throws {
        let quiescing = ServerQuiescingHelper(group: group)
        let channel = try await bind(quiescing)
        let lane = services.control
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await onRunning(channel.localAddress?.port ?? place.port)
                await lane.serve(control, logger: logger)
            } onGracefulShutdown: {
                let ended = group.any().makePromise(of: Void.self)
                ended.futureResult.whenComplete { _ in lane.close() }
                quiescing.initiateShutdown(promise: ended)
            }
        } onCancel: {
            channel.close(promise: nil)
            services.closeConnections()
            lane.close()
        }
    }

    private func bind(_ quiescing: ServerQuiescingHelper) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 1024)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                    try pipeline.addHandler(AcceptPause(logger))
                }
            }
            .childChannelInitializer { [services, tls = place.tls] channel in
                channel.eventLoop.makeCompletedFuture { try Self.setUp(channel, services, tls) }
            }
            .bind(host: place.host, port: place.port).get()
    }

    private static func setUp(_ channel: any Channel, _ services: FrontDoorServices, _ tls: NIOSSLContext?) throws {
        let pipeline = channel.pipeline.syncOperations
        guard let loop = services.loops[channel.eventLoop] else { throw ChannelError.unknownLocalAddress }
        let door = FrontDoor(services: services, loop: loop)
        if let tls {
            try pipeline.addHandler(NIOSSLServerHandler(context: tls))
            door.isGreeting = true
        }
        let wire = RawGuard(limits: services.limits, door: door)
        door.wire = wire
        try pipeline.addHandler(wire)
        try pipeline.addHandler(door)
    }
}
