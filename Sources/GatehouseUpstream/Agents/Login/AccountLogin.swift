package import GatehouseCore
import Glibc
import Subprocess
import SystemPackage

/// A login in the operator's own terminal: the vendor's program as it is, in the home of the account.
package struct AccountLogin: Sendable {
    private let settings: AgentSettings
    private let account: AgentAccount
    private let environment: [String: String]
    private let dataDirectory: String

    package init(
        _ settings: AgentSettings, _ account: AgentAccount, environment: [String: String], dataDirectory: String
    ) {
        self.settings = settings
        self.account = account
        self.environment = environment
        self.dataDirectory = dataDirectory
    }

    /// - Throws: `Failure` `.spawn` when the home cannot be used.
    package func prepare() throws(Failure) {
        try AccountHome.prepare(account.home, in: dataDirectory)
    }

    /// - Throws: `Failure` `.spawn` when there is no such program or login, `.auth` when it fails.
    package func run() async throws(Failure) {
        guard let arguments = settings.kind.terminalLogin else {
            throw Failure(.spawn, detail: "agents of the kind \(settings.kind.rawValue) have no login of their own")
        }
        let status = try await start(arguments, isProbe: false).status
        guard status == .exited(0) else { throw Failure(.auth, detail: "the agent's login did not end well") }
    }

    /// Whether somebody is logged in; `nil` where the CLI cannot be asked.
    package func probe() async throws(Failure) -> Bool? {
        guard let arguments = settings.cli.contract.loginArguments else { return nil }
        guard case (.exited(let code), let output) = try await start(arguments, isProbe: true) else { return nil }
        return AgentLoginState(exit: code, output: output).isLoggedIn
    }

    private func start(
        _ arguments: [String], isProbe: Bool
    ) async throws(Failure) -> (status: AgentExit.Status, output: String) {
        let recipe = settings.kind.login ?? LoginRecipe(style: .code, arguments: [], hosts: [])
        let command = LoginCommand(
            settings: settings, account: account, arguments: arguments, recipe: recipe, hasTerminal: !isProbe)
        let path = try command.executable(path: environment["PATH"] ?? "")
        var variables = command.environment(
            AgentPlaces(home: account.home, temporary: environment["TMPDIR"] ?? "/tmp"), host: environment)
        if !isProbe { variables["TERM"] = environment["TERM"] }
        do {
            return try await Self.spawn(
                path, settings.command.dropFirst() + arguments, variables, isProbe: isProbe)
        } catch {
            throw Failure(.spawn, detail: "\(path): \(error)".bounded)
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ variables: [String: String], isProbe: Bool
    ) async throws -> (AgentExit.Status, String) {
        let environment = Environment.custom(variables.map { Array("\($0.key)=\($0.value)\0".utf8) })
        guard isProbe else {
            let result = try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments), environment: environment,
                input: .fileDescriptor(.standardInput, closeAfterSpawningProcess: false),
                output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
            return (AgentExit.Status(result.terminationStatus), "")
        }
        let result = try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments), environment: environment, input: .none,
            output: .string(limit: 64 << 10), error: .string(limit: 64 << 10))
        return (AgentExit.Status(result.terminationStatus), result.standardOutput + "\n" + result.standardError)
    }
}

extension AgentKind {
    /// The arguments of a login in a terminal; `nil` where there is none.
    package var terminalLogin: [String]? {
        switch self {
        case .opencode: ["auth", "login"]
        case .llm: ["keys", "set", "openai"]
        case .qwen: []
        default: login?.arguments
        }
    }
}
