import GatehouseCore
import NIOCore

/// An upstream with a bug between it and the gateway.
// Unchecked: confined to the thread of its world.
final class PlantedUpstream: Upstream, @unchecked Sendable {
    fileprivate let inner: SimulatedUpstream
    fileprivate unowned let world: World
    fileprivate let plant: Plant?
    /// It failed once.
    fileprivate var hasFailed = false

    init(_ inner: SimulatedUpstream, _ world: World, _ plant: Plant?) {
        self.inner = inner
        self.world = world
        self.plant = plant
    }

    func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? { inner.lane(for: operation) }

    func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        let call = Int(request.id) ?? -1
        let planted = PlantedReply(reply, self) { [inner] in
            inner.start(request, on: eventLoop, reply: NoReply()).cancel()
        }
        let attempt = PlantedAttempt(inner.start(request, on: eventLoop, reply: planted), self, call)
        if plant == .neverHeals, hasFailed, world.oracle.facts.calls[call].plan.isExam {
            world.timeline.after(.milliseconds(1)) { (eventLoop as? SimulatedLoop)?.run { attempt.fail(reply) } }
        }
        if plant == .fourAttempts, world.oracle.facts.calls[call].plan.mayRepeat {
            for _ in 0..<3 { inner.start(request, on: eventLoop, reply: NoReply()).cancel() }
        }
        return attempt
    }
}

/// Hands on what an upstream sends, but for the bug.
private final class PlantedReply: UpstreamReply {
    private let reply: any UpstreamReply
    private let upstream: PlantedUpstream
    private let again: () -> Void
    private var pieces = 0
    private var isStream = false

    init(_ reply: any UpstreamReply, _ upstream: PlantedUpstream, again: @escaping () -> Void) {
        self.reply = reply
        self.upstream = upstream
        self.again = again
    }

    func received(head: UpstreamHead) {
        var head = head
        if upstream.plant == .deafToWaits {
            if head.status == 429 { head.status = 503 }
            (head.retryAfter, head.retryAfterMilliseconds) = (nil, nil)
        }
        isStream = head.contentType == "text/event-stream"
        reply.received(head: head)
    }

    func received(bytes: ByteBuffer) {
        pieces += 1
        if upstream.plant == .losesBytes, pieces == 2, bytes.holds("delta") { return }
        reply.received(bytes: bytes)
        if upstream.plant == .retriesBehindCommit, pieces == 3 { again() }
    }

    func received(event: CanonicalEvent) { reply.received(event: event) }
    func receivedBatchEnd() { reply.receivedBatchEnd() }

    func receivedEnd() {
        if upstream.plant == .makesUpEnding, isStream {
            reply.received(bytes: ByteBuffer(string: "\n\ndata: [DONE]\n\n"))
        }
        reply.receivedEnd()
    }

    func failed(_ failure: Failure) {
        upstream.hasFailed = true
        var failure = failure
        if upstream.plant == .forgetsBilling { failure.isUnsent = true }
        reply.failed(failure)
    }
}

/// Does what the gateway asks, but for the bug.
private final class PlantedAttempt: UpstreamAttempt {
    private let inner: any UpstreamAttempt
    private let upstream: PlantedUpstream
    private let call: Int
    private var isOver = false

    init(_ inner: any UpstreamAttempt, _ upstream: PlantedUpstream, _ call: Int) {
        self.inner = inner
        self.upstream = upstream
        self.call = call
    }

    func fail(_ reply: any UpstreamReply) {
        guard !isOver else { return }
        isOver = true
        inner.cancel()
        reply.failed(Failure(.upstream))
    }

    func cancel() {
        isOver = true
        let hasLeft = upstream.world.oracle.facts.calls[call].left != nil
        if upstream.plant == .keepsAttempts, !hasLeft { return }
        guard upstream.plant == .cancelsLate, hasLeft else { return inner.cancel() }
        upstream.world.timeline.after(.milliseconds(1)) { [inner] in inner.cancel() }
    }

    func finish() {
        isOver = true
        if upstream.plant != .keepsAttempts { inner.finish() }
    }

    func setReading(_ reading: Bool) {
        if upstream.plant != .readsOn { inner.setReading(reading) }
    }
}

/// Nobody listens.
private final class NoReply: UpstreamReply {
    func received(head: UpstreamHead) {}
    func received(bytes: ByteBuffer) {}
    func received(event: CanonicalEvent) {}
    func receivedBatchEnd() {}
    func receivedEnd() {}
    func failed(_ failure: Failure) {}
}
