import GatehouseCore
import Glibc

/// What the supervisor tells of a run's end, in a file that the agent does not get to see.
struct RunReport: Sendable, Equatable {
    enum Phase: String, Sendable {
        /// The agent could not be started, or its sandbox.
        case start, sandbox
        /// It ended by itself, it was told to, or the gateway was gone.
        case run, stop, parent
    }

    var phase: Phase
    /// The name of what the system refused, in the first two phases.
    var error: String?
    var status = AgentExit.Status.exited(0)
    /// Processes that had to be killed.
    var killed = 0
    /// It was killed because the memory of all its processes was used up.
    var isOutOfMemory = false

    /// Lines `name=value`; `nil` when there is no phase among them.
    init?(_ text: String) {
        var values: [Substring: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = String(parts[1]) }
        }
        guard let phase = values["phase"].flatMap(Phase.init) else { return nil }
        self.phase = phase
        error = values["error"]
        if let number = values["signal"].flatMap({ Int32($0) }) { status = .signaled(number) }
        if let code = values["exit"].flatMap({ Int32($0) }) { status = .exited(code) }
        killed = values["killed"].flatMap { Int($0) } ?? 0
        isOutOfMemory = values["memory"] == "exhausted"
    }

    /// The report in a run's directory; `nil` when the supervisor itself was killed.
    static func read(_ path: String) -> RunReport? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(file, &bytes, bytes.count)
        return count > 0 ? RunReport(String(decoding: bytes[..<count], as: UTF8.self)) : nil
    }

    /// What kept the agent from running; `nil` when it ran. `stderr` may have the words of whoever put up the sandbox.
    func failure(stderr: String) -> Failure? {
        switch phase {
        case .start: return Failure(.spawn, detail: "start: \(error ?? "refused")")
        case .sandbox:
            let words = stderr.split(separator: "\n").last { $0.hasPrefix("bwrap:") }
            return Failure(.sandbox, detail: "sandbox: \(words.map(String.init) ?? error ?? "refused")".bounded)
        case .run, .stop, .parent:
            guard isOutOfMemory, status == .signaled(SIGKILL) else { return nil }
            return Failure(.crashed, detail: "killed: its memory limit was reached")
        }
    }
}
