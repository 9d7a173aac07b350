import GatehouseCore

/// Everything that is needed to start the process of one run.
struct AgentLaunch: Sendable, Equatable {
    var supervisor: String
    /// The supervisor's arguments: its limits, then the agent's executable and arguments.
    var arguments: [String]
    var environment: [String: String]
    var directory: String
    /// What is written to stdin before it is closed.
    var input: String
    var grace: Duration

    /// - Parameters:
    ///   - host: the gateway's environment, of which only what is listed is handed on.
    ///   - gateway: the pid of this process.
    /// - Throws: `Failure` `.spawn` when there is no such executable, `.input` when the prompt does not fit.
    init(_ run: AgentRun, directory: RunDirectory, supervisor: String, host: [String: String], gateway: Int)
        throws(Failure)
    {
        let settings = run.settings
        let cli = settings.cli
        guard let path = Self.executable(settings, cli: cli, path: host["PATH"] ?? "") else {
            throw Failure(.spawn, detail: "ENOENT: \(settings.command.first ?? cli.executables.first ?? "no command")")
        }
        guard run.prompt.utf8.count <= cli.promptLimit else {
            throw Failure(.input, detail: "a prompt of more than \(cli.promptLimit) bytes")
        }
        let invocation = AgentInvocation(
            model: run.model,
            prompt: cli.delivery == .argument ? run.prompt : "",
            promptFile: cli.delivery == .file ? directory.promptFile : "",
            totalSeconds: Int(settings.timeouts.total.components.seconds))
        let leading = settings.kind == .custom ? [] : Array(settings.command.dropFirst())
        self.supervisor = supervisor
        self.arguments = Self.options(settings, gateway: gateway) + ["--", path] + leading + cli.arguments(invocation)
        self.environment = Self.environment(settings, cli: cli, directory: directory, host: host)
        self.directory = directory.work
        self.input = cli.delivery == .stdin ? run.prompt : ""
        self.grace = settings.grace
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw Failure(.input, detail: "a NUL in an argument")
        }
    }

    private static func executable(_ settings: AgentSettings, cli: any AgentCLI, path: String) -> String? {
        if let command = settings.command.first { return AgentDiscovery.find(command, path: path) }
        return cli.executables.lazy.compactMap { AgentDiscovery.find($0, path: path) }.first
    }

    private static func options(_ settings: AgentSettings, gateway: Int) -> [String] {
        let limits = settings.limits
        let milliseconds = max(0, Int(settings.grace / .milliseconds(1)))
        var options = ["--grace-ms", String(milliseconds), "--parent", String(gateway)]
        for (name, value) in [
            ("--cpu-s", limits.cpuSeconds), ("--nofile", limits.openFiles), ("--fsize", limits.fileSize),
            ("--data", limits.data),
        ] {
            if let value, value >= 0 { options += [name, String(value)] }
        }
        return options
    }

    /// Built from nothing: what all agents get, what this kind needs, and what the operator lists.
    private static func environment(
        _ settings: AgentSettings, cli: any AgentCLI, directory: RunDirectory, host: [String: String]
    ) -> [String: String] {
        var environment = [
            "PATH": host["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": directory.temporary,
            "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "TERM": "dumb", "NO_COLOR": "1", "CI": "1",
        ]
        environment["HOME"] =
            switch settings.home ?? cli.home {
            case .user: host["HOME"] ?? directory.home
            case .perRun: directory.home
            case .path(let path): path
            }
        for name in cli.environmentNames + settings.environmentNames {
            if let value = host[name] { environment[name] = value }
        }
        return
            environment
            .merging(cli.environment) { _, fixed in fixed }
            .merging(settings.environment.mapValues { $0.reveal() }) { _, own in own }
    }
}
