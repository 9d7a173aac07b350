/// A file that an agent is given: under a name of this gateway's making, so that neither its name nor its place means
/// anything to an agent or a shell.
struct AgentFile: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        /// Kept on this host; what an agent gets is a copy.
        case kept(path: String)
        case bytes([UInt8])
    }

    let name: String
    let content: Content
}
