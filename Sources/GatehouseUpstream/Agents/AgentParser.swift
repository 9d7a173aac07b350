package import GatehouseCore
package import NIOCore

/// Reads what one kind of agent prints. Pure: bytes and the manner of the process's end come in, events come out.
package protocol AgentOutput: Sendable {
    /// Whether the agent has said that its answer is complete.
    var isComplete: Bool { get }

    /// - Throws: `Failure` when the output exceeds its limits.
    mutating func feed(_ bytes: ByteBuffer) throws(Failure) -> [CanonicalEvent]

    /// Judges the run, once, after its last byte.
    mutating func end(_ exit: AgentExit) -> AgentEnding
}

/// Reads the JSON records that one kind of agent prints, line by line.
package protocol AgentParser: Sendable {
    /// Whether the agent's own terminal record has been seen.
    var isComplete: Bool { get }

    /// Records of unknown kinds are nothing special: CLIs add new ones every week.
    mutating func record(_ record: JSONValue) -> [CanonicalEvent]

    /// Judges the run: ending well without a terminal record, without text, or with its needs denied is a failure.
    mutating func end(_ exit: AgentExit) -> Result<Finish, Failure>
}

/// How an agent's process ended.
package struct AgentExit: Sendable, Equatable {
    package enum Status: Sendable, Equatable {
        case exited(Int32)
        case signaled(Int32)
    }

    package var status: Status
    /// The end of what it wrote to standard error; for classification, never for a caller.
    package var stderr: String
    package var clock: WallClock

    package init(_ status: Status, stderr: String = "", clock: WallClock = WallClock()) {
        self.status = status
        self.stderr = stderr
        self.clock = clock
    }
}

/// The time of day where the agents run; they tell in local time when a quota comes back.
package struct WallClock: Sendable, Equatable {
    /// Seconds since 1970.
    package var now: Int
    /// Seconds east of UTC.
    package var offset: Int

    package init(now: Int = 0, offset: Int = 0) {
        self.now = now
        self.offset = offset
    }
}

/// The verdict on a run.
package struct AgentEnding: Sendable, Equatable {
    /// Events that only the end brought out; they come before the verdict.
    package var events: [CanonicalEvent]
    package var result: Result<Finish, Failure>

    package init(events: [CanonicalEvent] = [], result: Result<Finish, Failure>) {
        self.events = events
        self.result = result
    }
}

/// Lines of JSON, read by a parser. Lines that are no JSON object are skipped: CLIs print notices between them.
package struct JSONLineOutput<Parser: AgentParser>: AgentOutput {
    private var framer: JSONLineFramer
    private var parser: Parser

    package init(_ parser: Parser, framer: JSONLineFramer = JSONLineFramer()) {
        self.parser = parser
        self.framer = framer
    }

    package var isComplete: Bool { parser.isComplete }

    package mutating func feed(_ bytes: ByteBuffer) throws(Failure) -> [CanonicalEvent] {
        try framer.feed(bytes)
        var events: [CanonicalEvent] = []
        while let line = try framer.next() { events += read(line) }
        return events
    }

    package mutating func end(_ exit: AgentExit) -> AgentEnding {
        let events = framer.last().map { read($0) } ?? []
        return AgentEnding(events: events, result: parser.end(exit))
    }

    private mutating func read(_ line: ByteBuffer) -> [CanonicalEvent] {
        guard line.readableBytesView.first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "{") else { return [] }
        do throws(JSONError) {
            return parser.record(try JSONValue(parsing: line.readableBytesView, limits: .lenient))
        } catch {
            return []
        }
    }
}
