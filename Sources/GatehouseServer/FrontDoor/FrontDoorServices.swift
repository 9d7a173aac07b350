package import GatehouseCore
package import GatehouseEngine
package import NIOCore
import Synchronization

/// What all connections share.
package final class FrontDoorServices: Sendable {
    /// Limits of one request and of one connection.
    package struct Limits: Sendable {
        package var body: Int
        package var headers: Int
        package var headerFields: Int
        package var uri: Int
        package var connections: Int
        /// Seconds for a head, a body, between requests, and for a client that takes no bytes.
        package var headerSeconds: Int
        package var bodySeconds: Int
        package var idleSeconds: Int
        package var stallSeconds: Int
        /// For a client that was not asked to close its connection: what rests less than this, when no new connections are
        /// taken any more, may still carry a request that is on its way.
        package var lastSeconds = 0
        /// Silence after which a caller that waits for a stream is told that it is awaited; `nil`: never.
        package var heartbeatSeconds: Int?
        /// Proxies whose word on where a request comes from is taken.
        package var trustedProxies: [AddressRange] = []

        package init(
            _ limits: ServerConfiguration.Limits = .init(), timeouts: ServerConfiguration.Timeouts = .init(),
            heartbeat: Duration = .zero, preDrain: Duration = .zero
        ) {
            body = limits.body
            headers = limits.headers
            headerFields = limits.headerFields
            uri = limits.uri
            connections = limits.connections
            headerSeconds = Self.seconds(timeouts.header)
            bodySeconds = Self.seconds(timeouts.body)
            idleSeconds = Self.seconds(timeouts.idle)
            stallSeconds = Self.seconds(timeouts.stall)
            lastSeconds = preDrain > .zero ? min(3, Self.seconds(preDrain)) : 0
            heartbeatSeconds = heartbeat > .zero ? Self.seconds(heartbeat) : nil
        }

        private static func seconds(_ duration: Duration) -> Int {
            max(1, Int(clamping: duration.components.seconds))
        }
    }

    let limits: Limits
    let snapshots: SnapshotHolder
    let observer: any CallObserver
    let loops: LoopContexts
    let control = ControlLane()
    let memory: CallMemory
    let watch: MemoryWatch
    let places: ConnectionPlaces
    private let leaving = Atomic<Bool>(false)

    package init(
        limits: Limits, snapshots: SnapshotHolder, observer: any CallObserver, memory: CallMemory,
        watch: MemoryWatch = MemoryWatch(configured: nil), group: any EventLoopGroup
    ) {
        self.limits = limits
        places = ConnectionPlaces(limit: limits.connections)
        self.snapshots = snapshots
        self.observer = observer
        self.memory = memory
        self.watch = watch
        loops = LoopContexts(group)
    }

    /// Ends every call that runs with this error: as a response where none has begun, else as the last event of its
    /// stream.
    package func abortCalls(_ error: GatehouseError) {
        loops.onEach { $0.abortCalls(error) }
    }

    /// From now on each answer asks its client to close the connection; there is no way back.
    package func leave() {
        leaving.store(true, ordering: .relaxed)
    }

    var isLeaving: Bool { leaving.load(ordering: .relaxed) }

    /// Cuts every connection off.
    func closeConnections() {
        loops.onEach { $0.closeConnections() }
    }

    /// Connections open now.
    package var openConnections: Int { places.count }
}
