import GatehouseCore
import NIOCore

/// One attempt of a call at one target: the state machine of its answer, and the upstream that gives it. Confined to the
/// call's event loop.
final class CallAttempt: UpstreamReply {
    let target: Route
    var lease: TargetLease
    /// Fields of the caller that the target does not see.
    let dropped: [String]
    /// What was said up to the answer, where the conversation is kept.
    let said: ByteBuffer?
    private var machine: CallMachine
    private var upstream: (any UpstreamAttempt)?
    /// Who is told; `nil` when the attempt is over.
    private var driver: CallDriver?
    private(set) var upstreamRequestID: String?
    /// The upstream was given it: not so where a budget had no room for it.
    private(set) var wasSent = false
    /// What it costs; `nil` where nobody keeps accounts, and when its row is written.
    var account: AttemptAccount?

    init(_ target: Route, _ lease: TargetLease, _ prepared: CallPreparation, for driver: CallDriver) {
        self.target = target
        self.lease = lease
        dropped = prepared.dropped
        said = prepared.said
        machine = CallMachine(prepared.plan)
        self.driver = driver
    }

    func start(_ request: UpstreamRequest, on eventLoop: any EventLoop, isReading: Bool) {
        wasSent = true
        upstream = target.entry.upstream.start(request, on: eventLoop, reply: self)
        if !isReading { upstream?.setReading(false) }
    }

    // MARK: For the driver

    var isCommitted: Bool { machine.isCommitted }
    var isTranslated: Bool { machine.isTranslated }
    var contentType: String? { machine.contentType }
    var identity: AnswerIdentity { machine.plan.identity }
    /// Why it failed, where it was the upstream's failure.
    var failure: Failure? {
        if case .failed(_, let failure) = machine.outcome { failure } else { nil }
    }

    func report() -> CallMachine.Report { machine.report() }
    func heritage() -> CallMachine.Heritage { machine.heritage() }

    func errorEvent(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        machine.errorEvent(error, requestID: requestID)
    }

    func setReading(_ reading: Bool) { upstream?.setReading(reading) }
    func clientGone() -> CallMachine.Action { machine.clientGone() }
    func abort(_ error: GatehouseError) -> CallMachine.Action { machine.abort(error) }

    /// Ends it, and releases what it holds. Nothing is told any more.
    func release() {
        if account != nil { driver?.account(for: self) }
        driver = nil
        guard let upstream else { return }
        self.upstream = nil
        if case .completed = machine.outcome { upstream.finish() } else { upstream.cancel() }
    }

    // MARK: From the upstream

    func received(head: UpstreamHead) {
        upstreamRequestID = head.requestID
        perform(machine.received(head: head))
    }

    func received(bytes: ByteBuffer) {
        account?.receive(bytes.readableBytes)
        perform(machine.received(bytes: bytes))
    }

    func received(event: CanonicalEvent) {
        account?.receive(event)
        perform(machine.received(event: event))
    }

    func receivedBatchEnd() {
        driver?.flush()
    }

    func receivedEnd() {
        upstream = nil
        perform(machine.receivedEnd())
    }

    func failed(_ failure: Failure) {
        upstream = nil
        perform(machine.failed(failure))
    }

    private func perform(_ action: CallMachine.Action) {
        driver?.perform(action, of: self)
    }
}
