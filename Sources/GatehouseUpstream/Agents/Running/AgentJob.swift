import GatehouseCore

/// What a runner carries out: a process with a directory of its own, from its start until nothing of it is left.
protocol AgentJob: AnyObject, Sendable {
    var id: String { get }
    var settings: AgentSettings { get }
    var driver: AgentDriver { get }
    var model: String { get }
    /// What is given to it at its start.
    var prompt: String { get }
    /// Files that lie there when it starts.
    var files: [AgentFile] { get }

    /// Ends it before its time. Whoever waits for it is told.
    func end()
    /// It could not be started.
    func fail(_ failure: Failure) async
    /// Starts the process and returns when it has ended, and with it the whole tree.
    func carryOut(
        _ launch: AgentLaunch, in directory: RunDirectory, _ configuration: AgentRunnerConfiguration
    ) async
    /// Nothing of it is left. Once, at the very end.
    func release()
}
