import GatehouseCore
import NIOCore

/// The way back to the listener of an attempt, from any task. It lives on the event loop and is reached through a
/// loop-bound box only.
struct AgentListener: Sendable {
    private let eventLoop: any EventLoop
    private let reply: NIOLoopBoundBox<(any UpstreamReply)?>

    /// Must be made on `eventLoop`.
    init(_ reply: any UpstreamReply, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.reply = NIOLoopBoundBox(reply, eventLoop: eventLoop)
    }

    /// It is called no more. On the event loop.
    func drop() {
        reply.value = nil
    }

    /// Gives events to the listener, in order, and returns when it has taken them.
    func deliver(_ events: [CanonicalEvent]) async {
        guard !events.isEmpty else { return }
        await onLoop { reply in
            for event in events { reply.value?.received(event: event) }
            reply.value?.receivedBatchEnd()
        }
    }

    /// Gives the last events and the verdict. Nothing is given after it.
    func finish(_ ending: AgentEnding) async {
        await onLoop { reply in
            for event in ending.events { reply.value?.received(event: event) }
            switch ending.result {
            case .success(let finish):
                reply.value?.received(event: .finished(finish))
                reply.value?.receivedBatchEnd()
                reply.value?.receivedEnd()
            case .failure(let failure):
                reply.value?.failed(failure)
            }
            reply.value = nil
        }
    }

    /// Gives a failure, later: for those who cannot wait. Nothing is given after it.
    func failLater(_ failure: Failure) {
        eventLoop.execute { [reply] in
            reply.value?.failed(failure)
            reply.value = nil
        }
    }

    /// A loop that has been shut down has no listeners any more; its error tells nothing new.
    private func onLoop(_ work: @escaping @Sendable (NIOLoopBoundBox<(any UpstreamReply)?>) -> Void) async {
        let reply = reply
        try? await eventLoop.submit { work(reply) }.get()
    }
}
