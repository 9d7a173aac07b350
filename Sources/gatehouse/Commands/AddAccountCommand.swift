import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import GatehouseUpstream
import Glibc

/// `gatehouse agents add-account`
struct AddAccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-account",
        abstract: "Make a private home for an account of an agent, and log it in here.",
        discussion: """
            The vendor's own login runs in this terminal, with the account's home as HOME; \
            then the agent is asked whether it is logged in. Nothing is written down \
            elsewhere. A gateway that runs takes the account up with its next start, or \
            with SIGHUP, once the configuration names it.

            EXAMPLES
              gatehouse agents add-account claude work
              gatehouse agents add-account codex private --config gatehouse.yaml
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The agent's name in the configuration, or its kind.")
    var agent: String

    @Argument(help: "The account's name.")
    var name: String

    func run() async throws {
        try await CommandFailure.reported {
            let loader = try options.loader()
            let configuration = try loader.load().get()
            let directory = try DataDirectory.prepare(options.dataDirectoryPath())
            let (settings, known) = try find(configuration)
            let own = known?.home ?? AgentAccount.home(of: name, agent: settings.name, in: directory.path)
            let account = AgentAccount(name: name, home: own)
            let login = AccountLogin(
                settings, account, environment: ProcessEnvironment.variables(), dataDirectory: directory.path)
            CommandOutput.print("The home of this account is \(own)\n")
            let isSignedIn: Bool?
            do throws(Failure) {
                try login.prepare()
                let lock = try await Self.lock(account, of: settings.name, in: directory.path)
                defer { lock.release() }
                try await login.run()
                isSignedIn = try await login.probe()
            } catch {
                throw AccountProblem(message: error.detail)
            }
            guard isSignedIn != false else {
                throw AccountProblem(message: "the agent says that nobody is logged in; run this command again")
            }
            CommandOutput.print(Self.report(settings.name, name, isSure: isSignedIn == true, isKnown: known != nil))
        }
    }

    /// A login beside a process with the same account would undo it.
    private static func lock(
        _ account: AgentAccount, of agent: String, in directory: String
    ) async throws(Failure) -> AccountLock {
        let name = AccountLock.name(of: account.name, agent: agent)
        let locks = AccountLock.directory(in: directory)
        for attempt in 0..<attempts {
            if let lock = try AccountLock(name, in: locks, isAlone: true) { return lock }
            if attempt == 0 {
                CommandOutput.print("An agent works with this account; waiting until it has ended ...\n")
            }
            guard (try? await Task.sleep(for: .milliseconds(250))) != nil else { break }
        }
        throw Failure(
            .busy,
            detail: "an agent of a gateway that runs works with this account; log it in with "
                + "POST /api/agents/\(agent)/login there, or stop that gateway")
    }

    private static let attempts = 60

    private func find(
        _ configuration: GatehouseConfiguration
    ) throws -> (AgentSettings, AgentConfiguration.Account?) {
        guard AgentAccount.isName(name) else {
            throw AccountProblem(message: "an account's name is up to 64 letters, digits and . - _")
        }
        if let found = configuration.agents.first(where: { $0.name == agent }),
            let kind = AgentKind(rawValue: found.kind)
        {
            return (AgentSettings(found, kind: kind), found.accounts.first { $0.name == name })
        }
        guard let kind = AgentKind(rawValue: agent), kind != .custom else {
            throw AccountProblem(message: "there is no agent \"\(agent)\"; gatehouse agents lists them")
        }
        return (AgentSettings(name: agent, kind: kind), nil)
    }

    static func report(_ agent: String, _ name: String, isSure: Bool, isKnown: Bool) -> String {
        let state = isSure ? "is logged in" : "has run its login; whether it holds the first call will tell"
        let next =
            isKnown
            ? "" : "Name it in the configuration:\n  agents: [ { name: \(agent), accounts: [ { name: \(name) } ] } ]\n"
        return "Account \(name) of \(agent) \(state).\n" + next
    }
}

/// Why an account could not be added.
struct AccountProblem: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
