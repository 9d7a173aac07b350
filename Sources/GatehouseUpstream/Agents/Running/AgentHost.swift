import GatehouseCore
import Glibc

/// What this host offers for running agents. Found out once, when the runner starts.
package struct AgentHost: Sendable {
    /// How a sandbox is put up here, or why it cannot be.
    var sandbox: Result<SandboxHost, Failure>
    /// What `bwrap --version` says; `nil` when there is none.
    package var version: String?
    /// The cgroups below which each run can have its own.
    var cgroups: [Cgroup]

    struct Cgroup: Sendable, Equatable {
        /// What it is good for: `memory`, `pids` or `kill`.
        var use: String
        var directory: String
    }

    /// Why there are no sandboxes, for the operator; `nil` when there are.
    package var sandboxProblem: String? {
        if case .failure(let failure) = sandbox { failure.detail } else { nil }
    }

    /// Whether a user who is not root could put up the same sandbox.
    package var hasUserNamespaces: Bool {
        (try? sandbox.get())?.hasUserNamespaces ?? false
    }

    /// What of all processes of a run together can be limited or ended: some of `memory`, `pids`, `kill`.
    package var cgroupUses: [String] {
        ["memory", "pids", "kill"].filter { use in cgroups.contains { $0.use == use } }
    }

    /// The directories, each once.
    var cgroupDirectories: [String] {
        cgroups.reduce(into: []) { if !$0.contains($1.directory) { $0.append($1.directory) } }
    }

    func canLimit(_ use: String) -> Bool {
        cgroups.contains { $0.use == use }
    }

    // MARK: Finding out

    /// Tries out what there is. `base` is the directory of runs.
    ///
    /// - Throws: `Failure` `.spawn` when the supervisor cannot be run or the disk refuses.
    static func probe(_ configuration: AgentRunnerConfiguration) async throws(Failure) -> AgentHost {
        let supervisor = Supervisor(path: configuration.supervisor)
        let files = try SandboxFiles(below: configuration.runsDirectory)
        let told = try await supervisor.run(["--cgroups"])
        let path = configuration.environment["PATH"] ?? ""
        guard let bubblewrap = AgentDiscovery.find("bwrap", path: path) else {
            let failure = Failure(.sandbox, detail: "there is no bwrap on PATH: install bubblewrap 0.8 or newer")
            return AgentHost(sandbox: .failure(failure), cgroups: cgroups(told.output))
        }
        let version = try await Supervisor(path: bubblewrap).run(["--version"]).output
        return AgentHost(
            sandbox: await sandbox(bubblewrap, supervisor, files), version: version.lastLine,
            cgroups: cgroups(told.output))
    }

    private static func cgroups(_ text: String) -> [Cgroup] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            return words.count == 2 ? Cgroup(use: words[0], directory: words[1]) : nil
        }
    }

    /// The best sandbox that works: root can do without user name spaces where these are forbidden.
    private static func sandbox(
        _ bubblewrap: String, _ supervisor: Supervisor, _ files: SandboxFiles
    ) async -> Result<SandboxHost, Failure> {
        var problem = Failure(.sandbox)
        for hasUserNamespaces in geteuid() == 0 ? [true, false] : [true] {
            let host = SandboxHost(
                bubblewrap: bubblewrap, supervisor: supervisor.path, hasUserNamespaces: hasUserNamespaces, files: files)
            do throws(Failure) {
                try await host.tryOut(supervisor)
                return .success(host)
            } catch {
                problem = error
            }
        }
        return .failure(problem)
    }
}

extension SandboxHost {
    /// Puts up a sandbox in which nothing is done.
    fileprivate func tryOut(_ supervisor: Supervisor) async throws(Failure) {
        let plan = SandboxPlan(
            .init(
                sandbox: .readOnly, hasNetwork: false, home: SandboxPlan.home, temporarySize: 1 << 20,
                workspace: files.emptyFolder), on: self)
        let command = plan.arguments + [SandboxPlan.first, "--inside", "3", "--", "/bin/true"]
        let outcome = try await supervisor.run(["--parent", String(getpid()), "--sandboxed", "--"] + command)
        guard outcome.status == .exited(0) else {
            let words = outcome.error.split(separator: "\n").filter { !$0.hasPrefix("gatehouse-supervisor:") }
            let reason = words.last ?? outcome.error.split(separator: "\n").last ?? "it does not say why"
            throw Failure(.sandbox, detail: "bubblewrap cannot make a sandbox: \(reason)".bounded)
        }
    }
}

extension String {
    fileprivate var lastLine: String? {
        split(separator: "\n").last.map(String.init)
    }
}
