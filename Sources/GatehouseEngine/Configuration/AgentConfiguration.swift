package import GatehouseCore

/// One command-line agent that is run as a process. An item of `agents`.
package struct AgentConfiguration: Sendable, Equatable {
    /// The first half of the model name `agent/model`.
    package var name: String
    /// A known agent, or `custom`.
    package var kind: String
    /// The executable, as a path or a name looked up on PATH, and the arguments in front of those of the kind. Empty
    /// takes the kind's own executable; never empty for `custom`.
    package var command: [String] = []
    /// How a `custom` agent is given its prompt.
    package var prompt: Prompt = .stdin
    /// What a `custom` agent prints: `text`, or the name of a dialect of JSON lines.
    package var output = "text"
    package var sandbox: Sandbox = .readOnly
    /// Whether it reaches the network from inside its sandbox; `nil` is what the kind needs.
    package var network: Bool?
    /// Further files and folders that it may read, and that it may write, inside its sandbox.
    package var read: [String] = []
    package var write: [String] = []
    /// How it is given files; `nil` is the kind's own way.
    package var files: Files?
    /// A folder that it works in and cannot change; `nil` gives it an empty one.
    package var directory: String?
    /// Processes at the same time.
    package var concurrency = 4
    /// How it is spoken to; `nil` is the kind's own way.
    package var driver: Driver?
    /// The processes that are kept, where the driver keeps them.
    package var pool = Pool()
    /// What it may do that it asks for; `nil` is what its sandbox lets it do.
    package var permissions: Permissions?
    /// The model that is asked for when a caller names only the agent; `nil` leaves it to the agent.
    package var model: String?
    /// Added to the small environment that agents get. The values may be credentials.
    package var environment: [Variable] = []
    /// The HOME that the agent sees, with its login in it; `nil` gives it that of the gateway.
    package var home: String?
    /// Logins to change between, each with a home of its own.
    package var accounts: [Account] = []
    /// Further models of it, for when it has no capacity for the one that was asked for, or does not know it.
    package var fallbackModels: [String] = []
    package var timeouts = Timeouts()
    package var limits = Limits()

    package init(name: String, kind: String) {
        self.name = name
        self.kind = kind
    }

    /// A variable of an agent's environment. An entry of `agents[].environment`.
    package struct Variable: Sendable, Equatable {
        package var name: String
        package var value: Secret

        package init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// How an agent is given the files that a call names.
    package enum Files: String, Sendable, CaseIterable {
        /// To open: their paths stand in the prompt.
        case path
        /// What stands in them, in the prompt.
        case text
    }

    /// A login of an agent. An item of `agents[].accounts`.
    package struct Account: Sendable, Equatable {
        package var name: String
        /// Its HOME; `nil` is a private folder in the data directory.
        package var home: String?
        /// Runs at the same time.
        package var concurrency = 1
        /// Its share of the runs.
        package var weight = 1

        package init(name: String) {
            self.name = name
        }
    }

    /// Where a prompt goes. It is never an argument: those are seen by every user of the host.
    package enum Prompt: String, Sendable, CaseIterable {
        case stdin
        /// The path of a private file with the prompt becomes the last argument.
        case file
    }

    /// What an agent may do to the host.
    package enum Sandbox: String, Sendable, CaseIterable {
        /// Process limits only.
        case off
        /// It changes nothing but its own temporary files.
        case readOnly
        /// It may also write into its own folder.
        case workspace
    }

    /// How an agent is spoken to.
    package enum Driver: String, Sendable, CaseIterable {
        /// A process for each call.
        case oneShot
        /// Messages as lines of JSON, to a process of one conversation.
        case stdin
        /// The Agent Client Protocol.
        case acp
        /// The protocol of `codex app-server`.
        case appServer
    }

    /// What an agent that asks is told.
    package enum Permissions: String, Sendable, CaseIterable {
        case reject
        /// Yes, each time anew.
        case allow
    }

    /// Processes that are kept for many calls, of one caller each. Keys below `agents[].pool`.
    package struct Pool: Sendable, Equatable {
        /// Started in advance, for whoever comes.
        package var minimum = 0
        /// At the same time; `nil` is `concurrency`.
        package var maximum: Int?
        /// Until a process that nobody uses is ended.
        package var idle: Duration = .seconds(5 * 60)
        package var age: Duration = .seconds(3600)
        /// Calls that one process answers.
        package var turns = 50
        /// Of a process and all that it started, looked at between calls.
        package var memory = 2 << 30
        /// Calls that wait for a process.
        package var queue = 16
        /// How long they wait.
        package var wait: Duration = .seconds(60)

        package init() {}
    }

    /// How long one run may take. Keys below `agents[].timeouts`.
    package struct Timeouts: Sendable, Equatable {
        /// From the start of a process that is kept until it can be used.
        package var handshake: Duration = .seconds(30)
        /// Until it has printed anything.
        package var firstOutput: Duration = .seconds(60)
        /// Silence after that.
        package var idle: Duration = .seconds(120)
        /// The whole run.
        package var total: Duration = .seconds(30 * 60)
        /// Between SIGTERM and SIGKILL.
        package var grace: Duration = .seconds(2)

        package init() {}
    }

    /// What one run may use. Keys below `agents[].limits`.
    package struct Limits: Sendable, Equatable {
        /// Time of the processor, of each process.
        package var cpu: Duration = .seconds(2 * 3600)
        /// Of all processes together where there are cgroups, of each one otherwise; `nil` is the default of the first.
        package var memory: Int?
        package var processes = 512
        /// Open files, of each process.
        package var openFiles = 4096
        /// Of one file.
        package var fileSize = 1 << 30
        /// What it prints.
        package var output = 256 << 20
        /// Of its home and of its temporary files, each.
        package var temporary = 256 << 20

        package init() {}
    }
}

extension AgentConfiguration {
    /// The kind of an agent that this gateway knows nothing about.
    package static let customKind = "custom"
    /// The same, but that it speaks the Agent Client Protocol.
    package static let protocolKind = "acp"
}
