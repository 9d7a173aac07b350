import GatehouseCore
import GatehouseEngine
import GatehouseServer
import GatehouseStore
import GatehouseUpstream
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// A setting that only shows to be wrong when it is used.
struct StartProblem: Error {
    let setting: String
    let message: String
}

/// The composition root: every part is made here, once, and handed to those that need it.
struct Composition {
    let configuration: GatehouseConfiguration
    let dataDirectory: String
    let adminKey: Secret
    let environment: [String: String]
    let logger: Logger
    let observer: any CallObserver
    let registry: MetricsRegistry
    let renderMetrics: (@Sendable () -> ByteBuffer)?
    let version: String

    /// Runs the gateway until it is told to stop.
    ///
    /// - Parameters:
    ///   - onRunning: Called with the port, once it listens.
    ///   - onReload: Reads the configuration anew when SIGHUP comes; `nil` when it is broken and the last one stays.
    func serve(
        onRunning: @escaping @Sendable (Int) async -> Void,
        onReload: @escaping @Sendable () async -> GatehouseConfiguration?
    ) async throws {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: configuration.server.workers ?? max(1, System.coreCount / 2))
        ProcessMemory.returnLargePieces()
        let storage = try Storage(configuration, dataDirectory: dataDirectory, registry: registry, logger: logger)
        let artifacts = artifactStore(group, storage.sessions)
        let runner = AgentRunner(runnerConfiguration(artifacts, storage.agentSessions))
        let (limits, sockets) = fileLimits()
        let factory = UpstreamFactory(
            group: group, runner: runner, tls: try Self.clientTLS(environment), proxy: try Self.proxy(environment),
            sockets: sockets, version: version,
            environment: environment, dataDirectory: dataDirectory, logger: logger)
        let resilience = Resilience(
            alert: KeyAlerts.logging(logger), accountAlert: KeyAlerts.loggingAccounts(logger))
        let directory = try await keyDirectory(storage.keys)
        let snapshots = SnapshotHolder(snapshot(configuration, factory, resilience, directory.keys))
        let keys = KeyService(directory, snapshots)
        let conversations = ConversationMemory(conversationLimits, behind: storage.conversations)
        let seals = SealMemory()
        let cache = Limits.cache(configuration.cache, registry)
        let watch = memoryWatch(group) {
            conversations.shrink()
            cache?.shrink()
            seals.shrink()
        }
        let loader = FileLoader(store: storage.files.store, extractor: SandboxedTextExtractor(runner: runner))
        let accounting = try await storage.accounting(logger)
        let lasting = callMemory(seals, conversations, loader, storage, cache, accounting)
        let runs = RunService(
            store: storage.runs, memory: lasting, observer: observer,
            limits: .init(perOwner: configuration.runs.concurrency), clock: { time(nil) })
        let memory = lasting.offering(runs)
        let frontDoor = FrontDoorServices(
            limits: limits, snapshots: snapshots, observer: observer, memory: memory, watch: watch, group: group)
        collectNumbers(runner, resilience, frontDoor, watch, accounting)
        let readiness = Readiness()
        var control = controlServices(readiness, frontDoor, runner, storage)
        control.artifacts = artifacts
        control.runs = runs
        control.responses = ResponseService(runs: runs, conversations: conversations)
        control.keys = keys
        control.accounting = accounting
        control.sessions = SessionService(
            store: storage.sessions, memory: memory, agents: storage.agentSessions, artifacts: artifacts)
        let desk = LoginDesk(runner: runner, group: group, onEnd: LoginEnds.noting(resilience, logger))
        control.login = LoginControl(desk)
        let server = ServerAssembly.make(
            .init(
                host: configuration.server.host, port: configuration.server.port,
                tls: try serverTLS()),
            frontDoor: frontDoor, control: control, group: group, logger: logger, onRunning: onRunning)
        let agents = AgentService(runner: runner, hasAgents: !configuration.agents.isEmpty, logger: logger)
        let drain = TimeAmount(configuration.server.drain)
        let signals = SignalService(
            logger: logger, preDrain: configuration.server.preDrain, hasCallers: { frontDoor.openConnections > 0 },
            onLeave: {
                readiness.leave()
                frontDoor.leave()
            },
            onDrain: {
                group.any().scheduleTask(in: drain) {
                    frontDoor.abortCalls(GatehouseError(.shuttingDown, "This gateway ends. Try again."))
                    runs.interruptAll()
                }
            }
        ) {
            guard let fresh = await onReload(), await take(namesOf: fresh, directory) else { return }
            let made = snapshot(fresh, factory, resilience, directory.keys)
            let old = snapshots.update { _ in made.replacing(keys: directory.keys) }
            logger.notice("Configuration reloaded")
            for entry in old.upstreams { (entry.upstream as? ProviderUpstream)?.retire() }
        }
        let keeper = RunKeeper(runs: runs, store: storage.runs, logger: logger)
        let keyWatch = KeyWatch(keys: keys, runs: runs, snapshots: snapshots, logger: logger)
        try await run([storage, agents, LoginService(desk: desk), keeper, keyWatch, server], signals: signals)
        try await group.shutdownGracefully()
    }

    private func controlServices(
        _ readiness: Readiness, _ frontDoor: FrontDoorServices, _ runner: AgentRunner, _ storage: Storage
    ) -> ControlServices {
        var control = ControlServices(
            readiness: readiness, version: version, openConnections: { frontDoor.openConnections },
            agentHost: { runner.host.map(AgentHostHealth.init) },
            renderMetrics: renderMetrics)
        control.files = storage.files
        control.uploads = storage.uploads
        control.storageProblem = { await storage.problem() }
        return control
    }

    /// What is looked up when metrics are asked for.
    private func collectNumbers(
        _ runner: AgentRunner, _ resilience: Resilience, _ frontDoor: FrontDoorServices, _ watch: MemoryWatch,
        _ accounting: Accounting?
    ) {
        registry.collect { text in
            accounting?.write(to: &text)
            text.family("gatehouse_agent_processes", .gauge, help: "Agents that run now.")
            text.sample("gatehouse_agent_processes", Double(runner.activeRuns))
            AgentPoolMetrics.write(runner.poolNumbers, to: &text)
            resilience.write(to: &text)
            text.family("gatehouse_connections", .gauge, help: "Connections of clients that are open now.")
            text.sample("gatehouse_connections", Double(frontDoor.openConnections))
            text.family(
                "gatehouse_memory_pressure", .gauge, help: "Share of server.limits.memory in use; 0 without it.")
            text.sample("gatehouse_memory_pressure", watch.share)
        }
    }

    /// What the configuration allows a connection, and no more connections of both sides than files can be opened for.
    private func fileLimits() -> (FrontDoorServices.Limits, SocketBudget) {
        let server = configuration.server
        var limits = FrontDoorServices.Limits(
            server.limits, timeouts: server.timeouts, heartbeat: server.heartbeat, preDrain: server.preDrain)
        limits.trustedProxies = server.trustedProxies.compactMap { AddressRange($0) }
        let files = OpenFiles.raiseLimit()
        limits.connections = OpenFiles.connections(server.limits.connections, allowed: files)
        if limits.connections < server.limits.connections {
            logger.warning(
                "Fewer connections than server.limits.connections: too few files may be opened (ulimit -Hn)",
                metadata: ["connections": "\(limits.connections)", "files": "\(files)"])
        }
        return (limits, SocketBudget(limit: OpenFiles.upstreams(beside: limits.connections, allowed: files)))
    }

    private func runnerConfiguration(
        _ artifacts: any ArtifactStore, _ sessions: any AgentSessionStore
    ) -> AgentRunnerConfiguration {
        var runner = AgentRunnerConfiguration(
            supervisor: AgentRunnerConfiguration.supervisorBesideExecutable() ?? "",
            runsDirectory: dataDirectory + "/runs", environment: environment)
        runner.sessions = sessions
        let needsSandbox = configuration.agents.contains { $0.sandbox != .off }
        runner.onEvent = AgentEvents.logging(logger, needsSandbox: needsSandbox)
        runner.artifacts = artifacts
        return runner
    }

    /// Files that agents made, swept of old ones by a timer.
    private func artifactStore(_ group: any EventLoopGroup, _ sessions: SQLiteSessionStore) -> DiskArtifactStore {
        let settings = configuration.artifacts
        let ttl = max(1, Int(settings.ttl.components.seconds))
        let store = DiskArtifactStore(
            directory: dataDirectory,
            limits: .init(
                file: settings.maxSize, run: settings.maxTotal, count: settings.maxFiles, owner: settings.quota,
                ttl: ttl),
            onKept: { sessions.noteArtifacts($0) })
        group.any().scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(Int64(min(ttl, 60)))) { _ in
            NIOThreadPool.singleton.submit { _ in _ = store.sweep() }
        }
        return store
    }

    private func memoryWatch(_ group: any EventLoopGroup, shrink: @escaping @Sendable () -> Void) -> MemoryWatch {
        let watch = MemoryWatch(configured: configuration.server.limits.memory, shrink: shrink)
        guard watch.limit != nil else { return watch }
        group.any().scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(250)) { _ in watch.look() }
        return watch
    }

    private var conversationLimits: ConversationMemory.Limits {
        let responses = configuration.responses
        return ConversationMemory.Limits(
            ttl: TimeAmount(responses.ttl), entry: responses.maxEntry, total: min(responses.maxSize, 64 << 20),
            perOwner: responses.maxPerKey)
    }

    /// What providers are verified against: the system's roots, and those of `SSL_CERT_FILE`.
    static func clientTLS(_ environment: [String: String]) throws(StartProblem) -> NIOSSLContext {
        do {
            return try HTTPConnector.makeTLSContext(additionalRoots: environment["SSL_CERT_FILE"].map { [$0] } ?? [])
        } catch {
            throw StartProblem(setting: "SSL_CERT_FILE", message: "the certificates cannot be read (\(error))")
        }
    }

    private func serverTLS() throws(StartProblem) -> NIOSSLContext? {
        do {
            return try configuration.server.tls.makeContext()
        } catch {
            throw StartProblem(setting: "server.tls", message: "certificate and key cannot be used (\(error))")
        }
    }

    static func proxy(_ environment: [String: String]) throws(StartProblem) -> HTTPProxy? {
        do {
            return try HTTPProxy(environment: environment)
        } catch {
            throw StartProblem(setting: "HTTPS_PROXY", message: "must be http://[user:password@]host[:port]")
        }
    }

    private func snapshot(
        _ configuration: GatehouseConfiguration, _ factory: UpstreamFactory, _ resilience: Resilience,
        _ keys: any KeyStore
    ) -> RoutingSnapshot {
        RoutingSnapshot(
            keys: keys, entries: factory.entries(configuration),
            aliases: configuration.models.map(RoutingSnapshot.Alias.init), created: time(nil), resilience: resilience,
            limits: Limits.table(configuration), prices: configuration.priceTable, budgets: configuration.budgetRules)
    }

    /// Runs services until a signal stops them: new connections end at once, streams may run on for `server.drain`.
    private func run(_ services: [any Service], signals: SignalService) async throws {
        var settings = ServiceGroupConfiguration(services: services, logger: logger)
        // Calls are ended at the end of the drain; whoever does not take that in is cut off a little later.
        settings.maximumGracefulShutdownDuration = configuration.server.drain + .seconds(3)
        settings.maximumCancellationDuration = .seconds(10)
        let group = ServiceGroup(configuration: settings)
        let trapped = await SignalService.trap()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await signals.run(trapped, stopping: group) }
            tasks.addTask {
                do {
                    try await group.run()
                } catch is CancellationError {
                    logger.warning("Streams that ran longer than server.drain were cut off")
                }
            }
            // The first to end is the group; the signals have no end of their own.
            try await tasks.next()
            tasks.cancelAll()
        }
    }
}
