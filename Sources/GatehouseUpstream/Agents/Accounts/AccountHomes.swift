package import GatehouseCore
import Glibc
import Synchronization

/// Who is in the homes of accounts: every process that runs with a login, from before its start until nothing of it is
/// left, or one login that must be alone. Vendors' tokens are good for one use, so that a process beside a login undoes it.
///
/// Within this gateway whoever comes waits for whoever was first. Other processes on this host, such as
/// `gatehouse agents add-account`, are kept out by a lock on a file for each account.
final class AccountHomes: Sendable {
    /// A place in a home, until it is left.
    final class Stay: Sendable {
        private let homes: AccountHomes
        private let name: String
        private let lock: AccountLock
        private let hasEnded = Atomic<Bool>(false)

        fileprivate init(_ homes: AccountHomes, _ name: String, _ lock: AccountLock) {
            self.homes = homes
            self.name = name
            self.lock = lock
        }

        deinit { end() }

        func end() {
            guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
            lock.release()
            homes.leave(name)
        }
    }

    private struct Waiter {
        let number: Int
        let isAlone: Bool
        let places: Int
        let gate: ReadingGate
    }

    private struct Home {
        var guests = 0
        var isTaken = false
        var waiters: [Waiter] = []
    }

    private struct State {
        var homes: [String: Home] = [:]
        var lastNumber = 0
    }

    /// How long a call waits for a login that runs in another process.
    private static let patience = Duration.seconds(5)
    private static let look = Duration.milliseconds(100)
    private let directory: String
    private let state = Mutex(State())

    /// - Parameter directory: Where the locks are; made when the first account is used.
    init(directory: String) {
        self.directory = directory
    }

    /// Enters with as many others as the account has places.
    ///
    /// - Throws: `Failure` `.busy` when it is being logged in elsewhere, `.spawn` when it cannot be locked, `.cancelled`.
    func enter(_ account: AgentAccount, of agent: String) async throws(Failure) -> Stay {
        try await enter(account, of: agent, isAlone: false, patience: Self.patience)
    }

    /// Enters once everybody has left; nobody else comes in meanwhile.
    ///
    /// - Throws: As `enter`; `.busy` when that takes longer than `patience`.
    func enterAlone(_ account: AgentAccount, of agent: String, patience: Duration) async throws(Failure) -> Stay {
        try await enter(account, of: agent, isAlone: true, patience: patience)
    }

    private func enter(
        _ account: AgentAccount, of agent: String, isAlone: Bool, patience: Duration
    ) async throws(Failure) -> Stay {
        let name = AccountLock.name(of: account.name, agent: agent)
        let start = ContinuousClock.now
        let waiter: Waiter? = state.withLock { state in
            state.lastNumber += 1
            let waiter = Waiter(
                number: state.lastNumber, isAlone: isAlone, places: account.concurrency,
                gate: ReadingGate(isOpen: false))
            state.homes[name, default: Home()].waiters.append(waiter)
            Self.admit(name, &state)
            return waiter.gate.isReleased ? nil : waiter
        }
        if let waiter { try await wait(waiter, name, isAlone ? patience : nil) }
        do throws(Failure) {
            return Stay(self, name, try await lock(name, isAlone: isAlone, until: start + patience))
        } catch {
            leave(name)
            throw error
        }
    }

    /// - Parameter patience: `nil` to wait until the task is cancelled.
    private func wait(_ waiter: Waiter, _ name: String, _ patience: Duration?) async throws(Failure) {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await waiter.gate.wait() }
            if let patience { group.addTask { try? await Task.sleep(for: patience) } }
            await group.next()
            group.cancelAll()
        }
        // Whoever was let in at the last moment is in.
        let isIn = state.withLock { state in
            if waiter.gate.isReleased { return true }
            state.homes[name]?.waiters.removeAll { $0.number == waiter.number }
            Self.admit(name, &state)
            return false
        }
        if !isIn { throw Task.isCancelled ? Failure(.cancelled) : Self.busy }
    }

    /// How many wait for a home.
    func waiting(for account: String, of agent: String) -> Int {
        state.withLock { $0.homes[AccountLock.name(of: account, agent: agent)]?.waiters.count ?? 0 }
    }

    private func lock(
        _ name: String, isAlone: Bool, until end: ContinuousClock.Instant
    ) async throws(Failure) -> AccountLock {
        while true {
            let found = try await offload { [directory] () throws(Failure) in
                try AccountLock(name, in: directory, isAlone: isAlone)
            }
            if let found { return found }
            guard ContinuousClock.now < end else { throw Self.busy }
            guard (try? await Task.sleep(for: Self.look)) != nil else { throw Failure(.cancelled) }
        }
    }

    private static var busy: Failure {
        var failure = Failure(.busy, detail: "somebody logs in to this account, or works with it", retryAfter: 30)
        failure.isUnsent = true
        return failure
    }

    private func leave(_ name: String) {
        state.withLock { state in
            if state.homes[name]?.isTaken == true {
                state.homes[name]?.isTaken = false
            } else {
                state.homes[name]?.guests -= 1
            }
            Self.admit(name, &state)
        }
    }

    /// Lets in whoever has waited longest, and those behind for whom there is room as well.
    private static func admit(_ name: String, _ state: inout State) {
        guard var home = state.homes[name] else { return }
        while let first = home.waiters.first, !home.isTaken {
            guard first.isAlone ? home.guests == 0 : home.guests < first.places else { break }
            if first.isAlone { home.isTaken = true } else { home.guests += 1 }
            home.waiters.removeFirst()
            first.gate.release()
        }
        let isLeft = home.guests == 0 && !home.isTaken && home.waiters.isEmpty
        state.homes[name] = isLeft ? nil : home
    }
}

/// A lock on one account that other processes see.
package final class AccountLock: Sendable {
    private let descriptor: CInt
    private let isHeld = Atomic<Bool>(true)

    /// - Parameters:
    ///   - name: As `name(of:agent:)` has it.
    ///   - directory: Of the locks; made when it is missing.
    ///   - isAlone: Whether nobody else may hold it.
    /// - Returns: `nil` when others hold it.
    /// - Throws: `Failure` `.spawn` when there can be no lock.
    package init?(_ name: String, in directory: String, isAlone: Bool) throws(Failure) {
        let path = "\(directory)/\(name)"
        mkdir(directory, 0o700)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw Failure(.spawn, detail: "\(path) cannot be opened: \(String(cString: strerror(errno)))".bounded)
        }
        guard flock(descriptor, (isAlone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { release() }

    package func release() {
        if isHeld.exchange(false, ordering: .relaxed) { close(descriptor) }
    }

    /// Where the locks are.
    package static func directory(in dataDirectory: String) -> String {
        "\(dataDirectory.withoutLastSlash)/account-locks"
    }

    package static func name(of account: String, agent: String) -> String { "\(agent)@\(account)" }
}
