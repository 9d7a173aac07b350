import GatehouseCore
import GatehouseEngine
import GatehouseUpstream
import Glibc
import Logging
import NIOCore
import NIOSSL

/// Makes the upstreams that a configuration names.
struct UpstreamFactory: Sendable {
    let group: any EventLoopGroup
    let runner: AgentRunner
    let tls: NIOSSLContext
    let proxy: HTTPProxy?
    let sockets: SocketBudget
    let version: String
    let environment: [String: String]
    let dataDirectory: String
    let logger: Logger

    /// The built-in model, every provider and every agent.
    func entries(_ configuration: GatehouseConfiguration) -> [UpstreamEntry] {
        var echo = UpstreamEntry(
            name: "gatehouse", upstream: EchoUpstream(), kind: .provider, models: ["echo"], isClosed: true)
        echo.understood = ["max_tokens"]
        return [echo] + configuration.providers.compactMap(provider) + configuration.agents.compactMap(agent)
    }

    private func provider(_ settings: ProviderConfiguration) -> UpstreamEntry? {
        guard let row = ProviderRow.named(settings.kind)?.speaking(settings.dialects),
            let base = settings.baseURL
                ?? row.baseURL.map({ ProviderPlace.fill($0, region: settings.region, project: settings.project) }),
            let origin = HTTPOrigin(base)
        else { return nil }
        let place = ProviderPlace(
            row, base: origin.path, region: settings.region, project: settings.project, apiVersion: settings.apiVersion)
        let timeouts = HTTPTimeouts(
            connect: TimeAmount(settings.timeouts.connect), firstByte: TimeAmount(settings.timeouts.firstByte),
            idle: TimeAmount(settings.timeouts.idle), total: TimeAmount(settings.timeouts.total))
        let access = ProviderAccess(
            credentials: credentials(settings, row), headers: settings.headers.map { ($0.name, $0.value) },
            userAgent: "gatehouse/\(version)")
        let connector = HTTPConnector(
            origin: origin, tls: tls, proxy: proxy, timeout: timeouts.connect, sockets: sockets)
        let upstream = ProviderUpstream(
            name: settings.name, row: row, place: place, access: access, connector: connector, timeouts: timeouts,
            group: group)
        var entry = UpstreamEntry(
            name: settings.name, upstream: upstream, kind: .provider,
            habits: WireHabits(terminator: row.terminator, requests: row.requests),
            models: settings.models)
        entry.providerKind = settings.kind
        entry.source = upstream
        entry.keys = settings.keys.map(\.name)
        entry.limits = Deployment.Limits(settings.limits)
        entry.onDisconnect = settings.onDisconnect
        return entry
    }

    /// One for each key; without keys, one for what the environment has.
    private func credentials(_ settings: ProviderConfiguration, _ row: ProviderRow) -> [ProviderAccess.Credential] {
        // One account, whatever keys are written down beside it.
        if case .serviceAccount = row.authorization {
            return [.init(key: nil, authorizer: authorizer(settings, row, key: nil))]
        }
        let keys = settings.keys.isEmpty ? [nil] : settings.keys.map { Optional($0.value) }
        return keys.map { .init(key: $0, authorizer: authorizer(settings, row, key: $0)) }
    }

    private static let clock: @Sendable () -> Int = { time(nil) }

    /// A key that cannot be used refuses each call; the log says why, now and then.
    ///
    /// - Returns: `nil` where a header with the key suffices.
    private func authorizer(
        _ settings: ProviderConfiguration, _ row: ProviderRow, key: Secret?
    ) -> (any RequestAuthorizer)? {
        do {
            return try usableAuthorizer(settings, row, key: key)
        } catch {
            logger.error(
                "The credentials of a provider cannot be used",
                metadata: ["provider": "\(settings.name)", "reason": "\(error)"])
            return MissingCredential("\(error)")
        }
    }

    private func usableAuthorizer(
        _ settings: ProviderConfiguration, _ row: ProviderRow, key: Secret?
    ) throws -> (any RequestAuthorizer)? {
        switch row.authorization {
        case .bearer, .header, .optionalBearer: return nil
        case .signature(let service):
            let source = try AWSCredentialSource.resolve(
                explicit: try explicit(key), environment: awsEnvironment(settings),
                allowsInstance: settings.instanceCredentials, read: SmallFile.text)
            guard let source else { return MissingCredential() }
            let credentials = AWSCredentialProvider(source, eventLoop: group.any(), tls: tls, clock: Self.clock)
            return AWSRequestSigner(
                region: settings.region ?? "", service: service, credentials: credentials, clock: Self.clock)
        case .serviceAccount:
            let path = settings.credentialsFile ?? environment["GOOGLE_APPLICATION_CREDENTIALS"]
            guard let text = path.flatMap(SmallFile.text) else { return MissingCredential() }
            let account = try GoogleServiceAccount(file: Secret(text))
            let connector = HTTPConnector(origin: account.tokenOrigin, tls: tls, proxy: proxy, timeout: .seconds(5))
            return GoogleTokens(account, connector: connector, eventLoop: group.any(), clock: Self.clock)
        }
    }

    /// A key written as `ACCESS_KEY_ID:SECRET` or `ACCESS_KEY_ID:SECRET:SESSION_TOKEN`.
    private func explicit(_ key: Secret?) throws -> AWSCredentials? {
        guard let key, !key.isEmpty else { return nil }
        let parts = key.reveal().split(separator: ":", maxSplits: 2).map(String.init)
        guard parts.count >= 2 else { throw UnusableKey() }
        return AWSCredentials(
            accessKeyID: parts[0], secretAccessKey: Secret(parts[1]),
            sessionToken: parts.count > 2 ? Secret(parts[2]) : nil)
    }

    private struct UnusableKey: Error, CustomStringConvertible {
        let description = "a key of AWS is written as ACCESS_KEY_ID:SECRET or ACCESS_KEY_ID:SECRET:SESSION_TOKEN"
    }

    private func awsEnvironment(_ settings: ProviderConfiguration) -> [String: String] {
        guard let file = settings.credentialsFile else { return environment }
        return environment.merging(["AWS_SHARED_CREDENTIALS_FILE": file]) { $1 }
    }

    private func agent(_ settings: AgentConfiguration) -> UpstreamEntry? {
        guard let kind = AgentKind(rawValue: settings.kind) else { return nil }
        if settings.sandbox == .off {
            logger.warning(
                "An agent runs without a sandbox: it may do what this gateway's user may",
                metadata: ["agent": "\(settings.name)"])
        }
        var own = AgentSettings(settings, kind: kind)
        own.accounts = settings.accounts.map { account($0, of: settings.name) }
        let upstream = AgentUpstream(settings: own, runner: runner)
        let models = [settings.model].compactMap(\.self) + settings.fallbackModels.filter { $0 != settings.model }
        var entry = UpstreamEntry(
            name: settings.name, upstream: upstream, kind: .agent, hasDefaultModel: true, models: models
        ) { request throws(GatehouseError) in try upstream.validate(request) }
        entry.accounts = settings.accounts.map {
            AccountPool.Member($0.name, concurrency: $0.concurrency, weight: $0.weight)
        }
        entry.accountQueue.queue = settings.pool.queue
        entry.accountQueue.longestWait = Interval(settings.pool.wait)
        entry.defaultModel = settings.model ?? ""
        entry.fallbackModels = settings.fallbackModels
        return entry
    }

    /// A home that cannot be used fails each of its runs; the log says why.
    private func account(_ account: AgentConfiguration.Account, of agent: String) -> AgentAccount {
        let made = AgentAccount(account, of: agent, in: dataDirectory)
        do throws(Failure) {
            try AccountHome.prepare(made.home, in: dataDirectory)
        } catch {
            logger.error(
                "The home of an agent's account cannot be used",
                metadata: ["agent": "\(agent)", "account": "\(account.name)", "reason": "\(error.detail)"])
        }
        return made
    }
}

extension AgentAccount {
    init(_ account: AgentConfiguration.Account, of agent: String, in dataDirectory: String) {
        let home = account.home ?? Self.home(of: account.name, agent: agent, in: dataDirectory)
        self.init(name: account.name, home: home, concurrency: account.concurrency)
    }
}

extension AgentSettings {
    /// With its accounts, whose homes are taken as they are.
    init(_ settings: AgentConfiguration, kind: AgentKind, dataDirectory: String) {
        self.init(settings, kind: kind)
        accounts = settings.accounts.map { AgentAccount($0, of: settings.name, in: dataDirectory) }
    }

    init(_ settings: AgentConfiguration, kind: AgentKind) {
        self.init(name: settings.name, kind: kind)
        command = settings.command
        model = settings.model ?? ""
        concurrency = settings.concurrency
        driver = settings.driver.flatMap { AgentDriver(rawValue: $0.rawValue) }
        permissions = settings.permissions.map { $0 == .allow ? .allowOnce : .reject }
        pool = PoolMachine.Settings(settings.pool, concurrency: settings.concurrency)
        home = settings.home.map { .path($0) }
        environment = Dictionary(settings.environment.map { ($0.name, $0.value) }) { _, last in last }
        timeouts.handshake = settings.timeouts.handshake
        timeouts.firstOutput = settings.timeouts.firstOutput
        timeouts.idle = settings.timeouts.idle
        timeouts.total = settings.timeouts.total
        grace = settings.timeouts.grace
        prompt = settings.prompt == .file ? .file : .stdin
        output = AgentKind(rawValue: settings.output).map { .jsonLines($0) } ?? .text
        sandbox = AgentSandbox(settings.sandbox)
        network = settings.network
        readable = settings.read
        writable = settings.write
        directory = settings.directory
        opensFiles = settings.files.map { $0 == .path }
        limits.cpuSeconds = Int(settings.limits.cpu.components.seconds)
        limits.openFiles = settings.limits.openFiles
        limits.fileSize = settings.limits.fileSize
        limits.processes = settings.limits.processes
        limits.memory = settings.limits.memory
        limits.output = settings.limits.output
        limits.temporary = settings.limits.temporary
    }
}

extension PoolMachine.Settings {
    init(_ settings: AgentConfiguration.Pool, concurrency: Int) {
        self.init()
        minimum = settings.minimum
        maximum = settings.maximum ?? concurrency
        idle = Interval(settings.idle)
        age = Interval(settings.age)
        turns = settings.turns
        memory = settings.memory
        queue = settings.queue
        wait = Interval(settings.wait)
    }
}

extension AgentSandbox {
    init(_ sandbox: AgentConfiguration.Sandbox) {
        self =
            switch sandbox {
            case .off: .off
            case .readOnly: .readOnly
            case .workspace: .workspace
            }
    }
}
