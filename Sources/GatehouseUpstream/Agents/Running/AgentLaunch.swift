import GatehouseCore

/// Everything that is needed to start the process of one run.
struct AgentLaunch: Sendable, Equatable {
    var supervisor: String
    /// The agent's executable and arguments.
    var command: [String]
    /// The supervisor's arguments: its limits, then the sandbox, then the agent's executable and arguments.
    var arguments: [String]
    var environment: [String: String]
    var directory: String
    /// Where the agent works, as it sees it.
    var place: String
    /// What is written to stdin before it is closed.
    var input: String
    var grace: Duration
    /// Bytes of output that are taken, and as many of standard error.
    var outputLimit: Int

    /// Looks at files of the host.
    ///
    /// - Parameter gateway: the pid of this process.
    /// - Throws: `Failure` `.spawn` when there is no such executable, `.input` when the prompt does not fit, `.sandbox` when
    ///   the run needs a sandbox that cannot be put up.
    init(
        _ run: any AgentJob, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration, on host: AgentHost,
        gateway: Int
    ) throws(Failure) {
        let settings = run.settings
        let cli = settings.cli
        let environment = configuration.environment
        guard let path = Self.executable(settings, path: environment["PATH"] ?? "") else {
            throw Failure(.spawn, detail: "ENOENT: \(settings.command.first ?? cli.executables.first ?? "no command")")
        }
        let isOneShot = run.driver == .oneShot
        guard run.prompt.utf8.count <= cli.promptLimit else {
            throw Failure(.input, detail: "a prompt of more than \(cli.promptLimit) bytes")
        }
        if let account = settings.account { try AccountHome.inspect(account.home) }
        let isConfined = settings.sandbox != .off
        let promptFile = isConfined ? SandboxPlan.promptFile : directory.promptFile
        let invocation = AgentInvocation(
            model: run.model,
            prompt: cli.delivery == .argument ? run.prompt : "",
            promptFile: cli.delivery == .file ? promptFile : "",
            totalSeconds: Int(settings.timeouts.total.components.seconds))
        let leading = settings.isDescribed ? [] : Array(settings.command.dropFirst())
        let own = isOneShot ? cli.arguments(invocation) : cli.arguments(run.driver, model: run.model)
        let command = [path] + leading + own
        self.command = command
        var places = AgentPlaces(directory, settings, host: environment)
        if isConfined { places = places.confined }
        self.environment = AgentEnvironment.make(settings, cli: cli, places: places, host: environment)
        if !isOneShot { self.environment.merge(cli.environment(model: run.model)) { _, model in model } }
        self.place = isConfined ? SandboxPlan.workspace : directory.work
        self.supervisor = configuration.supervisor
        self.directory = directory.work
        self.input = isOneShot && cli.delivery == .stdin ? run.prompt : ""
        self.grace = settings.grace
        self.outputLimit = settings.limits.output
        self.arguments = SupervisorOptions.make(settings, directory: directory, host: host, gateway: gateway)
        if isConfined {
            let sandbox = AgentConfinement(settings: settings, environment: self.environment, executable: path)
            arguments += try sandbox.arguments(in: directory, configuration, on: host)
        } else {
            arguments += ["--"]
        }
        arguments += command
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw Failure(.input, detail: "a NUL in an argument")
        }
    }

    static func executable(_ settings: AgentSettings, path: String) -> String? {
        if let command = settings.command.first { return AgentDiscovery.find(command, path: path) }
        return settings.cli.executables.lazy.compactMap { AgentDiscovery.find($0, path: path) }.first
    }
}

/// Where the agent finds its home and may leave temporary files.
struct AgentPlaces: Sendable, Equatable {
    var home: String
    var temporary: String

    init(_ directory: RunDirectory, _ settings: AgentSettings, host: [String: String]) {
        temporary = directory.temporary
        home =
            switch settings.home ?? settings.cli.home {
            case .user: host["HOME"] ?? directory.home
            case .perRun: directory.home
            case .path(let path): path
            }
        isPrivate = home == directory.home
    }

    /// A home and a place that are there already.
    init(home: String, temporary: String) {
        self.home = home
        self.temporary = temporary
        isPrivate = false
    }

    private var isPrivate: Bool

    /// The same inside a sandbox: a home that has a place of its own keeps it, so that what a login says of paths holds.
    var confined: AgentPlaces {
        var places = self
        places.temporary = SandboxPlan.temporary
        let home = home.withoutLastSlash
        places.home = isPrivate || !home.hasPrefix("/") ? SandboxPlan.home : home
        return places
    }
}

/// The environment of an agent.
enum AgentEnvironment {
    /// Built from nothing: what all agents get, what this kind needs, and what the operator lists.
    static func make(
        _ settings: AgentSettings, cli: any AgentCLI, places: AgentPlaces, host: [String: String]
    ) -> [String: String] {
        var environment = [
            "PATH": host["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": places.temporary, "HOME": places.home,
            "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "TERM": "dumb", "NO_COLOR": "1", "CI": "1",
        ]
        // They hold or name the login of the gateway's user, and would take the place of an account's.
        let logins = settings.account == nil ? cli.environmentNames : []
        for name in logins + settings.environmentNames {
            if let value = host[name] { environment[name] = value }
        }
        return
            environment
            .merging(cli.environment) { _, fixed in fixed }
            .merging(settings.environment.mapValues { $0.reveal() }) { _, own in own }
    }
}

/// The supervisor's own options.
enum SupervisorOptions {
    static func make(_ settings: AgentSettings, directory: RunDirectory, host: AgentHost, gateway: Int) -> [String] {
        let limits = settings.limits
        let milliseconds = max(0, Int(settings.grace / .milliseconds(1)))
        var options = ["--grace-ms", String(milliseconds), "--parent", String(gateway), "--run", directory.path]
        let memory = host.canLimit("memory") ? limits.memory ?? AgentLimits.defaultMemory : nil
        for (name, value) in [
            ("--cpu-s", limits.cpuSeconds), ("--nofile", limits.openFiles), ("--fsize", limits.fileSize),
            ("--data", memory == nil ? limits.memory : nil), ("--memory", memory),
            ("--tasks", host.canLimit("pids") ? limits.processes : nil),
        ] {
            if let value, value >= 0 { options += [name, String(value)] }
        }
        for directory in host.cgroupDirectories { options += ["--cgroup", directory] }
        return options
    }
}
