import GatehouseCore
package import NIOCore
import NIOExtras
import NIOHTTP1
import NIOPosix
package import NIOSSL

/// The one door to the outside: every connection to a provider is opened here, to the host that the configuration names
/// and to no other, verified when it is TLS, through the proxy of this host when there is one.
package final class HTTPConnector: Sendable {
    let origin: HTTPOrigin
    private let tls: NIOSSLContext?
    private let proxy: HTTPProxy?
    private let timeout: TimeAmount
    private let resolver: HostResolver
    private let sockets: SocketBudget
    /// Where connections are made to: the proxy, or the host itself.
    private let peer: (host: String, port: Int)
    /// Of the peer, where it is no name.
    private let address: SocketAddress?

    package convenience init(
        origin: HTTPOrigin, tls: NIOSSLContext?, proxy: HTTPProxy?, timeout: TimeAmount,
        sockets: SocketBudget = SocketBudget(limit: .max)
    ) {
        self.init(origin: origin, tls: tls, proxy: proxy, timeout: timeout, resolver: .shared, sockets: sockets)
    }

    /// - Parameters:
    ///   - tls: Made once by `makeTLSContext()` and shared; unused for plain HTTP.
    ///   - timeout: To a connection that is ready, TLS included.
    init(
        origin: HTTPOrigin, tls: NIOSSLContext?, proxy: HTTPProxy?, timeout: TimeAmount, resolver: HostResolver,
        sockets: SocketBudget = SocketBudget(limit: .max)
    ) {
        self.origin = origin
        self.tls = origin.isTLS ? tls : nil
        // Plain HTTP is for this machine and for networks that the operator vouches for: it needs no tunnel.
        self.proxy = origin.isTLS ? proxy.flatMap { $0.applies(to: origin) ? $0 : nil } : nil
        self.timeout = timeout
        self.resolver = resolver
        self.sockets = sockets
        peer = self.proxy.map { ($0.host, $0.port) } ?? (origin.host, origin.port)
        address = try? SocketAddress(ipAddress: peer.host, port: peer.port)
    }

    /// TLS 1.2 or newer, the system's roots, full verification of chain and name.
    package static func makeTLSContext(additionalRoots: [String] = []) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        configuration.additionalTrustRoots = additionalRoots.map { .file($0) }
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Opens a connection on the pool's loop and tells `waiter`. Addresses are tried as RFC 8305 says.
    func connect(pool: HTTPLoopPool, _ waiter: ConnectionWaiter) {
        let loop = pool.eventLoop
        guard sockets.take() else {
            let failure = Failure(.busy, detail: "no more sockets may be opened")
            return loop.assumeIsolated().execute { waiter.complete(.failure(failure)) }
        }
        let setUp = NIOLoopBound(SetUp(connector: self, pool: pool, ready: waiter), eventLoop: loop)
        let lookup = HostLookup(resolver, on: loop, isOpen: address == nil)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout)
            .resolver(lookup)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.keepIdle)), value: 15)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.keepInterval)), value: 5)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.keepCount)), value: 3)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.userTimeout)), value: 30_000)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try setUp.value.add(to: channel) }
            }
        let connected = address.map { bootstrap.connect(to: $0) } ?? bootstrap.connect(host: peer.host, port: peer.port)
        connected.flatMap(\.closeFuture).whenComplete { [sockets] _ in sockets.giveBack() }
        connected.assumeIsolated().whenFailure { error in
            // Where the system gives no socket, this comes at once: whoever asked must not hear of it before this returns.
            loop.assumeIsolated().execute {
                waiter.complete(.failure(Self.failure(error, isUnresolved: lookup.isOpen.value)))
            }
        }
        waiter.deadline = loop.assumeIsolated().scheduleTask(in: timeout) {
            guard waiter.isWaiting else { return }
            waiter.complete(.failure(Self.late(isUnresolved: lookup.isOpen.value)))
            connected.whenSuccess { $0.close(promise: nil) }
        }
    }

    /// Connections that one pool may have on their way.
    var maximumMaking: Int { sockets.share }

    /// So few sockets are left that none should rest.
    var isTight: Bool { sockets.isTight }

    private static func failure(_ error: any Error, isUnresolved: Bool) -> Failure {
        if case .connectTimeout? = error as? ChannelError { return late(isUnresolved: isUnresolved) }
        guard let error = error as? NIOConnectionError else { return FailureOfError.classify(error) }
        let timedOut = error.connectionErrors.contains {
            if case .connectTimeout? = $0.error as? ChannelError { true } else { false }
        }
        return Failure(timedOut ? .timeout(.connect) : .unreachable, detail: String("\(error)".prefix(300)))
    }

    /// The time for a connection is over. While no address is known, the host cannot be reached; that is not its slowness.
    private static func late(isUnresolved: Bool) -> Failure {
        isUnresolved ? Failure(.unreachable, detail: "DNS error: no answer in time") : Failure(.timeout(.connect))
    }

    /// Linux's numbers (`netinet/tcp.h`); NIO names only some.
    private enum TCPOption {
        static let keepIdle: CInt = 4
        static let keepInterval: CInt = 5
        static let keepCount: CInt = 6
        static let userTimeout: CInt = 18
    }

    /// Fills the pipeline of a new connection.
    private struct SetUp {
        let connector: HTTPConnector
        let pool: HTTPLoopPool
        let ready: ConnectionWaiter

        func add(to channel: any Channel) throws {
            guard let proxy = connector.proxy else { return try addHTTP(to: channel) }
            let tunnel = channel.eventLoop.makePromise(of: Void.self)
            var headers = HTTPHeaders([("host", "\(connector.origin.host):\(connector.origin.port)")])
            if let authorization = proxy.authorization {
                headers.add(name: "proxy-authorization", value: authorization)
            }
            let encoder = HTTPRequestEncoder()
            let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
            let connect = NIOHTTP1ProxyConnectHandler(
                targetHost: connector.origin.host, targetPort: connector.origin.port, headers: headers,
                deadline: .now() + connector.timeout, promise: tunnel)
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, connect])
            let pipeline = channel.pipeline.syncOperations
            // The decoder takes part in writes too, and cannot leave while it is decoding: TLS must wait until it has.
            let left = channel.eventLoop.makePromise(of: Void.self)
            tunnel.futureResult.assumeIsolated().whenSuccess {
                pipeline.removeHandler(encoder, promise: nil)
                pipeline.removeHandler(decoder, promise: left)
            }
            tunnel.futureResult.cascadeFailure(to: left)
            left.futureResult.assumeIsolated().whenComplete { result in
                do {
                    try result.get()
                    try addHTTP(to: channel)
                } catch {
                    ready.complete(.failure(Failure(.unreachable, detail: "proxy: \(error)")))
                    channel.close(promise: nil)
                }
            }
        }

        private func addHTTP(to channel: any Channel) throws {
            let pipeline = channel.pipeline.syncOperations
            if let tls = connector.tls {
                let name = connector.origin.host
                // Server names must not be addresses (RFC 6066 §3).
                let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
                try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : name))
            }
            try pipeline.addHandler(HTTPConnection(pool: pool, usesTLS: connector.tls != nil, ready: ready))
        }
    }
}
