package import GatehouseCore

/// One configured agent.
package struct AgentSettings: Sendable, Equatable {
    /// The name callers use in `name/model`.
    package var name: String
    package var kind: AgentKind
    /// The executable, as an absolute path or a name on `PATH`, and arguments that come before the fixed ones; empty for the
    /// kind's own executable. `custom` needs it.
    package var command: [String] = []
    /// The model when a request names none; empty for the agent's own.
    package var model = ""
    /// `nil` for the kind's own.
    package var driver: AgentDriver?
    /// Runs at the same time. More are refused with `Failure.busy`. Of a driver that keeps its processes, `pool` says it.
    package var concurrency = 4
    package var pool = PoolMachine.Settings()
    /// What it may do that it asks for; `nil` is once what its sandbox lets it do, and without a sandbox nothing.
    package var permissions: AgentPermissions?
    /// `nil` for the kind's default, see `AgentHome`.
    package var home: AgentHome?
    /// Further variables of the gateway's environment that the agent may see.
    package var environmentNames: [String] = []
    /// Variables that only this agent gets, over all others; the values may be credentials.
    package var environment: [String: Secret] = [:]
    package var sandbox = AgentSandbox.readOnly
    /// Whether it reaches the network from inside its sandbox; `nil` for the kind's default.
    package var network: Bool?
    /// Further files and folders that it may read, and that it may write, inside its sandbox.
    package var readable: [String] = []
    package var writable: [String] = []
    /// A folder to work in, read-only; `nil` for an empty one per run. It needs a sandbox.
    package var directory: String?
    /// Whether it is given files to open, or what stands in them; `nil` for the kind's own way.
    package var opensFiles: Bool?
    /// Only for `custom`.
    package var prompt = PromptDelivery.stdin
    /// Only for `custom`.
    package var output = AgentOutputFormat.text
    package var timeouts = AgentTimeouts()
    /// Between SIGTERM and SIGKILL.
    package var grace = Duration.seconds(2)
    package var limits = AgentLimits()
    /// Arguments in the place of those of a run, for `AgentProbe`; nothing is asked then.
    var probe: [String]?
    /// Logins to change between.
    package var accounts: [AgentAccount] = []
    /// The login of one run, which has `home` then.
    var account: AgentAccount?

    package init(name: String, kind: AgentKind) {
        self.name = name
        self.kind = kind
    }

    /// What is fixed about this agent.
    var cli: any AgentCLI {
        let own = kind.cli ?? (kind == .acp ? ACP(command: command) : custom)
        return probe.map { ProbedCLI(own: own, arguments: $0) } ?? own
    }

    private var custom: any AgentCLI {
        Custom(command: command, delivery: prompt, output: output)
    }

    /// Whether its command is all that is known of it.
    var isDescribed: Bool { kind == .custom || kind == .acp }

    /// How it can be driven, its own way first.
    package var drivers: [AgentDriver] { cli.drivers }

    /// How it is driven.
    package var effectiveDriver: AgentDriver { driver ?? cli.drivers.first ?? .oneShot }

    /// What a process that has served a turn may be used for. One that holds a single conversation, or files that it wrote,
    /// serves no other one.
    func conversation(_ session: AgentTurnOrder.Session?) -> PoolMachine.Conversation {
        guard effectiveDriver.isSingleConversation || sandbox == .workspace else { return .any }
        guard let session else { return .once }
        let name = session.name.session
        return .session(effectiveDriver.isSingleConversation ? "\(name) \(session.conversation)" : name)
    }

    /// Where the agent finds the files it is given: in the folder it works in, or beside that where it is the operator's.
    var fileFolder: String {
        if directory != nil { return FileFolder.besideWorkspace }
        return sandbox == .off ? FileFolder.name : "\(SandboxPlan.workspace)/\(FileFolder.name)"
    }

    var effectivePermissions: AgentPermissions {
        permissions ?? (sandbox == .workspace ? .allowOnce : .reject)
    }
}

/// What a `custom` agent prints.
package enum AgentOutputFormat: Sendable, Equatable {
    /// Nothing but the answer.
    case text
    /// The records of a known CLI.
    case jsonLines(AgentKind)
}

/// How long an agent may take, by a clock that only goes forward.
package struct AgentTimeouts: Sendable, Equatable {
    /// From the start of a process that is kept until it can be given a turn.
    package var handshake = Duration.seconds(30)
    /// Until the first byte of output.
    package var firstOutput = Duration.seconds(60)
    /// Between two pieces of output. It rests while the caller does not read.
    package var idle = Duration.seconds(120)
    package var total = Duration.seconds(1800)
    /// After the agent's own terminal record, until its process ends; then it is ended.
    package var linger = Duration.seconds(5)

    package init() {}
}

/// Limits on what an agent uses. Those of time, files and their size are the operating system's on each process; `nil`
/// leaves the host's.
package struct AgentLimits: Sendable, Equatable {
    package var cpuSeconds: Int? = 7200
    package var openFiles: Int? = 4096
    package var fileSize: Int? = 1 << 30
    /// Processes of a run. It takes a cgroup, or a sandbox of a user who is not root.
    package var processes = 512
    /// Bytes of memory of all processes of a run together, by a cgroup. Where there is none, what is set here is the limit
    /// of each process' private memory; the default then is none, because agents on V8, Go or JavaScriptCore reserve far
    /// more than they use.
    package var memory: Int?
    package static let defaultMemory = 4 << 30
    /// Bytes of output, and of what is said on standard error.
    package var output = 256 << 20
    /// Bytes that the home and the temporary files of a sandbox may each take.
    package var temporary = 256 << 20

    package init() {}
}
