import GatehouseCore
import NIOCore

/// Asks an agent's own CLI whether somebody is logged in at an account: files alone do not say whether a login holds.
struct LoginProbe: Sendable {
    private static let limit = Duration.seconds(30)

    let settings: AgentSettings
    let account: AgentAccount
    let configuration: AgentRunnerConfiguration
    let host: AgentHost
    let eventLoop: any EventLoop

    /// `nil` when it does not say, or not in time.
    func ask() async -> Bool? {
        guard let arguments = settings.kind.login?.probe else { return nil }
        let probe = AgentProbe(
            settings: settings.using(account), configuration: configuration, host: host, eventLoop: eventLoop)
        let outcome = await probe.run(arguments, limit: Self.limit)
        guard case .success(.exited(let code)) = outcome.status else { return nil }
        return AgentLoginState(exit: code, output: outcome.text).isLoggedIn
    }
}

extension AgentLoginState {
    /// `nil` when that is not known.
    var isLoggedIn: Bool? {
        switch self {
        case .loggedIn: true
        case .loggedOut: false
        case .unknown: nil
        }
    }
}
