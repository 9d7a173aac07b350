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
    /// Runs at the same time. More are refused with `Failure.busy`.
    package var concurrency = 4
    /// `nil` for the kind's default, see `AgentHome`.
    package var home: AgentHome?
    /// Further variables of the gateway's environment that the agent may see.
    package var environmentNames: [String] = []
    /// Variables that only this agent gets, over all others; the values may be credentials.
    package var environment: [String: Secret] = [:]
    /// Only for `custom`.
    package var prompt = PromptDelivery.stdin
    /// Only for `custom`.
    package var output = AgentOutputFormat.text
    package var timeouts = AgentTimeouts()
    /// Between SIGTERM and SIGKILL.
    package var grace = Duration.seconds(2)
    package var limits = AgentLimits()

    package init(name: String, kind: AgentKind) {
        self.name = name
        self.kind = kind
    }

    /// What is fixed about this agent.
    var cli: any AgentCLI {
        kind.cli ?? Custom(command: command, delivery: prompt, output: output)
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
    /// Until the first byte of output.
    package var firstOutput = Duration.seconds(60)
    /// Between two pieces of output. It rests while the caller does not read.
    package var idle = Duration.seconds(120)
    package var total = Duration.seconds(1800)
    /// After the agent's own terminal record, until its process ends; then it is ended.
    package var linger = Duration.seconds(5)

    package init() {}
}

/// Limits of the operating system on an agent's processes, each; `nil` leaves the host's.
package struct AgentLimits: Sendable, Equatable {
    package var cpuSeconds: Int? = 7200
    package var openFiles: Int? = 4096
    package var fileSize: Int? = 1 << 30
    /// Bytes of private memory; off by default because agents on V8, Go or the JVM reserve far more than they use.
    package var data: Int?

    package init() {}
}
