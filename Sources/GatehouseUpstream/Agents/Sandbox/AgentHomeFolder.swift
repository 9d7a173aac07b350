/// A folder in an agent's home, and what of it the agent is let see inside a sandbox. Everything else that it finds or
/// writes there is private to the run: a file that configures an agent is code, and an agent must not leave any behind.
package struct AgentHomeFolder: Sendable, Equatable {
    package enum Entry: Sendable, Equatable {
        case read(String)
        /// Shared with the host, for logins that the agent renews. It must write the file in place: what it puts in its
        /// stead is private to the run.
        case write(String)
        /// Its own copy, for files that it rewrites and nobody needs back.
        case copy(String)
    }

    /// Below HOME; empty for HOME itself.
    var path: String
    /// A variable that names another place for the folder.
    var variable: String?
    var entries: [Entry]

    package init(_ path: String, variable: String? = nil, _ entries: [Entry]) {
        self.path = path
        self.variable = variable
        self.entries = entries
    }

    /// Where it is for an agent with this environment.
    func location(_ environment: [String: String]) -> String? {
        if let variable, let value = environment[variable], value.hasPrefix("/") { return value.withoutLastSlash }
        guard let home = environment["HOME"] else { return nil }
        return path.isEmpty ? home.withoutLastSlash : home.withoutLastSlash + "/" + path
    }
}

extension String {
    /// A path without the slash at its end; "/" becomes empty.
    var withoutLastSlash: String {
        hasSuffix("/") ? String(dropLast()) : self
    }
}
