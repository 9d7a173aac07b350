import Dispatch
import GatehouseCore
import GatehouseEngine
import NIOCore

/// An event loop of a simulated gateway: its time is the world's. Of all loops of a world at most one runs at a time, and
/// whoever calls from another one, or from outside, is handed over a moment later, as between threads.
// Unchecked: everything in it is confined to the thread of its world.
final class SimulatedLoop: EventLoop, @unchecked Sendable {
    /// The loop that runs now.
    // Unchecked: confined to the thread of its world.
    final class Turn: @unchecked Sendable {
        fileprivate var running: SimulatedLoop?
    }

    private let timeline: Timeline
    private let turn: Turn
    private var dice: Dice
    /// The longest time of a hand-over.
    private let handover: Interval
    private var lastHandover = Instant.distantPast
    /// Timers that neither ran nor were cancelled, for the end of the process.
    private var timers: [ObjectIdentifier: Timer] = [:]
    private var isDead = false
    /// A planted bug: timers go on although they were cancelled.
    var keepsTimers = false

    /// One timer of the loop.
    // Unchecked: confined to the thread of its world.
    private final class Timer: @unchecked Sendable {
        var appointment: Appointment?
        /// Tells whoever waits for it that it will never come.
        var drop: (() -> Void)?
    }

    init(_ timeline: Timeline, _ turn: Turn, handover: Interval, _ dice: Dice) {
        self.timeline = timeline
        self.turn = turn
        self.handover = handover
        self.dice = dice
    }

    var now: NIODeadline { .uptimeNanoseconds(UInt64(clamping: timeline.now.nanoseconds)) }
    var inEventLoop: Bool { turn.running === self }

    /// Does something on this loop, at once.
    func run(_ work: () -> Void) {
        let before = turn.running
        turn.running = self
        work()
        turn.running = before
    }

    /// The process is gone, and what it planned with it.
    func die() {
        isDead = true
        for timer in timers.values {
            timer.appointment?.cancel()
            timer.drop?()
        }
        timers = [:]
    }

    func execute(_ task: @escaping @Sendable () -> Void) {
        guard !inEventLoop, handover > .zero else {
            plan(timeline.now, .handover, task)
            return
        }
        // What is handed over from one place comes in order.
        lastHandover = max(lastHandover, timeline.now + handover.drawn(using: &dice))
        plan(lastHandover, .handover, task)
    }

    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        let promise = makePromise(of: T.self)
        let timer = plan(Instant(deadline), .timer) {
            do {
                promise.assumeIsolated().succeed(try task())
            } catch {
                promise.fail(error)
            }
        }
        timer.drop = { promise.fail(EventLoopError.cancelled) }
        if isDead { timer.drop?() }
        return Scheduled(promise: promise) { [weak self] in self?.cancel(timer) }
    }

    func scheduleTask<T>(in wait: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        scheduleTask(deadline: now + wait, task)
    }

    @discardableResult
    private func plan(_ time: Instant, _ owner: Timeline.Owner, _ task: @escaping () -> Void) -> Timer {
        let timer = Timer()
        guard !isDead else { return timer }
        let name = ObjectIdentifier(timer)
        timers[name] = timer
        timer.appointment = timeline.at(time, for: owner) { [weak self] in
            self?.timers[name] = nil
            self?.run(task)
        }
        return timer
    }

    private func cancel(_ timer: Timer) {
        guard !keepsTimers else { return }
        timer.appointment?.cancel()
        timers[ObjectIdentifier(timer)] = nil
    }

    func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(inEventLoop, "on another loop", file: file, line: line)
    }

    func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "on this loop", file: file, line: line)
    }

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
}
