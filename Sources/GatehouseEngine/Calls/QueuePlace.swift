import GatehouseCore
import NIOCore

/// Where calls wait for their turn.
protocol WaitingRoom: Sendable {
    /// Into the queue, where each key waits behind its own calls only.
    ///
    /// - Parameter resume: Told once, unless the call leaves the queue by itself.
    func wait(owner: String, now: Instant, resume: @escaping Deployment.Resume) -> Deployment.Entry

    /// The call waits no longer. `nil`: it waits no more, and has been or will be told what became of it; else the seconds
    /// after which there may be room.
    func abandon(_ ticket: UInt64) -> Int?

    /// A call that was let in does not come.
    func decline(now: Instant)

    /// How often time itself may make room; `nil` for never.
    var look: TimeAmount? { get }
    func look(now: Instant)
}

extension WaitingRoom {
    var look: TimeAmount? { nil }
    func look(now: Instant) {}
}

extension Deployment: WaitingRoom {
    func decline(now: Instant) {
        var unused = SeededGenerator(seed: 0)
        leave(nil, .init(), now: now, using: &unused)
    }
}

/// A call's place in a queue, which other event loops serve too. Confined to the call's own loop.
final class QueuePlace {
    private let room: any WaitingRoom
    private let eventLoop: any EventLoop
    private var ticket: UInt64?
    private var timer: Scheduled<Void>?
    private var looks: Scheduled<Void>?
    private var told: ((Deployment.Verdict) -> Void)?

    init(_ room: any WaitingRoom, on eventLoop: any EventLoop) {
        self.room = room
        self.eventLoop = eventLoop
    }

    /// Goes into the queue.
    ///
    /// - Parameter told: Told once what became of it, perhaps before this returns, unless the call leaves by itself.
    func enter(owner: String, told: @escaping (Deployment.Verdict) -> Void) {
        self.told = told
        let place = NIOLoopBound(self, eventLoop: eventLoop)
        let loop = eventLoop
        let entry = room.wait(owner: owner, now: Instant(loop.now)) { verdict in
            loop.execute { place.value.tell(verdict) }
        }
        switch entry {
        case .admitted: tell(.admitted)
        case .refused(let seconds): tell(.refused(retryAfter: seconds))
        case .queued(let ticket, let deadline):
            self.ticket = ticket
            let wait = TimeAmount.nanoseconds((deadline - Instant(loop.now)).nanoseconds)
            timer = loop.assumeIsolated().scheduleTask(in: wait) { self.expire() }
            planLook()
        }
    }

    private func planLook() {
        guard let pause = room.look else { return }
        looks = eventLoop.assumeIsolated().scheduleTask(in: pause) {
            self.planLook()
            self.room.look(now: Instant(self.eventLoop.now))
        }
    }

    private func stopTimers() {
        timer?.cancel()
        timer = nil
        looks?.cancel()
        looks = nil
    }

    /// The call does not want to wait any longer.
    func leave() {
        stopTimers()
        told = nil
        if let ticket { _ = room.abandon(ticket) }
        ticket = nil
    }

    private func expire() {
        timer = nil
        // Whoever was called in at the same moment is told so in a moment.
        guard let ticket, let seconds = room.abandon(ticket) else { return }
        self.ticket = nil
        tell(.refused(retryAfter: seconds))
    }

    private func tell(_ verdict: Deployment.Verdict) {
        stopTimers()
        ticket = nil
        guard let told else {
            // It was let in at the moment it left: out again.
            if case .admitted = verdict { room.decline(now: Instant(eventLoop.now)) }
            return
        }
        self.told = nil
        told(verdict)
    }
}
