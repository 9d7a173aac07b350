import GatehouseCore
import Glibc

/// The arguments that make bubblewrap put up the sandbox of one run.
///
/// The agent finds a file system made for it: `/usr` and a little of `/etc`, its own program, the folder it works in as
/// `/workspace`, an empty home and `/tmp` of limited size, and of its home's files only those it logs in with, each at
/// its own place. Everything is read-only but what is named otherwise. It sees no process but its own.
struct SandboxPlan: Sendable, Equatable {
    static let workspace = "/workspace"
    static let home = "/home/agent"
    static let temporary = "/tmp"
    static let promptFile = "/run/gatehouse/prompt"
    static let first = "/run/gatehouse/init"

    /// bubblewrap's own arguments, from its name to the `--` before the command.
    private(set) var arguments: [String]
    /// Files that are opened for it, by their descriptors.
    private(set) var opened: [(descriptor: Int, path: String)] = []

    static func == (one: SandboxPlan, other: SandboxPlan) -> Bool {
        one.arguments == other.arguments && one.opened.elementsEqual(other.opened, by: ==)
    }

    /// What is special about one run.
    struct Run: Sendable {
        var sandbox: AgentSandbox
        var hasNetwork: Bool
        /// The agent's HOME, inside and outside.
        var home: String
        /// Bytes that home and temporary files may each take.
        var temporarySize: Int
        /// What the agent's program consists of.
        var installed: [String] = []
        var folders: [AgentHomeFolder] = []
        var environment: [String: String] = [:]
        var readable: [String] = []
        var writable: [String] = []
        /// The directory to work in, and what in it is covered.
        var workspace: String
        var masks: [WorkspaceMasks.Mask] = []
        var promptFile: String?
        var shown: [Shown] = []
    }

    /// A file that is seen at another place than its own, and not changed.
    struct Shown: Sendable {
        var path: String
        var place: String
    }

    /// The plan of a run on a host.
    init(_ run: Run, on host: SandboxHost) {
        arguments = [host.bubblewrap, "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"]
        arguments += ["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "agent"]
        if host.hasUserNamespaces {
            arguments += ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
        }
        if !run.hasNetwork { arguments += ["--unshare-net"] }
        addSystem(host, run)
        addHome(run)
        for path in run.installed + run.readable { arguments += ["--ro-bind", path, path] }
        for path in run.writable { arguments += ["--bind", path, path] }
        addWorkspace(run, host)
        if let file = run.promptFile { arguments += ["--ro-bind", file, Self.promptFile] }
        for file in run.shown { arguments += ["--ro-bind", file.path, file.place] }
        arguments += ["--ro-bind", host.supervisor, Self.first, "--chdir", Self.workspace, "--remount-ro", "/", "--"]
    }

    private mutating func addSystem(_ host: SandboxHost, _ run: Run) {
        let size = String(run.temporarySize)
        arguments += host.system
        // Read-only, because what is below /proc/sys belongs to the whole host: root may write there without any right.
        arguments += ["--proc", "/proc", "--remount-ro", "/proc"]
        arguments += ["--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
        arguments += ["--size", size, "--perms", "1777", "--tmpfs", Self.temporary, "--symlink", "../tmp", "/var/tmp"]
    }

    private mutating func addHome(_ run: Run) {
        let size = String(run.temporarySize)
        addPrivate(run.home, size: size)
        for folder in run.folders {
            guard let location = folder.location(run.environment) else { continue }
            if location != run.home, !location.hasPrefix(run.home + "/") { addPrivate(location, size: size) }
            for entry in folder.entries { add(entry, in: location) }
        }
    }

    private mutating func addPrivate(_ folder: String, size: String) {
        arguments += ["--size", size, "--perms", "0700", "--tmpfs", folder]
    }

    private mutating func add(_ entry: AgentHomeFolder.Entry, in folder: String) {
        switch entry {
        case .read(let name): arguments += ["--ro-bind-try", "\(folder)/\(name)", "\(folder)/\(name)"]
        case .write(let name): arguments += ["--bind-try", "\(folder)/\(name)", "\(folder)/\(name)"]
        case .copy(let name):
            let path = "\(folder)/\(name)"
            guard access(path, R_OK) == 0 else { return }
            let descriptor = 10 + opened.count
            opened.append((descriptor, path))
            arguments += ["--perms", "0600", "--file", String(descriptor), path]
        }
    }

    private mutating func addWorkspace(_ run: Run, _ host: SandboxHost) {
        arguments += [run.sandbox == .workspace ? "--bind" : "--ro-bind", run.workspace, Self.workspace]
        for mask in run.masks {
            let cover =
                switch mask.kind {
                case .file: host.files.emptyFile
                case .json: host.files.emptyObject
                case .folder: host.files.emptyFolder
                }
            arguments += ["--ro-bind", cover, "\(Self.workspace)/\(mask.path)"]
        }
    }
}
