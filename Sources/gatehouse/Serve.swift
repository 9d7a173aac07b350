import ArgumentParser
import GatehouseEngine
import GatehouseStore

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
        try await CommandFailure.reported {
            var loader = try options.loader()
            if let host { loader.overrides.append(.init(path: "server.host", value: host, option: "--host")) }
            if let port { loader.overrides.append(.init(path: "server.port", value: "\(port)", option: "--port")) }
            let configuration = try loader.load().get()
            let directory = try DataDirectory.prepare(options.dataDirectoryPath())
            try await Composition.serve(configuration: configuration, dataDirectory: directory, loader: loader)
        }
    }
}
