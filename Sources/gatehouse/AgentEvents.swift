import GatehouseServer
import GatehouseUpstream
import Logging

/// What the runner of agents has to say, for the log.
enum AgentEvents {
    /// - Parameter needsSandbox: whether any agent is configured to have one.
    static func logging(_ logger: Logger, needsSandbox: Bool) -> @Sendable (AgentRunnerEvent) -> Void {
        { event in
            switch event {
            case .swept(let runs, let processes):
                logger.notice(
                    "A gateway before this one was killed; what it left of agents was ended and removed",
                    metadata: ["runs": "\(runs)", "processes": "\(processes.joined(separator: " "))"])
            case .noSandbox(let reason):
                logger.log(
                    level: needsSandbox ? .error : .notice, "Agents that need a sandbox are refused",
                    metadata: ["reason": "\(reason)"])
            case .artifactsRefused(let agent, let count):
                logger.notice(
                    "Files that an agent left were not kept: too large, too many, or no plain files",
                    metadata: ["agent": "\(agent)", "files": "\(count)"])
            case .supervisorLost(let run, let processes):
                logger.error(
                    "The supervisor of an agent was killed; what it left was ended",
                    metadata: ["run": "\(run)", "processes": "\(processes.joined(separator: " "))"])
            }
        }
    }
}

extension AgentHostHealth {
    init(_ host: AgentHost) {
        self.init(
            sandbox: host.sandboxProblem == nil ? host.version ?? "bubblewrap" : nil, problem: host.sandboxProblem,
            hasUserNamespaces: host.hasUserNamespaces, cgroups: host.cgroupUses)
    }
}
