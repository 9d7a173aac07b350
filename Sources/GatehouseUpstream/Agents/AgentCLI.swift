import GatehouseCore

/// What is fixed about one command-line agent: how it is called and how it is read. One file each, under `CLIs/`.
package protocol AgentCLI: Sendable {
    /// Names to look for on `PATH`, the best first.
    var executables: [String] { get }
    /// Variables of the gateway's environment that the agent may see, beside the ones that all get.
    var environmentNames: [String] { get }
    /// Variables that are always set.
    var environment: [String: String] { get }
    var delivery: PromptDelivery { get }
    /// Bytes of a prompt that the agent is known to take.
    var promptLimit: Int { get }
    var home: AgentHome { get }
    /// What of its home it is let see inside a sandbox: its login, and what it needs to use it.
    var homeFolders: [AgentHomeFolder] { get }
    /// Variables that may name a file it has to read.
    var fileVariables: [String] { get }
    /// Whether it talks to somebody over the network.
    var needsNetwork: Bool { get }
    /// Whether it acts on `/command` and `@path` inside a prompt, so that these must be defused.
    var readsCommands: Bool { get }
    /// Whether it can open files that lie in the folder it works in.
    var opensFiles: Bool { get }
    /// What is known of its versions, and of how it is installed and logged in.
    var contract: AgentContract { get }

    /// How it can be driven, its own way first.
    var drivers: [AgentDriver] { get }

    /// The arguments behind the executable, of one run. Only validated words and fixed text may stand in them, and the prompt where
    /// `delivery` is `.argument`.
    func arguments(_ invocation: AgentInvocation) -> [String]

    func makeOutput() -> any AgentOutput

    /// The arguments behind the executable, of a process that is kept for many turns.
    func arguments(_ driver: AgentDriver, model: String) -> [String]

    /// Variables that tell such a process its model, where arguments cannot.
    func environment(model: String) -> [String: String]

    /// The protocol of such a process; `nil` where it has none.
    func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)?
}

extension AgentCLI {
    package var environment: [String: String] { [:] }
    package var delivery: PromptDelivery { .stdin }
    package var promptLimit: Int { 8 << 20 }
    package var home: AgentHome { .user }
    package var homeFolders: [AgentHomeFolder] { [] }
    package var fileVariables: [String] { [] }
    package var needsNetwork: Bool { true }
    package var readsCommands: Bool { true }
    package var opensFiles: Bool { true }
    package var contract: AgentContract { AgentContract() }
    package var drivers: [AgentDriver] { [.oneShot] }

    package func arguments(_ invocation: AgentInvocation) -> [String] { [] }
    package func makeOutput() -> any AgentOutput { TextOutput() }

    package func arguments(_ driver: AgentDriver, model: String) -> [String] { [] }
    package func environment(model: String) -> [String: String] { [:] }
    package func makeMachine(_ driver: AgentDriver, _ setup: DriverSetup) -> (any DriverMachine)? {
        driver == .acp ? ACPMachine(setup) : nil
    }
}

/// How a prompt reaches an agent.
package enum PromptDelivery: String, Sendable, CaseIterable {
    case stdin
    /// As a file of mode 0600 in the private directory of the run.
    case file
    /// As one argument: visible to other users of the host, and only for agents that take nothing else.
    case argument
}

/// Which directory an agent gets as `HOME`.
///
/// The known CLIs keep their login below it (`~/.gemini`, `~/.codex`, `~/.claude`), so that by default they get the
/// home of the user the gateway runs as; a gateway for many users should run as a user of its own or set `path`. In a
/// sandbox it is empty but for what `AgentCLI.homeFolders` names. `custom` agents get an empty one per run.
package enum AgentHome: Sendable, Equatable {
    case user
    case perRun
    case path(String)
}

/// The variable parts of one call of an agent.
package struct AgentInvocation: Sendable, Equatable {
    /// Validated; empty for the agent's own default.
    package var model: String
    /// The prompt; only for `.argument`.
    package var prompt: String
    /// Where the prompt lies; only for `.file`.
    package var promptFile: String
    /// Seconds after which the run is ended in any case.
    package var totalSeconds: Int

    package init(model: String, prompt: String = "", promptFile: String = "", totalSeconds: Int = 1800) {
        self.model = model
        self.prompt = prompt
        self.promptFile = promptFile
        self.totalSeconds = totalSeconds
    }

    /// `[flag, model]`, or nothing without a model.
    func model(_ flag: String) -> [String] {
        model.isEmpty ? [] : [flag, model]
    }
}

extension JSONValue {
    /// A count of tokens: a number that is not negative, else 0.
    func tokens(_ key: String) -> Int {
        max(0, self[key]?.int ?? self[key]?.double.flatMap { Int(exactly: $0.rounded()) } ?? 0)
    }

    /// A text that is there and not empty.
    func text(_ key: String) -> String? {
        guard let text = self[key]?.string, !text.isEmpty else { return nil }
        return text
    }
}
