package import GatehouseCore
package import NIOCore
import Synchronization

/// Where accounts are logged in: one login at a time for each, led by an operator who may be elsewhere.
///
/// `run()` belongs into the service group beside the runner's; while it runs, logins are carried out, and when it is
/// cancelled each program is ended.
package final class LoginDesk: Sendable {
    private struct Key: Hashable {
        var agent: String
        var account: String
    }

    private struct State {
        var sessions: [Key: LoginSession] = [:]
        var isClosed = false
    }

    private static let maximumRunning = 8
    /// How long a login waits until no agent works with its account.
    private static let patience = Duration.seconds(120)
    private let runner: AgentRunner
    private let group: any EventLoopGroup
    private let limits: LoginMachine.Limits
    private let onEnd: @Sendable (LoginStatus) -> Void
    private let state = Mutex(State())
    private let (requests, inbox): (AsyncStream<LoginSession>, AsyncStream<LoginSession>.Continuation)

    /// - Parameter onEnd: Told how each login ended. It must not block.
    package init(
        runner: AgentRunner, group: any EventLoopGroup, limits: LoginMachine.Limits = .init(),
        onEnd: @escaping @Sendable (LoginStatus) -> Void
    ) {
        self.runner = runner
        self.group = group
        self.limits = limits
        self.onEnd = onEnd
        (requests, inbox) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.maximumRunning))
    }

    // MARK: For operators

    /// Begins a login.
    ///
    /// - Throws: `invalid_argument` for an agent that cannot be logged in from here and for an account that is being logged
    ///   in already, `overloaded` when too many are.
    package func start(_ settings: AgentSettings, account: AgentAccount) throws(GatehouseError) -> LoginStatus {
        guard let recipe = settings.kind.login else {
            throw GatehouseError(
                .invalidArgument,
                "Agents of the kind \(settings.kind.rawValue) cannot be logged in over the API; use gatehouse agents "
                    + "add-account.")
        }
        let session = LoginSession(id: Self.randomID(), settings, account, recipe, limits)
        let key = Key(agent: settings.name, account: account.name)
        let problem: GatehouseError? = state.withLock { state in
            let running = state.sessions.filter { !$0.value.status.phase.isOver }
            if running[key] != nil {
                return GatehouseError(.invalidArgument, "This account is being logged in already. Cancel that first.")
            }
            guard !state.isClosed, running.count < Self.maximumRunning else {
                return GatehouseError(.overloaded, "Too many logins are going on.", retryAfter: 10)
            }
            state.sessions[key] = session
            return nil
        }
        if let problem { throw problem }
        if case .enqueued = inbox.yield(session) {} else { session.failedToStart() }
        return session.status
    }

    /// - Throws: `not_found` when no login was begun.
    package func status(_ agent: String, _ account: String) throws(GatehouseError) -> LoginStatus {
        try session(agent, account).status
    }

    package func submit(
        _ code: String, _ agent: String, _ account: String
    ) throws(GatehouseError) -> LoginStatus {
        let session = try session(agent, account)
        try session.submit(code)
        return session.status
    }

    package func cancel(_ agent: String, _ account: String) throws(GatehouseError) -> LoginStatus {
        let session = try session(agent, account)
        session.cancel()
        return session.status
    }

    private func session(_ agent: String, _ account: String) throws(GatehouseError) -> LoginSession {
        guard let found = state.withLock({ $0.sessions[Key(agent: agent, account: account)] }) else {
            throw GatehouseError(.notFound, "No login was begun for this account.")
        }
        return found
    }

    private static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return "login-" + String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16)
    }

    // MARK: Running

    package func shutDown() {
        inbox.finish()
        let sessions = state.withLock { state in
            state.isClosed = true
            return Array(state.sessions.values)
        }
        for session in sessions { session.cancel() }
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            for await session in requests { group.addTask { await self.perform(session) } }
            if Task.isCancelled {
                shutDown()
                group.cancelAll()
            }
        }
    }

    /// What the host offers is known a moment after the start.
    private func host(for session: LoginSession) async -> AgentHost? {
        for _ in 0..<400 where runner.host == nil && !session.status.phase.isOver {
            try? await Task.sleep(for: .milliseconds(25))
        }
        return runner.host
    }

    /// Waits until no agent works with the account, or the login is over.
    private func enterAlone(for session: LoginSession) async throws(Failure) -> AccountHomes.Stay {
        let (account, agent) = (session.account, session.settings.name)
        runner.vacate(account.name, of: agent)
        let entered = await withTaskGroup(of: Result<AccountHomes.Stay, Failure>?.self) { group in
            group.addTask { [homes = runner.homes] in
                do throws(Failure) {
                    return .success(try await homes.enterAlone(account, of: agent, patience: Self.patience))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await session.over.wait()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let entered else { throw Failure(.cancelled) }
        return try entered.get()
    }

    private func perform(_ session: LoginSession) async {
        do throws(Failure) {
            try AccountHome.inspect(session.account.home)
            guard let host = await host(for: session) else { throw Failure(.spawn, detail: "no agents are run here") }
            let stay = try await enterAlone(for: session)
            defer { stay.end() }
            guard session.begin() else { throw Failure(.cancelled) }
            await LoginRun(session, runner.configuration, host, group).perform()
        } catch {
            session.failedToStart(error.kind == .busy ? .accountBusy : .startFailed)
        }
        onEnd(session.status)
    }
}
