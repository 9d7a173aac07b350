import GatehouseCore
import GatehouseServer
import GatehouseUpstream
import Glibc
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs the agents until the server behind it has ended, then ends them.
struct AgentService: Service {
    let runner: AgentRunner
    let hasAgents: Bool
    let logger: Logger

    func run() async throws {
        do {
            try await withGracefulShutdownHandler {
                try await runner.run()
            } onGracefulShutdown: {
                runner.shutDown()
            }
        } catch let failure as Failure {
            // Providers can be served without agents; every run will say that it could not be started.
            if hasAgents { logger.error("Agents cannot be run", metadata: ["reason": "\(failure.detail)"]) }
            try? await gracefulShutdown()
        }
    }
}

/// What signals mean here: TERM and INT end in order, a second one at once, HUP reloads.
///
/// First the gateway says that it leaves, and still takes what comes: whoever sends it calls needs a moment to hear that.
/// Then it takes no new connections, and what runs may end.
struct SignalService: Sendable {
    let logger: Logger
    let preDrain: Duration
    /// Whether anybody is connected.
    let hasCallers: @Sendable () -> Bool
    let onLeave: @Sendable () -> Void
    /// Called when the drain begins.
    let onDrain: @Sendable () -> Void
    let reload: @Sendable () async -> Void

    /// From here on signals are kept for `run`, whenever it begins. Before anything is started: a signal that comes with
    /// the first sign of life must not find the default of the system.
    static func trap() async -> UnixSignalsSequence {
        await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    }

    /// Listens until cancelled.
    func run(_ trapped: UnixSignalsSequence, stopping group: ServiceGroup) async {
        await withDiscardingTaskGroup { tasks in
            var stops = 0
            for await signal in trapped {
                switch signal {
                case .sighup: await reload()
                default:
                    stops += 1
                    guard stops == 1 else { _exit(128 + SIGTERM) }
                    onLeave()
                    // Who ends it at a terminal is not waited for by a balancer.
                    let wait = signal == .sigint || !hasCallers() ? .zero : preDrain
                    tasks.addTask { await end(group, after: wait) }
                }
            }
            tasks.cancelAll()
        }
    }

    private func end(_ group: ServiceGroup, after wait: Duration) async {
        if wait > .zero {
            logger.notice("Not ready any more; new connections are taken for \(wait). A second signal ends at once.")
            try? await Task.sleep(for: wait)
        }
        logger.notice("Draining: no new connections, running streams go on. A second signal ends at once.")
        onDrain()
        await group.triggerGracefulShutdown()
    }
}
