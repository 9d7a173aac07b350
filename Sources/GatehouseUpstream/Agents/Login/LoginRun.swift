import GatehouseCore
import Glibc
import NIOCore
import Subprocess
import SystemPackage

/// Carries out one login: the vendor's program on a terminal of its own, under the supervisor and in its account's home.
struct LoginRun: Sendable {
    private static let tick = Duration.milliseconds(50)

    private let session: LoginSession
    private let group: any EventLoopGroup
    private let configuration: AgentRunnerConfiguration
    private let host: AgentHost
    /// Opened when the program is to end.
    private let stopping = ReadingGate(isOpen: false)

    init(
        _ session: LoginSession, _ configuration: AgentRunnerConfiguration, _ host: AgentHost,
        _ group: any EventLoopGroup
    ) {
        self.session = session
        self.group = group
        self.host = host
        self.configuration = configuration
    }

    /// Returns when nothing of the program is left.
    func perform() async {
        do throws(Failure) {
            let session = session
            let terminal = try await LoginTerminal.open(on: group) {
                session.received($0)
            } ended: { [stopping] in
                stopping.release()
            }
            await lead(terminal)
            terminal.close()
        } catch {
            session.failedToStart()
        }
    }

    private func lead(_ terminal: LoginTerminal) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await program(terminal) }
            tasks.addTask {
                while !Task.isCancelled {
                    session.tick()
                    do { try await Task.sleep(for: Self.tick) } catch { return }
                }
            }
            for await action in session.actions {
                switch action {
                case .write(let bytes): terminal.write(bytes)
                case .end: stopping.release()
                case .probe: tasks.addTask { session.probed(await probe()) }
                }
            }
            stopping.release()
            // The first to end may be a probe; the clock ends with the program, which is waited for.
            tasks.cancelAll()
        }
    }

    // MARK: The program

    private func program(_ terminal: LoginTerminal) async {
        let command = LoginCommand(
            settings: session.settings, account: session.account, arguments: session.recipe.arguments,
            recipe: session.recipe, hasTerminal: true)
        do throws(Failure) {
            let directory = try RunDirectory(below: configuration.runsDirectory, id: session.id)
            defer { directory.remove() }
            let launch = try AgentLaunch(command, in: directory, configuration, on: host, gateway: Int(getpid()))
            session.exited(try await run(launch, on: terminal.program))
        } catch {
            terminal.program.close()
            session.failedToStart()
        }
    }

    private func run(
        _ launch: AgentLaunch, on terminal: LoginTerminal.Program
    ) async throws(Failure) -> AgentExit.Status {
        let end = terminal.descriptor
        do {
            let result = try await Subprocess.run(
                .path(FilePath(launch.supervisor)), arguments: Arguments(launch.arguments),
                environment: launch.variables, workingDirectory: FilePath(launch.directory),
                platformOptions: launch.options,
                input: .fileDescriptor(end, closeAfterSpawningProcess: false),
                output: .fileDescriptor(end, closeAfterSpawningProcess: false),
                error: .fileDescriptor(end, closeAfterSpawningProcess: false)
            ) { execution in
                terminal.close()
                await stopping.wait()
                if stopping.isReleased { try? execution.send(signal: .terminate) }
            }
            return AgentExit.Status(result.terminationStatus)
        } catch {
            throw Failure(.spawn, detail: "supervisor: \(error)".bounded)
        }
    }

    // MARK: The probe

    /// Asks the CLI whether somebody is logged in; `nil` when it does not say.
    private func probe() async -> Bool? {
        await LoginProbe(
            settings: session.settings, account: session.account, configuration: configuration, host: host,
            eventLoop: group.any()
        ).ask()
    }
}
