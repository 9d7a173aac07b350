package import GatehouseCore
package import NIOCore

/// Speaks one protocol with one warm process. Pure: what happens comes in, what is to be done comes out. One turn at a
/// time; whoever drives it gives a turn only when it is ready and the last one is over.
package protocol DriverMachine: Sendable {
    /// The time of day, told by whoever drives it before each input.
    var clock: WallClock { get set }

    mutating func handle(_ input: DriverInput) -> [DriverAction]
}

package enum DriverInput: Sendable, Equatable {
    /// The process is there.
    case started
    /// It wrote a line.
    case line(ByteBuffer)
    case prompt(DriverPrompt)
    /// Nobody waits for the answer any more.
    case cancel
    /// The time of `DriverAction.timer` is over; one that is not waited for any more means nothing.
    case timer(DriverTimer)
    /// The process is gone.
    case ended(AgentExit)
}

package enum DriverAction: Sendable, Equatable {
    case write(JSONValue)
    case timer(DriverTimer, Duration)
    /// The handshake is done: turns can be given.
    case ready
    case event(CanonicalEvent)
    /// The turn ended well, and the next can be given.
    case finished(Finish)
    /// The turn failed, and the next can be given.
    case failed(Failure)
    /// The turn that nobody waited for is over, and the next can be given.
    case cancelled
    /// The process is of no use any more. A turn that is open has failed with this.
    case discard(Failure)
}

package enum DriverTimer: Sendable, Equatable {
    case handshake
    /// Of the turn with this number, from 1.
    case cancel(Int)
}

/// What is asked in one turn.
package struct DriverPrompt: Sendable, Equatable {
    /// The whole conversation.
    package var whole: String
    /// What is new in it since the turn before in the same session; for `session` only.
    package var latest: String
    /// The agent's own id of a session that it goes on with, if it still knows it.
    package var session: String?
    package var model: String

    package init(whole: String, latest: String = "", session: String? = nil, model: String = "") {
        self.whole = whole
        self.latest = latest
        self.session = session
        self.model = model
    }
}

/// What is fixed about the turns of one process.
package struct DriverSetup: Sendable, Equatable {
    /// Where the agent works, as it sees it.
    package var directory: String
    /// What is said of it for a session, where that must be something else.
    package var sessionDirectory: String?
    package var permissions = AgentPermissions.reject
    /// Values of `_meta.source` of what is no answer, in ACP.
    package var noticeSources: Set<String> = []
    package var handshake = Duration.seconds(30)
    /// Between asking to cancel a turn and giving the process up.
    package var cancelWait = Duration.seconds(3)

    package init(directory: String) {
        self.directory = directory
    }
}
