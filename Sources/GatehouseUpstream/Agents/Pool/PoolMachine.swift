package import GatehouseCore

/// Which turn is given to which process of one agent. Pure: what happens comes in with its time, what is to be done comes
/// out.
///
/// Turns are served in the order they came, each as soon as a process is free that may take it. A process that has been
/// given to somebody stays theirs (`Owner`); one that was started in advance is nobody's until then.
package struct PoolMachine: Sendable {
    package typealias ProcessID = Int
    package typealias TurnID = Int

    package struct Settings: Sendable, Equatable {
        /// Processes that are started in advance and kept for whoever comes.
        package var minimum = 0
        package var maximum = 4
        /// Without a turn, after its last one.
        package var idle = Interval.seconds(300)
        package var age = Interval.seconds(3600)
        package var turns = 50
        /// Bytes of memory of a process and all that it started; it is ended when no turn is using it.
        package var memory: Int?
        /// Turns that wait.
        package var queue = 16
        package var wait = Interval.seconds(60)
        /// Handshakes that may fail one after the other before no more are tried for a while.
        package var failures = 3
        package var pause = Interval.seconds(10)
        package var longestPause = Interval.seconds(300)

        package init() {}
    }

    /// Whose a process is.
    package struct Owner: Sendable, Hashable {
        package var tenant: String
        package var account: String
        package var model: String
        package var conversation: Conversation

        package init(tenant: String, account: String = "", model: String = "", conversation: Conversation = .any) {
            self.tenant = tenant
            self.account = account
            self.model = model
            self.conversation = conversation
        }
    }

    /// What a process may be used for besides the turn at hand.
    package enum Conversation: Sendable, Hashable {
        /// All of its owner's.
        case any
        /// Nothing: it ends with the turn.
        case once
        /// This session and nothing else.
        case session(String)
    }

    package struct Want: Sendable, Equatable {
        package var turn: TurnID
        package var owner: Owner
        /// One turn of a session at a time, all in the process that the session began in.
        package var session: String?

        package init(_ turn: TurnID, _ owner: Owner, session: String? = nil) {
            self.turn = turn
            self.owner = owner
            self.session = session
        }
    }

    package enum Input: Sendable, Equatable {
        case want(Want)
        /// Nobody waits for this turn any more. One that has a process is ended by that.
        case leave(TurnID)
        case ready(ProcessID)
        /// A process came to nothing before it was ready.
        case failed(ProcessID, Failure)
        /// The turn of a process is over, and the process can take another.
        case over(ProcessID)
        /// The turn of a process is over, and the process is ended.
        case spent(ProcessID)
        /// Nothing of a process is left.
        case gone(ProcessID)
        case measured(ProcessID, Int)
        /// A process would not answer.
        case unwell(ProcessID)
        /// No process is to keep this account any longer than its turn takes.
        case vacate(account: String)
        case tick
        /// No more turns come; those there are are served.
        case retire
    }

    package enum Action: Sendable, Equatable {
        /// `nil` is nobody's.
        case start(ProcessID, Owner?)
        case give(TurnID, ProcessID)
        case refuse(TurnID, Failure)
        case end(ProcessID)
    }

    struct Process: Sendable {
        enum State: Sendable, Equatable { case starting, idle, busy(Want), ending }
        var state = State.starting
        var owner: Owner?
        var born: Instant
        var since: Instant
        var turns = 0
        /// It is ended after its turn.
        var isWorn = false
    }

    struct Waiting: Sendable {
        var want: Want
        var since: Instant
    }

    let settings: Settings
    /// Whose processes can be started in advance: what all owners must have in common for one of them to be of use.
    let spare: (account: String, model: String)
    /// How many processes may live with an account, whoever they serve: each holds its login as long as it lives.
    let places: [String: Int]
    var processes: [ProcessID: Process] = [:]
    var queue: [Waiting] = []
    /// Where a session lives.
    var homes: [SessionName: ProcessID] = [:]
    var lastProcess = 0
    var isRetired = false
    // The breaker.
    var failures = 0
    var openUntil: Instant?
    var lastFailure = Failure(.spawn)
    /// Seconds that a turn takes, on average of the last ones.
    var turnSeconds = 1.0
    package private(set) var failedHandshakes = 0

    struct SessionName: Sendable, Hashable {
        var owner: Owner
        var session: String
    }

    /// - Parameters:
    ///   - account: Of processes that are started in advance.
    ///   - places: Processes that may live with an account at a time; no entry for no limit.
    package init(
        _ settings: Settings = Settings(), account: String = "", model: String = "", places: [String: Int] = [:]
    ) {
        self.settings = settings
        self.places = places
        spare = (account, model)
    }

    package mutating func handle(_ input: Input, now: Instant) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .want(let want): actions = enter(want, now)
        case .leave(let turn): queue.removeAll { $0.want.turn == turn }
        case .ready(let id): ready(id, now)
        case .failed(let id, let failure): actions = failed(id, failure, now)
        case .over(let id): actions = over(id, isUsable: true, now)
        case .spent(let id): actions = over(id, isUsable: false, now)
        case .gone(let id): forget(id)
        case .measured(let id, let bytes): actions = measured(id, bytes)
        case .unwell(let id): processes[id]?.isWorn = true
        case .vacate(let account): wear(out: account)
        case .tick: actions = tick(now)
        case .retire: isRetired = true
        }
        return actions + serve(now) + keepSpares(now) + retireIdle() + endWorn()
    }

    // MARK: Numbers

    package struct Counts: Sendable, Equatable {
        package var starting = 0
        package var idle = 0
        package var busy = 0
        package var ending = 0
        package var queued = 0
    }

    package var counts: Counts {
        var counts = Counts()
        counts.queued = queue.count
        for process in processes.values {
            switch process.state {
            case .starting: counts.starting += 1
            case .idle: counts.idle += 1
            case .busy: counts.busy += 1
            case .ending: counts.ending += 1
            }
        }
        return counts
    }

    /// Whether there is nothing left to do for a pool that is retired.
    package var isOver: Bool { isRetired && processes.isEmpty && queue.isEmpty }

    mutating func noteFailedHandshake() { failedHandshakes += 1 }
}
