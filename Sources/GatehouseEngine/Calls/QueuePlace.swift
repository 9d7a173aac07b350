import GatehouseCore
import NIOCore

/// A call's place in the queue of a deployment, which other event loops serve too. Confined to the call's own loop.
final class QueuePlace {
    private let deployment: Deployment
    private let eventLoop: any EventLoop
    private var ticket: UInt64?
    private var timer: Scheduled<Void>?
    private var told: ((Deployment.Verdict) -> Void)?

    init(_ deployment: Deployment, on eventLoop: any EventLoop) {
        self.deployment = deployment
        self.eventLoop = eventLoop
    }

    /// Goes into the queue.
    ///
    /// - Parameter told: Told once what became of it, perhaps before this returns, unless the call leaves by itself.
    func enter(owner: String, told: @escaping (Deployment.Verdict) -> Void) {
        self.told = told
        let place = NIOLoopBound(self, eventLoop: eventLoop)
        let loop = eventLoop
        let entry = deployment.wait(owner: owner, now: Instant(loop.now)) { verdict in
            loop.execute { place.value.tell(verdict) }
        }
        switch entry {
        case .admitted: tell(.admitted)
        case .refused(let seconds): tell(.refused(retryAfter: seconds))
        case .queued(let ticket, let deadline):
            self.ticket = ticket
            let wait = TimeAmount.nanoseconds((deadline - Instant(loop.now)).nanoseconds)
            timer = loop.assumeIsolated().scheduleTask(in: wait) { self.expire() }
        }
    }

    /// The call does not want to wait any longer.
    func leave() {
        timer?.cancel()
        timer = nil
        told = nil
        if let ticket { _ = deployment.abandon(ticket) }
        ticket = nil
    }

    private func expire() {
        timer = nil
        // Whoever was called in at the same moment is told so in a moment.
        guard let ticket, let seconds = deployment.abandon(ticket) else { return }
        self.ticket = nil
        tell(.refused(retryAfter: seconds))
    }

    private func tell(_ verdict: Deployment.Verdict) {
        timer?.cancel()
        timer = nil
        ticket = nil
        guard let told else {
            // It was let in at the moment it left: out again.
            if case .admitted = verdict {
                var unused = SeededGenerator(seed: 0)
                deployment.leave(nil, .init(), now: Instant(eventLoop.now), using: &unused)
            }
            return
        }
        self.told = nil
        told(verdict)
    }
}
