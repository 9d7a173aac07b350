package import GatehouseCore
package import NIOCore

/// Plain text, given on as it comes: for agents that print nothing but their answer.
///
/// Characters cut in the middle wait for their rest, broken UTF-8 becomes U+FFFD, terminal sequences are removed, and
/// one line feed at the very end is the terminal's, not the answer's.
package struct TextOutput: AgentOutput {
    private var filter = TerminalText()
    private var pending: [UInt8] = []
    private var remaining: Int
    private let totalLimit: Int
    private var verdict = AgentVerdict()
    private let usage: @Sendable (String) -> Usage?

    /// `usage` finds the tokens in what the agent wrote to standard error.
    package init(totalLimit: Int = 256 << 20, usage: @escaping @Sendable (String) -> Usage? = { _ in nil }) {
        self.totalLimit = totalLimit
        self.remaining = totalLimit
        self.usage = usage
    }

    /// Plain text has no terminal record.
    package var isComplete: Bool { false }

    package mutating func feed(_ bytes: ByteBuffer) throws(Failure) -> [CanonicalEvent] {
        remaining -= bytes.readableBytes
        guard remaining >= 0 else {
            throw Failure(.outputTooLarge, detail: "more than \(totalLimit) bytes of output")
        }
        pending += filter.strip(bytes.readableBytesView)
        return emit(upTo: pending.count - Self.heldBack(pending))
    }

    package mutating func end(_ exit: AgentExit) -> AgentEnding {
        if pending.last == 0x0A { pending.removeLast() }
        if pending.last == 0x0D { pending.removeLast() }
        let events = emit(upTo: pending.count)
        verdict.finish = Finish(.stop, usage: usage(exit.stderr))
        return AgentEnding(events: events, result: verdict.settle(exit))
    }

    private mutating func emit(upTo count: Int) -> [CanonicalEvent] {
        guard count > 0 else { return [] }
        let text = String(decoding: pending[..<count], as: UTF8.self)
        pending.removeFirst(count)
        // White space alone is no answer.
        guard verdict.hasText || text.utf8.contains(where: { $0 > 0x20 }) else { return [.textDelta(text)] }
        return [verdict.give(text)]
    }

    /// How many bytes at the end must wait: a cut character, or a line break that may be the last one.
    private static func heldBack(_ bytes: [UInt8]) -> Int {
        if bytes.last == 0x0D { return 1 }
        if bytes.last == 0x0A { return bytes.dropLast().last == 0x0D ? 2 : 1 }
        for (distance, byte) in bytes.suffix(4).reversed().enumerated() {
            let length: Int
            switch byte {
            case 0x80...0xBF: continue
            case 0xC2...0xDF: length = 2
            case 0xE0...0xEF: length = 3
            case 0xF0...0xF4: length = 4
            default: return 0
            }
            return distance + 1 < length ? distance + 1 : 0
        }
        return 0
    }
}
