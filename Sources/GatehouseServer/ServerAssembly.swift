package import GatehouseCore
package import GatehouseEngine
import Glibc
package import Logging
package import NIOCore
package import NIOSSL
package import ServiceLifecycle

/// What the control plane may ask of the rest.
package struct ControlServices: Sendable {
    package var readiness: Readiness
    package var version: String
    package var openConnections: @Sendable () -> Int
    /// What there is for running agents; `nil` until it is known.
    package var agentHost: @Sendable () -> AgentHostHealth?
    /// The exposition of all metrics; `nil` when they are off.
    package var renderMetrics: (@Sendable () -> ByteBuffer)?
    /// Files that agents made; `nil` when none are kept.
    package var artifacts: (any ArtifactStore)?
    /// Takes uploads; `nil` when no files are kept.
    package var files: FileService?
    /// Why nothing can be kept now; `nil` where it can.
    package var storageProblem: @Sendable () async -> String? = { nil }
    /// Uploads in several requests.
    package var uploads: ResumableUploads?
    /// Calls that go on without their callers; `nil` where that is not offered.
    package var runs: RunService?
    /// Responses that are kept; `nil` where none are.
    package var responses: ResponseService?
    /// What is kept under the names of sessions.
    package var sessions: SessionService?
    /// Keys that are made while the gateway runs.
    package var keys: KeyService?

    /// What calls cost; `nil` where nobody keeps accounts.
    package var accounting: Accounting?
    /// Logs agents in; `nil` where that cannot be done.
    package var login: LoginControl?

    package init(
        readiness: Readiness, version: String, openConnections: @escaping @Sendable () -> Int,
        agentHost: @escaping @Sendable () -> AgentHostHealth?,
        renderMetrics: (@Sendable () -> ByteBuffer)?
    ) {
        self.readiness = readiness
        self.version = version
        self.openConnections = openConnections
        self.agentHost = agentHost
        self.renderMetrics = renderMetrics
    }
}

/// What the host offers for running agents, for `/health`.
package struct AgentHostHealth: Sendable {
    /// What puts up sandboxes; `nil` when nothing can.
    package var sandbox: String?
    /// Why nothing can.
    package var problem: String?
    package var hasUserNamespaces: Bool
    /// What of all processes of a run together can be limited or ended.
    package var cgroups: [String]

    package init(sandbox: String?, problem: String?, hasUserNamespaces: Bool, cgroups: [String]) {
        self.sandbox = sandbox
        self.problem = problem
        self.hasUserNamespaces = hasUserNamespaces
        self.cgroups = cgroups
    }
}

/// Puts the server together.
package enum ServerAssembly {
    /// Where to listen.
    package struct Listener {
        package var host: String
        package var port: Int
        package var tls: NIOSSLContext?

        package init(host: String, port: Int, tls: NIOSSLContext?) {
            self.host = host
            self.port = port
            self.tls = tls
        }
    }

    /// The server as a service: it runs until graceful shutdown, then ends when its last response is out.
    ///
    /// - Parameter onRunning: Called with the port, once it listens.
    package static func make(
        _ listener: Listener, frontDoor: FrontDoorServices, control: ControlServices, group: any EventLoopGroup,
        logger: Logger, onRunning: @escaping @Sendable (Int) async -> Void
    ) -> any Service {
        let routes = ControlRoutes(
            snapshots: frontDoor.snapshots, limiter: frontDoor.memory.limiter, trusted: frontDoor.limits.trustedProxies)
        OperationsRoutes.add(to: routes, control)
        ModelRoutes.add(to: routes)
        ArtifactRoutes.add(to: routes, control.artifacts)
        FileRoutes.add(to: routes, control.files)
        OpenAIFileRoutes.add(to: routes, control.files)
        ResumableUploadRoutes.add(to: routes, control.uploads)
        RunRoutes.add(to: routes, control.runs)
        ResponseRoutes.add(to: routes, control.responses)
        SessionRoutes.add(to: routes, control.sessions, control.files)
        if let login = control.login { LoginRoutes.add(to: routes, login) }
        AccountRoutes.add(to: routes) { Int(clamping: time(nil)) }
        RoutingRoutes.add(to: routes, memory: frontDoor.memory)
        OwnKeyRoutes.add(to: routes)
        if let keys = control.keys {
            KeyRoutes.add(to: routes, keys)
            PartyRoutes.add(to: routes, keys)
            AuditRoutes.add(to: routes, keys)
        }
        DescriptionRoutes.add(to: routes, version: control.version)
        UsageRoutes.add(to: routes, control.accounting)
        return ServerListener(
            place: listener, services: frontDoor, control: ControlHandler(routes.router, logger: logger), group: group,
            logger: logger, onRunning: onRunning)
    }
}
