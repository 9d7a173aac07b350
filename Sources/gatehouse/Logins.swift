import GatehouseCore
import GatehouseEngine
import GatehouseServer
import GatehouseUpstream
import Logging
import ServiceLifecycle

/// Carries out logins until the server behind it has ended.
struct LoginService: Service {
    let desk: LoginDesk

    func run() async throws {
        await withGracefulShutdownHandler {
            await desk.run()
        } onGracefulShutdown: {
            desk.shutDown()
        }
    }
}

extension LoginControl {
    /// Logins at this desk.
    init(_ desk: LoginDesk) {
        self.init(
            start: { snapshot, agent, name throws(GatehouseError) in
                let (settings, account) = try Self.find(snapshot, agent, name)
                let status = try desk.start(settings, account: account)
                // Calls go to the others meanwhile; what its end takes back.
                if !status.phase.isOver { snapshot.resilience.accounts(of: agent)?.reserve(account.name, true) }
                return LoginReport(status)
            },
            status: { snapshot, agent, name throws(GatehouseError) in
                LoginReport(try desk.status(agent, try Self.find(snapshot, agent, name).1.name))
            },
            cancel: { snapshot, agent, name throws(GatehouseError) in
                LoginReport(try desk.cancel(agent, try Self.find(snapshot, agent, name).1.name))
            },
            submit: { snapshot, agent, name, code throws(GatehouseError) in
                LoginReport(try desk.submit(code.reveal(), agent, try Self.find(snapshot, agent, name).1.name))
            })
    }

    private static func find(
        _ snapshot: RoutingSnapshot, _ agent: String, _ name: String?
    ) throws(GatehouseError) -> (AgentSettings, AgentAccount) {
        guard let entry = snapshot.upstreams.first(where: { $0.name == agent }),
            let upstream = entry.upstream as? AgentUpstream
        else { throw GatehouseError(.notFound, "There is no such agent.") }
        let accounts = upstream.settings.accounts
        guard !accounts.isEmpty else {
            throw GatehouseError(.invalidArgument, "This agent has no accounts (agents[].accounts).")
        }
        if name == nil, accounts.count == 1 { return (upstream.settings, accounts[0]) }
        guard let name else {
            throw GatehouseError(.missingField, "Name one of the agent's accounts.", param: "account")
        }
        guard let account = accounts.first(where: { $0.name == name }) else {
            throw GatehouseError(.notFound, "There is no such account. GET /api/accounts lists them.")
        }
        return (upstream.settings, account)
    }
}

extension LoginReport {
    init(_ status: LoginStatus) {
        self.init(
            agent: status.agent, account: status.account, state: status.phase.rawValue,
            style: status.style.rawValue)
        problem = status.problem?.rawValue
        url = status.url
        userCode = status.userCode
        secondsLeft = status.secondsLeft
        isProbed = status.isProbed
    }
}

/// What comes of logins.
enum LoginEnds {
    /// A login that holds brings its account back; the log tells how each ended, and nothing of what was typed or shown.
    static func noting(_ resilience: Resilience, _ logger: Logger) -> @Sendable (LoginStatus) -> Void {
        { status in
            resilience.accounts(of: status.agent)?.reserve(status.account, false)
            if status.phase == .succeeded {
                resilience.accounts(of: status.agent)?.probed(status.account, isSignedIn: true)
            }
            logger.notice(
                "A login of an agent's account has ended",
                metadata: [
                    "agent": "\(status.agent)", "account": "\(status.account)", "state": "\(status.phase.rawValue)",
                    "problem": "\(status.problem?.rawValue ?? "none")",
                ])
        }
    }
}
