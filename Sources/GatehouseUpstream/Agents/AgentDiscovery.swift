import Glibc

/// Finds agents on this host.
package enum AgentDiscovery {
    package struct Found: Sendable, Equatable {
        package var kind: AgentKind
        /// Absolute path of its executable.
        package var path: String

        package init(kind: AgentKind, path: String) {
            self.kind = kind
            self.path = path
        }
    }

    /// The known agents whose executable is on `path`, a value of the form of the `PATH` variable.
    package static func onPath(path: String) -> [Found] {
        AgentKind.allCases.compactMap { kind in
            let executables = kind.cli?.executables ?? []
            return executables.lazy.compactMap { find($0, path: path) }.first.map { Found(kind: kind, path: $0) }
        }
    }

    /// The absolute path of an executable file: `name` itself when it is absolute, else the first one on `path`.
    /// Directories that are not absolute are skipped: what they hold depends on where the gateway was started.
    static func find(_ name: String, path: String) -> String? {
        if name.hasPrefix("/") { return isExecutable(name) ? name : nil }
        guard !name.isEmpty, !name.contains("/") else { return nil }
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let candidate = directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
            if isExecutable(candidate) { return candidate }
        }
        return nil
    }

    private static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
