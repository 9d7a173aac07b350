/// The listener: where it binds, whom it trusts and how much it takes. Keys below `server`.
package struct ServerConfiguration: Sendable, Equatable {
    /// A host name or an address to bind to.
    package var host = "127.0.0.1"
    /// 0 lets the system choose.
    package var port = 8080
    /// Addresses, or networks such as `10.0.0.0/8`, whose forwarding headers are believed.
    package var trustedProxies: [String] = []
    package var cors = CORS()
    package var tls = TLS()
    /// Lets a listener that others can reach speak without TLS, for a gateway behind a proxy that terminates it.
    package var allowPlaintext = false
    package var limits = Limits()
    package var timeouts = Timeouts()
    /// Event loops; `nil` takes one for every two cores: the rest is for the kernel's share, logs and agents.
    package var workers: Int?
    /// How long after SIGTERM new connections are still taken, by a gateway that says it is not ready.
    package var preDrain: Duration = .seconds(5)
    /// How long streams may run on once no new connections are taken.
    package var drain: Duration = .seconds(600)
    /// A client that waits so long for the next event of a stream is told that it is awaited; zero: never.
    package var heartbeat: Duration = .seconds(15)

    package init() {}

    /// Which web pages may call. Keys below `server.cors`.
    package struct CORS: Sendable, Equatable {
        /// Exact origins, such as `https://chat.example.com`.
        package var origins: [String] = []

        package init() {}
    }

    /// The certificate of the listener. Keys below `server.tls`; both or none are set.
    package struct TLS: Sendable, Equatable {
        /// Path of a PEM file with the certificate and its chain.
        package var certificate: String?
        /// Path of a PEM file with the private key.
        package var key: String?

        package init() {}
    }

    /// What one request or the whole listener may take. Keys below `server.limits`.
    package struct Limits: Sendable, Equatable {
        /// Bytes of a request body.
        package var body = 16 << 20
        /// Bytes of all header lines of a request.
        package var headers = 32 << 10
        /// Header lines of a request.
        package var headerFields = 100
        /// Bytes of a request target.
        package var uri = 8 << 10
        /// Open connections.
        package var connections = 10_000
        /// Bytes of memory near which no further calls are taken; `nil` takes the limit of the control group.
        package var memory: Int?

        package init() {}
    }

    /// How long a client may take. Keys below `server.timeouts`.
    package struct Timeouts: Sendable, Equatable {
        /// From the first byte of a request to the end of its headers.
        package var header: Duration = .seconds(10)
        /// From the end of the headers to the end of the body.
        package var body: Duration = .seconds(30)
        /// Between two requests of one connection.
        package var idle: Duration = .seconds(75)
        /// While nothing of an answer can be sent, as the client takes no bytes.
        package var stall: Duration = .seconds(30)

        package init() {}
    }
}
