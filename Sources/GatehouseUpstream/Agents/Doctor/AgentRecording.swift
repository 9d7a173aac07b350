import Synchronization

/// What one run of an agent printed, line by line, and when.
package final class AgentRecording: Sendable {
    package enum Stream: Sendable { case stdout, stderr }

    package struct Line: Sendable, Equatable {
        /// Milliseconds since the agent was started.
        package var at: Int
        package var text: String
    }

    /// All that was noted.
    package struct Content: Sendable {
        package var argv: [String] = []
        /// The names of the variables that it got.
        package var environment: [String] = []
        /// Whether the prompt came on standard input.
        package var readsPrompt = false
        package var stdout: [Line] = []
        package var stderr: [Line] = []
        package var status: AgentExit.Status?
        /// Milliseconds from its start to its end.
        package var duration = 0
        /// More was printed than is kept.
        package var isCut = false
    }

    package static let promptMark = "<prompt>"
    /// Bytes of both streams that are kept.
    private static let limit = 16 << 20

    private struct State {
        var content = Content()
        var start = ContinuousClock.now
        var open: [Stream: [UInt8]] = [:]
        var left = limit
    }

    private let state = Mutex(State())

    package init() {}

    package var content: Content {
        state.withLock { state in
            var content = state.content
            // What has no line feed at its end is a line, too.
            for (stream, bytes) in state.open where !bytes.isEmpty {
                let line = Line(at: content.duration, text: String(decoding: bytes, as: UTF8.self))
                if stream == .stdout { content.stdout.append(line) } else { content.stderr.append(line) }
            }
            return content
        }
    }

    func begin(_ launch: AgentLaunch, prompt: String) {
        state.withLock { state in
            state.start = .now
            state.content.argv = launch.command.map { $0 == prompt && !prompt.isEmpty ? Self.promptMark : $0 }
            state.content.environment = launch.environment.keys.sorted()
            state.content.readsPrompt = !launch.input.isEmpty
        }
    }

    func take(_ bytes: UnsafeRawBufferPointer, from stream: Stream) {
        state.withLock { state in
            let kept = bytes.prefix(state.left)
            state.left -= kept.count
            if kept.count < bytes.count { state.content.isCut = true }
            let at = Self.milliseconds(since: state.start)
            var pieces = kept.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
            while let piece = pieces.popFirst() {
                state.open[stream, default: []] += piece
                guard !pieces.isEmpty else { break }
                let line = Line(at: at, text: String(decoding: state.open[stream] ?? [], as: UTF8.self))
                if stream == .stdout { state.content.stdout.append(line) } else { state.content.stderr.append(line) }
                state.open[stream] = []
            }
        }
    }

    func end(_ status: AgentExit.Status) {
        state.withLock { state in
            state.content.status = status
            state.content.duration = Self.milliseconds(since: state.start)
        }
    }

    private static func milliseconds(since start: ContinuousClock.Instant) -> Int {
        Int((ContinuousClock.now - start) / .milliseconds(1))
    }
}
