/// What an agent may do to the host.
package enum AgentSandbox: String, Sendable, CaseIterable {
    /// Everything that the gateway's user may: process limits only.
    case off
    /// It sees the system, itself and its login, and changes nothing but its own temporary files.
    case readOnly
    /// As `readOnly`, and it may write into the directory it works in.
    case workspace
}

extension AgentSettings {
    /// Whether the agent reaches the network; a known one has to talk to its vendor.
    var hasNetwork: Bool { network ?? cli.needsNetwork }

    /// Whether what it leaves in the folder it works in is its caller's.
    var makesArtifacts: Bool { sandbox == .workspace && directory == nil }

    /// The policy in a word, for records: `readOnly`, `readOnly+network`, `off`.
    var policy: String {
        sandbox != .off && hasNetwork ? sandbox.rawValue + "+network" : sandbox.rawValue
    }
}
