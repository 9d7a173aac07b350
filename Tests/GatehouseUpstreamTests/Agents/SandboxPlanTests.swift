import GatehouseCore
import Glibc
import Testing

@testable import GatehouseUpstream

/// What bubblewrap is told, word for word.
struct SandboxPlanTests {
    private static func host(hasUserNamespaces: Bool = true) throws -> SandboxHost {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.removeAll(directory) }
        var host = SandboxHost(
            bubblewrap: "/usr/bin/bwrap", supervisor: "/opt/gatehouse/supervisor", hasUserNamespaces: hasUserNamespaces,
            files: try SandboxFiles(below: directory))
        host.system = ["--ro-bind", "/usr", "/usr"]
        return host
    }

    private static func run(_ change: (inout SandboxPlan.Run) -> Void = { _ in }) -> SandboxPlan.Run {
        var run = SandboxPlan.Run(
            sandbox: .readOnly, hasNetwork: false, home: SandboxPlan.home, temporarySize: 1000,
            workspace: "/runs/1/work")
        change(&run)
        return run
    }

    /// Whether the words stand behind each other.
    private static func says(_ plan: SandboxPlan, _ words: String) -> Bool {
        (" " + plan.arguments.joined(separator: " ") + " ").contains(" \(words) ")
    }

    @Test func isWhatItShouldBe() throws {
        let plan = SandboxPlan(Self.run(), on: try Self.host())
        let expected = """
            /usr/bin/bwrap --die-with-parent --as-pid-1 --cap-drop ALL --unshare-ipc --unshare-pid --unshare-uts \
            --unshare-cgroup-try --hostname agent --unshare-user --disable-userns --uid 1000 --gid 1000 --unshare-net \
            --ro-bind /usr /usr --proc /proc --remount-ro /proc --dev /dev --size 1000 --tmpfs /dev/shm \
            --remount-ro /dev --size 1000 --perms 1777 --tmpfs /tmp --symlink ../tmp /var/tmp \
            --size 1000 --perms 0700 --tmpfs /home/agent --ro-bind /runs/1/work /workspace \
            --ro-bind /opt/gatehouse/supervisor /run/gatehouse/init --chdir /workspace --remount-ro / --
            """
        #expect(plan.arguments.joined(separator: " ") == expected)
        #expect(plan.opened.isEmpty)
    }

    @Test func opensOnlyWhatItIsToldTo() throws {
        let host = try Self.host()
        let online = SandboxPlan(Self.run { $0.hasNetwork = true }, on: host)
        #expect(!online.arguments.contains("--unshare-net"))
        let worker = SandboxPlan(Self.run { $0.sandbox = .workspace }, on: host)
        #expect(Self.says(worker, "--bind /runs/1/work /workspace"))
        let rooted = SandboxPlan(Self.run(), on: try Self.host(hasUserNamespaces: false))
        #expect(!rooted.arguments.contains("--unshare-user") && !rooted.arguments.contains("--uid"))
        #expect(Self.says(rooted, "--cap-drop ALL"))
        let named = SandboxPlan(
            Self.run { run in
                (run.readable, run.writable, run.installed) = (["/r"], ["/w"], ["/i"])
                run.promptFile = "/runs/1/prompt"
            }, on: host)
        #expect(Self.says(named, "--ro-bind /i /i --ro-bind /r /r --bind /w /w"))
        #expect(Self.says(named, "--ro-bind /runs/1/prompt /run/gatehouse/prompt"))
    }

    @Test func coversConfiguration() throws {
        let host = try Self.host()
        let masks: [WorkspaceMasks.Mask] = [
            .init(path: ".claude", kind: .folder), .init(path: ".mcp.json", kind: .json),
            .init(path: "a/.env", kind: .file),
        ]
        let plan = SandboxPlan(Self.run { $0.masks = masks }, on: host)
        let files = host.files
        #expect(
            Self.says(
                plan,
                "/workspace --ro-bind \(files.emptyFolder) /workspace/.claude "
                    + "--ro-bind \(files.emptyObject) /workspace/.mcp.json --ro-bind \(files.emptyFile) /workspace/a/.env"
            ))
    }

    @Test func showsOfAHomeWhatTheAgentNeeds() throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.removeAll(directory) }
        let place = directory + "/elsewhere"
        mkdir(place, 0o700)
        let folders = [
            AgentHomeFolder("", [.copy("first"), .copy("missing")]),
            AgentHomeFolder(".tool", variable: "TOOL_HOME", [.write("login"), .read("settings")]),
        ]
        try #require(AgentBench.touch(directory + "/first"))
        let plan = SandboxPlan(
            Self.run { run in
                run.home = directory
                run.folders = folders
                run.environment = ["HOME": directory]
            }, on: try Self.host())
        #expect(Self.says(plan, "--size 1000 --perms 0700 --tmpfs \(directory)"))
        #expect(Self.says(plan, "--perms 0600 --file 10 \(directory)/first"))
        #expect(plan.opened.map(\.path) == [directory + "/first"])
        let login = directory + "/.tool/login"
        let settings = directory + "/.tool/settings"
        #expect(Self.says(plan, "--bind-try \(login) \(login) --ro-bind-try \(settings) \(settings)"))
        let moved = SandboxPlan(
            Self.run { run in
                run.folders = folders
                run.environment = ["HOME": SandboxPlan.home, "TOOL_HOME": place + "/"]
            }, on: try Self.host())
        #expect(Self.says(moved, "--tmpfs \(place) --bind-try \(place)/login \(place)/login"))
    }

    /// What each known agent is let see of a home: its login, and no more.
    @Test func noKnownAgentSeesAWholeHome() {
        for kind in AgentKind.allCases {
            guard let cli = kind.cli else { continue }
            #expect(!cli.homeFolders.isEmpty, "\(kind)")
            for folder in cli.homeFolders {
                for entry in folder.entries {
                    switch entry {
                    case .read(let name), .write(let name), .copy(let name):
                        #expect(!name.isEmpty && name != "." && !name.hasPrefix("/") && !name.contains(".."), "\(kind)")
                        // Only files are shared: in a folder the agent could leave something that configures others.
                        if case .write = entry {
                            #expect(name.contains("auth") || name.contains("cred") || name.contains("token"))
                        }
                    }
                }
            }
        }
    }

    @Test func hidesWhatIsTheGateways() throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentBench.removeAll(directory) }
        for name in ["/home", "/home/data", "/home/data/runs", "/other"] { mkdir(directory + name, 0o700) }
        try #require(symlink(directory + "/home/data", directory + "/link") == 0)
        let hidden = HiddenPlaces(runs: directory + "/home/data/runs", home: directory + "/home")
        for shown in ["/", "/home", "/home/data", "/home/data/runs/run-1", "/home/data/admin.key", "/link"] {
            #expect(hidden.show(in: shown == "/" ? "/" : directory + shown), "\(shown)")
        }
        for unseen in ["/other", "/home/project", "/home/data2", "/nothing"] {
            #expect(!hidden.show(in: directory + unseen), "\(unseen)")
        }
    }

    @Test func reportsAreRead() {
        let ended = RunReport("phase=run\nsignal=11\nkilled=3\n")
        #expect(ended?.status == .signaled(11) && ended?.killed == 3 && ended?.failure(stderr: "") == nil)
        let starved = RunReport("phase=run\nsignal=9\nmemory=exhausted\n")
        #expect(starved?.failure(stderr: "")?.kind == .crashed)
        #expect(
            RunReport("phase=start\nerror=ENOENT\n")?.failure(stderr: "") == Failure(.spawn, detail: "start: ENOENT"))
        let refused = RunReport("phase=sandbox\nerror=EPERM\n")
        #expect(refused?.failure(stderr: "x\nbwrap: no\n") == Failure(.sandbox, detail: "sandbox: bwrap: no"))
        #expect(refused?.failure(stderr: "") == Failure(.sandbox, detail: "sandbox: EPERM"))
        for nonsense in ["", "phase", "phase=", "phase=x\n", "exit=0\n"] { #expect(RunReport(nonsense) == nil) }
        #expect(RunReport("phase=run\nexit=99999999999\nkilled=x\n=\n")?.status == .exited(0))
    }
}
