package import GatehouseCore
package import NIOCore
import Synchronization

/// An upstream that a test speaks for: it keeps what was asked and answers when told to.
package final class ScriptedUpstream: Upstream {
    private let lane: UpstreamLane
    private let started = Mutex<[UpstreamRequest]>([])
    private let attempts: NIOLoopBoundBox<[Attempt]>

    /// Must be made on `eventLoop`.
    package init(_ lane: UpstreamLane, on eventLoop: any EventLoop) {
        self.lane = lane
        attempts = NIOLoopBoundBox([], eventLoop: eventLoop)
    }

    package func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? { lane }

    /// One attempt, and what was asked of it since.
    package final class Attempt: UpstreamAttempt {
        package private(set) var isCancelled = false
        package private(set) var isFinished = false
        package private(set) var isReading = true
        package let reply: any UpstreamReply

        init(_ reply: any UpstreamReply) {
            self.reply = reply
        }

        package func cancel() { isCancelled = true }
        package func finish() { isFinished = true }
        package func setReading(_ reading: Bool) { isReading = reading }
    }

    package func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        started.withLock { $0.append(request) }
        let attempt = Attempt(reply)
        attempts.value.append(attempt)
        return attempt
    }

    package var requests: [UpstreamRequest] { started.withLock { $0 } }
    package var last: Attempt? { attempts.value.last }
    package var all: [Attempt] { attempts.value }
}
