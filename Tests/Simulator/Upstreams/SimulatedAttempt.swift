import GatehouseCore
import NIOCore

/// One attempt at a simulated upstream: it plays its answer, as long as somebody reads.
final class SimulatedAttempt: UpstreamAttempt {
    let number: Int
    private let call: Int
    private let answer: Answer
    private unowned let world: World
    private var reply: (any UpstreamReply)?
    private let loop: any EventLoop
    private let left: () -> Void
    private var position = 0
    private var appointment: Appointment?
    /// When it takes too long on the whole, read or not.
    private var end: Appointment?
    private static let longest = Interval.seconds(1800)
    private var isReading = true
    /// A step is due and waits for somebody to read.
    private var isHeld = false
    private var isOver = false

    init(
        _ number: Int, _ call: Int, _ answer: Answer, _ world: World, _ reply: any UpstreamReply,
        _ loop: any EventLoop,
        left: @escaping () -> Void
    ) {
        self.number = number
        self.call = call
        self.answer = answer
        self.world = world
        self.reply = reply
        self.loop = loop
        self.left = left
    }

    func begin() { plan() }

    func cancel() {
        guard !isOver else { return }
        note(.cancelled)
        finishUp()
    }

    func finish() {
        guard !isOver else { return }
        note(.finished)
        finishUp()
    }

    func setReading(_ reading: Bool) {
        guard !isOver, reading != isReading else { return }
        isReading = reading
        note(reading ? .resumed : .paused)
        if !reading, end == nil { planEnd() }
        guard reading, isHeld else { return }
        isHeld = false
        plan(atOnce: !answer.steps[position].isTimer)
    }

    /// The gateway's process is lost, and its connections with it.
    func lose() {
        guard !isOver else { return }
        finishUp()
    }

    private func finishUp() {
        isOver = true
        appointment?.cancel()
        appointment = nil
        end?.cancel()
        reply = nil
        left()
    }

    private func plan(atOnce: Bool = false) {
        guard position < answer.steps.count else { return }
        appointment = world.timeline.after(atOnce ? .zero : answer.steps[position].wait) { [unowned self] in
            (self.loop as? SimulatedLoop)?.run { self.act() }
        }
    }

    /// Timers of silence rest while nobody reads: for as long as somebody does not, but for this one.
    private func planEnd() {
        end = world.timeline.after(Self.longest) { [unowned self] in
            (self.loop as? SimulatedLoop)?.run { self.play(.fail(Failure(.timeout(.total)))) }
        }
    }

    private func act() {
        guard isReading else {
            isHeld = true
            return
        }
        let deed = answer.steps[position].deed
        position += 1
        play(deed)
        if !isOver { plan() }
    }

    private func play(_ deed: Answer.Deed) {
        guard let reply else { return }
        switch deed {
        case .head(let head):
            note(.head, head.status)
            reply.received(head: head)
        case .bytes(let bytes):
            note(.bytes, bytes.readableBytes)
            reply.received(bytes: bytes)
            if !isOver { reply.receivedBatchEnd() }
        case .event(let event):
            note(.event)
            reply.received(event: event)
            if !isOver { reply.receivedBatchEnd() }
        case .end:
            note(.end)
            finishUp()
            reply.receivedEnd()
        case .fail(let failure):
            note(.failed)
            finishUp()
            reply.failed(failure)
        }
    }

    private func note(_ kind: Event.Kind, _ value: Int = 0) {
        world.note(kind, call: call, attempt: number, value: value)
    }
}
