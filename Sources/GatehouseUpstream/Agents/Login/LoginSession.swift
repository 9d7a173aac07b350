import GatehouseCore
import NIOCore
import Synchronization

/// One login at one account, for those who lead it and those who look.
final class LoginSession: Sendable {
    let id: String
    let settings: AgentSettings
    let account: AgentAccount
    let recipe: LoginRecipe
    /// Opened when it is over.
    let over = ReadingGate(isOpen: false)
    /// What is to be done, in order; ends when the login is over.
    let actions: AsyncStream<LoginMachine.Action>
    private let outbox: AsyncStream<LoginMachine.Action>.Continuation
    private let machine: Mutex<LoginMachine>

    init(
        id: String, _ settings: AgentSettings, _ account: AgentAccount, _ recipe: LoginRecipe,
        _ limits: LoginMachine.Limits
    ) {
        self.id = id
        self.settings = settings
        self.account = account
        self.recipe = recipe
        machine = Mutex(LoginMachine(recipe, limits, now: .monotonic()))
        (actions, outbox) = AsyncStream.makeStream()
    }

    var status: LoginStatus {
        machine.withLock { machine in
            LoginStatus(
                agent: settings.name, account: account.name, phase: machine.phase, problem: machine.problem,
                style: recipe.style, url: machine.url, userCode: machine.userCode,
                secondsLeft: machine.phase.isOver ? 0 : (machine.deadline - .monotonic()).retryAfter,
                isProbed: recipe.probe != nil)
        }
    }

    func submit(_ code: String) throws(GatehouseError) {
        let result: Result<[LoginMachine.Action], GatehouseError> = machine.withLock { machine in
            do throws(GatehouseError) {
                return .success(try machine.submit(code, now: .monotonic()))
            } catch {
                return .failure(error)
            }
        }
        give(try result.get())
    }

    func cancel() { change { machine, _ in machine.cancel() } }
    func received(_ bytes: [UInt8]) { change { $0.received(bytes, now: $1) } }
    func exited(_ status: AgentExit.Status) { change { $0.exited(status, now: $1) } }
    func failedToStart(_ problem: LoginMachine.Problem = .startFailed) {
        change { machine, _ in machine.failedToStart(problem) }
    }

    /// Its program is started now. `false`: it is over already.
    func begin() -> Bool { machine.withLock { $0.begin(now: .monotonic()) } }
    func probed(_ isSignedIn: Bool?) { change { $0.probed(isSignedIn: isSignedIn, now: $1) } }
    func tick() { change { $0.tick(now: $1) } }

    private func change(_ body: (inout LoginMachine, Instant) -> [LoginMachine.Action]) {
        give(machine.withLock { body(&$0, .monotonic()) })
    }

    private func give(_ actions: [LoginMachine.Action]) {
        for action in actions { outbox.yield(action) }
        guard status.phase.isOver else { return }
        outbox.finish()
        over.release()
    }
}

/// What may be told of a login: never what is on the screen, nor a code that somebody gave.
package struct LoginStatus: Sendable, Equatable {
    package var agent: String
    package var account: String
    package var phase: LoginMachine.Phase
    package var problem: LoginMachine.Problem?
    package var style: LoginRecipe.Style
    package var url: String?
    package var userCode: String?
    package var secondsLeft: Int
    /// Whether success was asked of the CLI, and not concluded from its end.
    package var isProbed: Bool
}

extension Instant {
    /// Of a clock that only goes forward.
    static func monotonic() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}
