import GatehouseCore
import Subprocess

/// One of the vendor's own commands in the home of an account: a login, or the question whether there is one.
struct LoginCommand: Sendable {
    let settings: AgentSettings
    let account: AgentAccount
    let arguments: [String]
    let recipe: LoginRecipe
    /// It is given one of its own, as its standard input and output.
    let hasTerminal: Bool

    /// The settings of a run with the account.
    var own: AgentSettings { settings.using(account) }

    func environment(_ places: AgentPlaces, host: [String: String]) -> [String: String] {
        var environment = AgentEnvironment.make(own, cli: own.cli, places: places, host: host)
            .merging(recipe.environment) { _, recipe in recipe }
        environment["NO_BROWSER"] = "true"
        environment["BROWSER"] = "/bin/true"
        guard hasTerminal else { return environment }
        environment["TERM"] = "xterm-256color"
        environment["CI"] = nil
        return environment
    }

    /// - Throws: `Failure` `.spawn` when there is no such executable.
    func executable(path: String) throws(Failure) -> String {
        guard let found = AgentLaunch.executable(settings, path: path) else {
            throw Failure(.spawn, detail: "ENOENT: \(settings.command.first ?? settings.kind.rawValue)")
        }
        return found
    }
}

extension AgentLaunch {
    /// Looks at files of the host.
    ///
    /// The vendor's program writes files of its own choice when it logs in: in its sandbox it sees the whole home of its
    /// account. Nobody else's text goes into it.
    init(
        _ command: LoginCommand, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration,
        on host: AgentHost, gateway: Int
    ) throws(Failure) {
        let settings = command.own
        let path = try command.executable(path: configuration.environment["PATH"] ?? "")
        let isConfined = settings.sandbox != .off
        var places = AgentPlaces(directory, settings, host: configuration.environment)
        if isConfined { places = places.confined }
        environment = command.environment(places, host: configuration.environment)
        supervisor = configuration.supervisor
        self.directory = directory.work
        place = isConfined ? SandboxPlan.workspace : directory.work
        input = ""
        grace = settings.grace
        outputLimit = settings.limits.output
        arguments = SupervisorOptions.make(settings, directory: directory, host: host, gateway: gateway)
        if isConfined {
            var sandbox = AgentConfinement(settings: settings, environment: environment, executable: path)
            sandbox.showsHome = true
            sandbox.hasTerminal = command.hasTerminal
            arguments += try sandbox.arguments(in: directory, configuration, on: host)
        } else {
            arguments += command.hasTerminal ? ["--terminal", "--"] : ["--"]
        }
        self.command = [path] + settings.command.dropFirst() + command.arguments
        arguments += self.command
    }
}

extension AgentLaunch {
    var variables: Environment { .custom(environment.map { Array("\($0.key)=\($0.value)\0".utf8) }) }

    /// A session of its own; cancelling ends the supervisor, and with it the tree.
    var options: PlatformOptions {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, allowedDurationToNextStep: grace + SupervisedProcess.supervisorMargin)
        ]
        return options
    }
}
