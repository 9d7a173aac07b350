package import GatehouseCore
package import NIOCore

/// Looks at an agent of the configuration as a run would meet it, and says what to do where it would fail.
///
/// Whatever it starts runs supervised and in the agent's own sandbox, has a time limit, and is gone with its whole tree when
/// an answer comes. Logins are asked for with the CLI's own command, never guessed from files.
package struct AgentDoctor: Sendable {
    private let configuration: AgentRunnerConfiguration
    private let eventLoop: any EventLoop
    private let limit: Duration
    private let host: AgentHost

    /// Looks at the host first.
    ///
    /// - Parameter limit: For each command that is run.
    /// - Throws: `Failure` `.spawn` when agents cannot be run at all: no supervisor, or no directory of runs.
    package init(
        _ configuration: AgentRunnerConfiguration, on eventLoop: any EventLoop, limit: Duration = .seconds(15)
    ) async throws(Failure) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.limit = limit
        guard AgentDiscovery.find(configuration.supervisor, path: "") != nil else {
            throw Failure(.spawn, detail: "there is no gatehouse-supervisor beside this binary")
        }
        _ = try RunDirectory.lock(base: configuration.runsDirectory)
        host = try await AgentHost.probe(configuration)
    }

    /// Sandboxes, and limits on all processes of a run together.
    ///
    /// - Parameter needsSandbox: Whether any agent is to have one.
    package func hostFindings(needsSandbox: Bool) -> [Finding] {
        var findings: [Finding] = []
        if let problem = host.sandboxProblem {
            findings.append(
                Finding(
                    "agents", "sandbox", needsSandbox ? .broken : .notice, problem,
                    advice: "install bubblewrap 0.8 or newer and allow unprivileged user namespaces; "
                        + "until then agents with a sandbox are refused"))
        } else {
            let kind = host.hasUserNamespaces ? "with user namespaces" : "by root, without user namespaces"
            findings.append(Finding("agents", "sandbox", .ok, "\(host.version ?? "bubblewrap"), \(kind)"))
        }
        let uses = host.cgroupUses
        findings.append(
            uses.isEmpty
                ? Finding(
                    "agents", "cgroups", .notice, "none: memory is limited per process, not per run",
                    advice: "delegate a cgroup (systemd: Delegate=yes) to limit a run as a whole")
                : Finding("agents", "cgroups", .ok, uses.joined(separator: ", ")))
        return findings
    }

    /// Path, sandbox, version and login of an agent, in this order; where one is broken, what needs it is left out.
    package func examine(_ settings: AgentSettings) async -> [Finding] {
        let subject = "agent \(settings.name)"
        let contract = settings.cli.contract
        guard let path = AgentLaunch.executable(settings, path: configuration.environment["PATH"] ?? "") else {
            let name = settings.command.first ?? settings.cli.executables.first ?? settings.kind.rawValue
            let advice = contract.installation.isEmpty ? "set agents[].command" : contract.installation
            return [Finding(subject, "path", .broken, "\(name) is not there or cannot be executed", advice: advice)]
        }
        var findings = [Finding(subject, "path", .ok, path), sandbox(settings, subject)]
        guard findings.last?.verdict != .broken else { return findings }
        guard !settings.isDescribed else {
            findings.append(
                Finding(subject, "version", .skipped, "nothing is known of \(settings.kind.rawValue) agents"))
            return findings
        }
        let version = await version(settings, subject, contract)
        findings.append(version)
        guard version.verdict != .broken else { return findings }
        guard !settings.accounts.isEmpty else { return findings + [await login(settings, subject, contract)] }
        for account in settings.accounts {
            var own = settings
            own.use(account)
            findings.append(await login(own, "\(subject), account \(account.name)", contract))
        }
        return findings
    }

    private func sandbox(_ settings: AgentSettings, _ subject: String) -> Finding {
        guard settings.sandbox != .off else {
            return Finding(
                subject, "sandbox", .notice, "off: it may do what this gateway's user may",
                advice: "set agents[].sandbox to readOnly or workspace")
        }
        if let problem = host.sandboxProblem { return Finding(subject, "sandbox", .broken, problem) }
        return Finding(subject, "sandbox", .ok, settings.policy)
    }

    private func probe(_ settings: AgentSettings, _ arguments: [String]) async -> AgentProbe.Outcome {
        await AgentProbe(settings: settings, configuration: configuration, host: host, eventLoop: eventLoop)
            .run(arguments, limit: limit)
    }

    // MARK: Version

    private func version(_ settings: AgentSettings, _ subject: String, _ contract: AgentContract) async -> Finding {
        let outcome = await probe(settings, ["--version"])
        switch outcome.status {
        case .failure(let failure):
            return Finding(
                subject, "version", .broken, "\(failure.kind.label): \(failure.detail)", advice: Self.advice(failure))
        case .success(let status) where status != .exited(0):
            return Finding(
                subject, "version", .broken, "--version ends with \(status.words): \(outcome.text.lastWords)",
                advice: settings.sandbox == .off
                    ? contract.installation
                    : "if it works outside of the sandbox, name the files it misses in agents[].read")
        case .success:
            return Self.judge(AgentVersion(in: outcome.text), outcome.text, subject, contract)
        }
    }

    /// What `--version` prints, as far as it is a version.
    package func version(of settings: AgentSettings) async -> String? {
        guard !settings.isDescribed else { return nil }
        let outcome = await probe(settings, ["--version"])
        guard case .success(.exited(0)) = outcome.status else { return nil }
        return AgentVersion(in: outcome.text)?.description
    }

    static func judge(
        _ version: AgentVersion?, _ text: String, _ subject: String, _ contract: AgentContract
    ) -> Finding {
        guard let version else {
            return Finding(subject, "version", .notice, "not understood: \(text.lastWords)")
        }
        if let minimum = contract.minimum.flatMap(AgentVersion.init(in:)), version < minimum {
            return Finding(
                subject, "version", .broken, "\(version); at least \(minimum) is needed", advice: contract.installation)
        }
        guard let tried = contract.tried.flatMap(AgentVersion.init(in:)) else {
            return Finding(subject, "version", .ok, "\(version); no version in particular was tried")
        }
        guard tried < version else { return Finding(subject, "version", .ok, "\(version)") }
        return Finding(
            subject, "version", .notice, "\(version) is newer than \(tried), the newest that was tried",
            advice: "should its answers fail, send a transcript: gatehouse agents record")
    }

    // MARK: Login

    private func login(_ settings: AgentSettings, _ subject: String, _ contract: AgentContract) async -> Finding {
        if let account = settings.account {
            do throws(Failure) {
                try AccountHome.inspect(account.home)
            } catch {
                let advice = "log in with the home \(account.home), which must be of mode 0700"
                return Finding(subject, "login", .broken, error.detail, advice: advice)
            }
        }
        guard let arguments = contract.loginArguments else {
            return Finding(subject, "login", .skipped, "it has no command that tells; --run shows it")
        }
        let outcome = await probe(settings, arguments)
        guard case .success(.exited(let code)) = outcome.status else {
            return Finding(
                subject, "login", .notice, "\(arguments.joined(separator: " ")) does not answer", advice: contract.login
            )
        }
        return switch AgentLoginState(exit: code, output: outcome.text) {
        case .loggedIn: Finding(subject, "login", .ok, "logged in, says \(arguments.joined(separator: " "))")
        case .loggedOut: Finding(subject, "login", .broken, "not logged in", advice: contract.login)
        case .unknown:
            Finding(
                subject, "login", .notice, "\(arguments.joined(separator: " ")) ends with exit \(code)",
                advice: contract.login)
        }
    }

    // MARK: A tiny run

    /// Asks the agent for one word, which its vendor may charge for, and looks at the shape of what comes.
    package func tryOut(_ settings: AgentSettings) async -> Finding {
        let subject = "agent \(settings.name)"
        let trial = await AgentTrial.ask(
            "Answer with the single word: ready", of: settings.accounts.first.map { settings.using($0) } ?? settings,
            configuration, on: eventLoop)
        switch trial.result {
        case .success(let finish):
            let usage = finish.usage == nil ? "no usage told" : "usage told"
            return Finding(subject, "answer", .ok, "\(trial.text.utf8.count) bytes of text, \(usage)")
        case .failure(let failure):
            return Finding(
                subject, "answer", .broken, "\(failure.kind.label): \(failure.detail)",
                advice: failure.kind == .auth ? settings.cli.contract.login : Self.advice(failure))
        }
    }

    static func advice(_ failure: Failure) -> String {
        switch failure.kind {
        case .sandbox: "see docs/decisions/0011-sandbox.md; what it needs can be named in agents[].read"
        case .timeout: "look whether it waits for a login or for the network"
        case .spawn: "see that the command can be executed, and that enough processes and files are allowed"
        case .auth: "log in as the user that the gateway runs as, or set agents[].home"
        case .quota, .rate: "wait for its quota, or add another account"
        case .modelUnknown: "set agents[].model to one that the agent knows"
        case .truncated, .protocol, .empty: "its output may have changed: gatehouse agents record shows it"
        default: "gatehouse agents record shows what it says"
        }
    }
}

extension AgentExit.Status {
    /// `exit 1`, `signal 9`.
    package var words: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signaled(let number): "signal \(number)"
        }
    }
}

extension String {
    /// The last line that is not empty, short enough for a table.
    fileprivate var lastWords: String {
        let line = split(separator: "\n").last { line in line.contains { $0 != " " && $0 != "\r" } }
        return line.map { String($0.prefix(160)) } ?? "nothing"
    }
}
