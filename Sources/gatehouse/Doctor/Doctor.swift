import GatehouseCore
import GatehouseEngine
import GatehouseServer
import GatehouseStore
import GatehouseUpstream
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Looks at everything that a configuration names, from outside of a gateway. Nothing is changed; agents are run in the
/// folder of runs of the data directory, where there is one.
struct Doctor: Sendable {
    let configuration: GatehouseConfiguration
    let variables: [String: String]
    let dataDirectory: String
    /// For each command that is run.
    let limit: Duration
    /// Whether agents are asked for a word.
    let runsAgents: Bool

    /// All findings, without secrets.
    func examine() async throws -> [Finding] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var findings = StoreExamination(configuration: configuration, directory: dataDirectory).findings()
        do {
            findings += try await providers(group)
            findings += await agents(group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        findings += limits()
        try? await group.shutdownGracefully()
        let redaction = Redaction(secrets: KnownSecrets.list(configuration, variables, dataDirectory))
        return findings.map { finding in
            var clean = finding
            clean.detail = redaction.clean(finding.detail)
            return clean
        }
    }

    // MARK: Providers

    private func providers(_ group: any EventLoopGroup) async throws -> [Finding] {
        guard !configuration.providers.isEmpty else {
            return [Finding("providers", "configured", .notice, "none", advice: "set a key, such as OPENAI_API_KEY")]
        }
        let factory = UpstreamFactory(
            group: group, runner: AgentRunner(runnerConfiguration(dataDirectory)),
            tls: try Composition.clientTLS(variables), proxy: try Composition.proxy(variables),
            sockets: SocketBudget(limit: 64), version: GatehouseVersion.current, environment: variables,
            dataDirectory: dataDirectory,
            logger: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() })
        var tree = configuration
        tree.agents = []
        let entries = factory.entries(tree).filter { $0.name != "gatehouse" }
        let known = Set(entries.map(\.name))
        var findings = tree.providers.filter { !known.contains($0.name) }.map { provider in
            Finding("provider \(provider.name)", "address", .broken, "its base URL cannot be used")
        }
        findings += await withTaskGroup(of: [Finding].self) { group in
            for entry in entries { group.addTask { [await Self.models(entry)] } }
            return await group.reduce([], +)
        }
        for entry in entries { (entry.upstream as? ProviderUpstream)?.retire() }
        return findings.sorted { $0.subject < $1.subject }
    }

    /// Asks a provider for its list of models: that takes an address, a name, a handshake and a key, and costs nothing.
    private static func models(_ entry: UpstreamEntry) async -> Finding {
        let subject = "provider \(entry.name)"
        guard let source = entry.source else { return Finding(subject, "models", .skipped, "nothing to ask for") }
        do throws(Failure) {
            return Finding(subject, "models", .ok, "\(try await source.models().count) models")
        } catch {
            return judge(error, subject)
        }
    }

    static func judge(_ failure: Failure, _ subject: String) -> Finding {
        let detail = failure.detail.isEmpty ? failure.kind.label : "\(failure.kind.label): \(failure.detail)"
        return switch failure.kind {
        case .modelUnknown: Finding(subject, "models", .skipped, "it has no list of models")
        case .auth: Finding(subject, "key", .broken, detail, advice: "its keys are refused: see providers[].keys")
        case .unreachable, .timeout:
            Finding(subject, "connection", .broken, detail, advice: "see providers[].baseURL, names and proxies")
        case .tls: Finding(subject, "connection", .broken, detail, advice: "see SSL_CERT_FILE and the provider's host")
        case .rate, .quota, .capacity: Finding(subject, "models", .notice, detail, advice: "it answers, but not now")
        default:
            Finding(subject, "models", .notice, detail, advice: "it can be reached, but does not list its models")
        }
    }

    // MARK: Agents

    private func agents(_ group: any EventLoopGroup) async -> [Finding] {
        let agents = configuration.agents.compactMap { agent in
            AgentKind(rawValue: agent.kind).map { AgentSettings(agent, kind: $0, dataDirectory: dataDirectory) }
        }
        guard !agents.isEmpty else { return [Finding("agents", "configured", .notice, "none, and none on PATH")] }
        let place = RunsPlace(dataDirectory)
        defer { place.remove() }
        let runner = runnerConfiguration(place.directory)
        do throws(Failure) {
            let doctor = try await AgentDoctor(runner, on: group.any(), limit: limit)
            var findings = doctor.hostFindings(needsSandbox: agents.contains { $0.sandbox != .off })
            for agent in agents {
                var own = await doctor.examine(agent)
                if own.allSatisfy({ $0.verdict != .broken }) {
                    own.append(
                        runsAgents
                            ? await doctor.tryOut(agent)
                            : Finding("agent \(agent.name)", "answer", .skipped, "--run asks it for a word"))
                }
                findings += own
            }
            return findings
        } catch {
            return [Finding("agents", "start", .broken, error.detail, advice: "install the whole of gatehouse")]
        }
    }

    private func runnerConfiguration(_ directory: String) -> AgentRunnerConfiguration {
        AgentRunnerConfiguration(
            supervisor: AgentRunnerConfiguration.supervisorBesideExecutable() ?? "",
            runsDirectory: directory + "/runs", environment: variables)
    }

    // MARK: Limits

    private func limits() -> [Finding] {
        let files = OpenFiles.raiseLimit()
        let wanted = configuration.server.limits.connections
        let possible = OpenFiles.connections(wanted, allowed: files)
        return [
            possible < wanted
                ? Finding(
                    "limits", "open files", .notice, "\(files) files: \(possible) of \(wanted) connections",
                    advice: "raise the limit (ulimit -Hn, systemd: LimitNOFILE) or lower server.limits.connections")
                : Finding("limits", "open files", .ok, "\(files) files, \(wanted) connections")
        ]
    }
}
