import GatehouseCore
import Glibc

/// What in a workspace would configure the agent that works in it. A file that configures an agent is code: it names
/// commands, and the address that the agent sends its key to. Inside a sandbox something empty lies over each.
enum WorkspaceMasks {
    enum Kind: Sendable { case file, json, folder }

    struct Mask: Sendable, Equatable {
        /// Below the workspace.
        var path: String
        var kind: Kind
    }

    /// Entries that are looked at, and masks, before the workspace is refused.
    static let entryLimit = 100_000
    static let maskLimit = 500
    private static let depthLimit = 64

    /// Names that no agent may find, anywhere.
    private static let names: Set<String> = [
        // Settings, tools, commands and hooks.
        ".claude", ".codex", ".gemini", ".qwen", ".cursor", ".opencode", ".copilot", ".agents", ".agent", ".aider",
        ".pi",
        ".vscode", ".mcp.json", "opencode.json", "opencode.jsonc", ".aider.conf.yml", ".geminiignore",
        // Instructions that are read unasked.
        "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "AGENTS.override.md", "AGENT.md", "GEMINI.md", "QWEN.md",
        ".cursorrules", ".windsurfrules", ".clinerules",
        // Variables.
        ".env", ".envrc", ".npmrc", ".yarnrc.yml", "bunfig.toml",
    ]
    /// Names inside of folders with these names.
    private static let nested: [String: Set<String>] = [
        ".git": ["hooks", "config", "config.worktree"],
        ".github": ["copilot-instructions.md", "instructions", "hooks", "agents", "prompts", "chatmodes", "skills"],
    ]

    /// The masks that a workspace needs.
    ///
    /// - Throws: `Failure` `.sandbox` when it cannot be looked through to its end, or has a link in such a place:
    ///   nothing can be laid over a link.
    static func find(in workspace: String) throws(Failure) -> [Mask] {
        var masks: [Mask] = []
        var folders = [""]
        var count = 0
        while let folder = folders.popLast() {
            let inner = nested[folder.split(separator: "/").last.map(String.init) ?? ""] ?? []
            for name in try entries(of: workspace + "/" + folder) {
                count += 1
                guard count <= entryLimit else {
                    throw Failure(.sandbox, detail: "more than \(entryLimit) files to look through for configuration")
                }
                let path = folder.isEmpty ? name : folder + "/" + name
                let kind = try kind(of: workspace + "/" + path)
                if names.contains(name) || name.hasPrefix(".env.") || inner.contains(name)
                    || name == ".git" && kind != S_IFDIR
                {
                    masks.append(try mask(path, name: name, kind: kind))
                } else if kind == S_IFDIR {
                    folders.append(path)
                }
            }
            guard masks.count <= maskLimit, folder.utf8.count(where: { $0 == UInt8(ascii: "/") }) < depthLimit else {
                throw Failure(.sandbox, detail: "too many places of configuration in the workspace")
            }
        }
        return masks.sorted { $0.path < $1.path }
    }

    private static func mask(_ path: String, name: String, kind: mode_t) throws(Failure) -> Mask {
        switch kind {
        case S_IFDIR: Mask(path: path, kind: .folder)
        case S_IFREG: Mask(path: path, kind: name.hasSuffix(".json") ? .json : .file)
        default: throw Failure(.sandbox, detail: "a link in the place of an agent's configuration")
        }
    }

    private static func kind(of path: String) throws(Failure) -> mode_t {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw Failure(.sandbox, detail: "workspace: errno \(errno)") }
        return status.st_mode & S_IFMT
    }

    private static func entries(of path: String) throws(Failure) -> [String] {
        guard let directory = opendir(path) else { throw Failure(.sandbox, detail: "workspace: errno \(errno)") }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count <= entryLimit, let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
