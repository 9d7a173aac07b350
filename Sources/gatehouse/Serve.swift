import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import GatehouseUpstream
import Glibc
import Logging
import Metrics
import NIOCore

/// `gatehouse serve`
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the gateway until it is told to stop.",
        discussion: """
            Without a file it listens on loopback and offers gatehouse/echo, every \
            provider whose key is in the environment and every agent found on PATH. \
            The first start makes an admin key, prints it once and keeps it in the \
            data directory. SIGHUP reads the configuration again; SIGTERM finishes \
            running answers and ends.

            EXAMPLES
              gatehouse serve
              gatehouse serve --port 9000
              gatehouse serve --config gatehouse.yaml --data-dir /var/lib/gatehouse
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Listen on this address; over server.host.", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("Listen on this port, 0 for any; over server.port.", valueName: "port"))
    var port: UInt16?

    func run() async throws {
        SystemResolver.hurry()
        try await CommandFailure.reported {
            var loader = try options.loader()
            if let host { loader.overrides.append(.init(path: "server.host", value: host, option: "--host")) }
            if let port { loader.overrides.append(.init(path: "server.port", value: "\(port)", option: "--port")) }
            let configuration = try loader.load().get()
            let directory = try DataDirectory.prepare(options.dataDirectoryPath())
            try await serve(configuration, directory, loader)
        }
    }

    private func serve(
        _ configuration: GatehouseConfiguration, _ directory: DataDirectory, _ loader: ConfigurationLoader
    ) async throws {
        let (adminKey, isNew) = try AdminKeyFile(directory: directory.path).load()
        let logs = try LogSetup.make(configuration.logging, directory: directory.path)
        defer { logs.sink.close() }
        LoggingSystem.bootstrap { logs.handler(label: $0) }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(MetricsRegistryFactory(registry))
        ProcessMetrics.add(to: registry)
        let logger = Logger(label: "gatehouse")
        let render: @Sendable () -> ByteBuffer = { registry.render() }
        let composition = Composition(
            configuration: configuration, dataDirectory: directory.path, adminKey: adminKey,
            environment: loader.variables, logger: logger,
            observer: CallObservers([AccessLog(logs.sink), CallMetrics(registry)]), registry: registry,
            renderMetrics: configuration.telemetry.metrics ? render : nil,
            version: GatehouseVersion.current)
        do {
            try await composition.serve(
                onRunning: { port in
                    ProcessMemory.forgetStart()
                    Self.announce(configuration.server, port: port, newKey: isNew ? adminKey : nil, directory)
                },
                onReload: { Self.reload(loader, logs, logger) })
        } catch let error as IOError {
            CommandOutput.complain(Self.explain(error, configuration.server))
            throw CommandFailure.unavailable
        }
    }

    /// Why the listener cannot listen, and which setting to change.
    private static func explain(_ error: IOError, _ server: ServerConfiguration) -> String {
        let place = "port \(server.port) of \(server.host)"
        return switch error.errnoCode {
        case EADDRINUSE: "server.port: \(place) is in use by another program; choose another with --port"
        case EACCES: "server.port: this user may not listen on \(place); ports below 1024 need a right of their own"
        case EADDRNOTAVAIL: "server.host: \(server.host) is no address of this machine"
        default: "server: cannot listen on \(place): \(String(cString: strerror(error.errnoCode)))"
        }
    }

    /// A broken file keeps what is in force and says so.
    private static func reload(
        _ loader: ConfigurationLoader, _ logs: LogSystem, _ logger: Logger
    ) -> GatehouseConfiguration? {
        logs.sink.reopen()
        switch loader.load() {
        case .success(let fresh):
            logs.level = fresh.logging.level
            return fresh
        case .failure(let problems):
            for problem in problems.list {
                logger.error("Configuration not reloaded", metadata: ["problem": "\(problem)"])
            }
            return nil
        }
    }

    private static func announce(
        _ server: ServerConfiguration, port: Int, newKey: Secret?, _ directory: DataDirectory
    ) {
        let scheme = server.tls.certificate == nil ? "http" : "https"
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let url = "\(scheme)://\(host):\(port)"
        var text = "Gatehouse \(GatehouseVersion.current) listens on \(url)\n"
        if let newKey {
            text += "Admin key, shown only now and kept in \(directory.path)/admin.key:\n  \(newKey.reveal())\n"
        }
        let key = newKey?.reveal() ?? "$(cat '\(directory.path)/admin.key')"
        text += """
            Try it:
              curl -N \(url)/v1/chat/completions -H "Authorization: Bearer \(key)" \\
                -H 'Content-Type: application/json' \\
                -d '{"model":"gatehouse/echo","stream":true,"messages":[{"role":"user","content":"Hello, gate"}]}'

            """
        CommandOutput.print(text)
    }
}
