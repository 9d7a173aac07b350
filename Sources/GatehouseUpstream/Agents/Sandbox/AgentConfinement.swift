import GatehouseCore
import Glibc

/// Makes the sandbox of one run from an agent's settings and what is found on the host.
struct AgentConfinement: Sendable {
    let settings: AgentSettings
    let environment: [String: String]
    let executable: String
    /// All of the account's home, to be written: for the vendor's own login.
    var showsHome = false
    /// The command is given the terminal that is its standard input.
    var hasTerminal = false

    /// The supervisor's arguments between its own options and the agent's command.
    ///
    /// - Throws: `Failure` `.sandbox` when this host has none, or when it would show what nobody may see.
    func arguments(
        in directory: RunDirectory, _ configuration: AgentRunnerConfiguration, on host: AgentHost
    ) throws(Failure) -> [String] {
        let sandbox = try host.sandbox.get()
        let run = try run(in: directory, configuration)
        let plan = SandboxPlan(run, on: sandbox)
        var arguments = ["--sandboxed"]
        for file in plan.opened { arguments += ["--open", "\(file.descriptor)=\(file.path)"] }
        arguments += ["--"] + plan.arguments + [SandboxPlan.first, "--inside", "3"]
        // Counted per name space of users; in that of the host it would count what has nothing to do with the run.
        if sandbox.hasUserNamespaces { arguments += ["--nproc", String(settings.limits.processes)] }
        if hasTerminal { arguments += ["--terminal"] }
        return arguments + ["--"]
    }

    private func run(
        in directory: RunDirectory, _ configuration: AgentRunnerConfiguration
    ) throws(Failure) -> SandboxPlan.Run {
        let cli = settings.cli
        let home = environment["HOME"] ?? SandboxPlan.home
        let hidden = HiddenPlaces(runs: configuration.runsDirectory, home: configuration.environment["HOME"])
        var run = SandboxPlan.Run(
            sandbox: settings.sandbox, hasNetwork: settings.hasNetwork, home: home,
            temporarySize: settings.limits.temporary, workspace: settings.directory ?? directory.work)
        run.environment = environment
        run.folders = showsHome ? [] : cli.homeFolders
        run.installed = installed(home: configuration.environment["HOME"] ?? home).filter { !hidden.show(in: $0) }
        run.readable = settings.readable + cli.fileVariables.compactMap { environment[$0] }.filter { $0.hasPrefix("/") }
        run.writable = settings.writable
        // Nothing is known of what such an agent keeps in a home that was made for it.
        let isShown = settings.isDescribed || showsHome
        let ownHome: String? = if isShown, case .path(let path)? = settings.home { path } else { nil }
        if let ownHome, settings.account == nil { run.writable.append(ownHome) }
        for path in run.readable + run.writable + [settings.directory].compactMap(\.self) {
            guard !hidden.show(in: path) else {
                throw Failure(.sandbox, detail: "\(path) holds what no agent may see".bounded)
            }
        }
        // It lies among the gateway's data, and is nobody's but this account's.
        if let ownHome, settings.account != nil {
            guard !hidden.show(account: ownHome) else {
                throw Failure(.sandbox, detail: "\(ownHome) holds what no agent may see".bounded)
            }
            run.writable.append(ownHome)
        }
        if settings.directory != nil {
            run.shown.append(
                .init(path: "\(directory.beside)/\(FileFolder.name)", place: FileFolder.besideWorkspace))
        }
        run.masks = try WorkspaceMasks.find(in: run.workspace)
        if settings.effectiveDriver == .oneShot, cli.delivery == .file { run.promptFile = directory.promptFile }
        return run
    }

    /// The program, and the files that the operator names behind it: `[python3, /srv/agent/main.py]`.
    private func installed(home: String) -> [String] {
        let named = settings.command.dropFirst().filter { $0.hasPrefix("/") && InstalledFiles.isFile($0) }
        return ([executable] + named).flatMap { file in
            InstalledFiles.of(
                file, path: environment["PATH"] ?? "", takesFolder: !settings.isDescribed, home: home)
        }
    }
}

/// Places that no sandbox shows, whatever is configured: the gateway's data, and the whole home of its user.
struct HiddenPlaces: Sendable {
    private let data: String
    private let home: String?

    init(runs: String, home: String?) {
        data = InstalledFiles.real(InstalledFiles.parent(runs)) ?? InstalledFiles.parent(runs)
        self.home = home.flatMap { InstalledFiles.real($0) }
    }

    /// The same for the home of an account, which may lie among the gateway's data, but only in its place there.
    func show(account path: String) -> Bool {
        let path = InstalledFiles.real(path) ?? path
        return !path.hasPrefix(data + "/accounts/") && show(in: path)
    }

    /// Whether one of them would be seen where `path` is bound.
    func show(in path: String) -> Bool {
        let path = InstalledFiles.real(path) ?? path
        if path == "/" || path == data || data.hasPrefix(path + "/") || path.hasPrefix(data + "/") { return true }
        guard let home else { return false }
        return path == home || home.hasPrefix(path + "/")
    }
}
