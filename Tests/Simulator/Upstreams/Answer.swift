import GatehouseCore
import NIOCore

/// All that an upstream will send for one attempt, and when.
final class Answer {
    enum Deed {
        case head(UpstreamHead)
        case bytes(ByteBuffer)
        case event(CanonicalEvent)
        case end
        case fail(Failure)
    }

    struct Step {
        var wait: Interval
        var deed: Deed
        /// A timer of silence, which rests while nobody reads.
        var isTimer = false
    }

    let fate: Fate
    let steps: [Step]
    /// The bytes of a whole answer as its caller may see it, where it is passed on as it is.
    let visible: ByteBuffer
    /// What was sent up to the end of each event, with how much of it is visible.
    let frames: [Frame]
    /// Bytes, or events, behind which the answer is whole.
    let wholeBytes: Int?
    let wholeEvents: Int?
    /// What a 429 says of the time to wait; at least a second, as waits are told in whole ones.
    var told: Interval?
    /// Only the end of the connection says that it is whole.
    let needsEnd: Bool

    struct Frame {
        var sent: Int
        var visible: Int
    }

    init(_ fate: Fate, _ steps: [Step], _ wire: WireText?, wholeEvents: Int? = nil) {
        self.fate = fate
        self.steps = steps
        visible = wire?.visible ?? ByteBuffer()
        frames = wire?.frames ?? []
        wholeBytes = wire?.wholeBytes
        needsEnd = wire?.needsEnd ?? false
        self.wholeEvents = wholeEvents
    }

    /// Whether all bytes of the answer were given to the gateway, so that it knows how it ends.
    func isTold(bytes: Int) -> Bool {
        let all = steps.reduce(0) { sum, step in
            if case .bytes(let bytes) = step.deed { sum + bytes.readableBytes } else { sum }
        }
        return all > 0 && bytes >= all
    }

    func isWhole(bytes: Int, events: Int, hasEnded: Bool) -> Bool {
        guard hasEnded || !needsEnd else { return false }
        if let wholeBytes { return bytes >= wholeBytes }
        if let wholeEvents { return events >= wholeEvents }
        return false
    }

    /// How much of what was sent the caller may have: whole events only.
    func visible(of sent: Int) -> Int {
        frames.last { $0.sent <= sent }?.visible ?? 0
    }
}
