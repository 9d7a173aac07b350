import GatehouseCore
import Glibc
import NIOCore

/// One request to a provider and the response to it. Confined to its event loop.
final class HTTPAttempt: UpstreamAttempt {
    private enum Phase {
        case connecting, waiting, receiving, over
    }

    /// Where it stands among the pool's attempts.
    var place = -1
    /// The connection that is being made for it, and whether it waits for whichever is free first.
    var making: ConnectionQueue.Making?
    var isQueued = false
    private let pool: HTTPLoopPool
    private var request: ByteBuffer
    private let timeouts: HTTPTimeouts
    /// The request may be carried out twice.
    private let mayRepeat: Bool
    private var hasMoved = false
    private var reply: (any UpstreamReply)?
    private var connection: HTTPConnection?
    private var phase = Phase.connecting
    private var isReading = true
    private let startTick: Int
    /// When something last came; time in which nobody read does not count.
    private var lastTick: Int
    /// When reading was last stopped, or taken up again.
    private var turnTick: Int
    /// What has come meanwhile is heard first when reading is taken up again.
    private static let hearing = HTTPLoopPool.ticksPerSecond

    /// - Parameters:
    ///   - request: Head and body as they go out.
    ///   - mayRepeat: The request may be carried out twice.
    init(
        pool: HTTPLoopPool, request: ByteBuffer, timeouts: HTTPTimeouts, mayRepeat: Bool = false,
        reply: any UpstreamReply
    ) {
        self.pool = pool
        self.request = request
        self.timeouts = timeouts
        self.mayRepeat = mayRepeat
        self.reply = reply
        startTick = pool.tick
        lastTick = pool.tick
        turnTick = pool.tick - Self.hearing
    }

    var isOver: Bool { phase == .over }

    // MARK: UpstreamAttempt

    func cancel() {
        guard phase != .over else { return }
        over()
        connection?.close()
        connection = nil
    }

    func finish() {
        switch phase {
        case .receiving:
            connection?.drain()
            connection = nil
            over()
        case .over: break
        default: cancel()
        }
    }

    func setReading(_ reading: Bool) {
        guard phase != .over, isReading != reading else { return }
        isReading = reading
        if reading, phase != .connecting { lastTick += pool.tick - max(lastTick, turnTick) }
        turnTick = pool.tick
        connection?.setReading(reading)
    }

    // MARK: From the pool

    func connected(_ connection: HTTPConnection) {
        guard phase == .connecting else { return pool.release(connection) }
        phase = .waiting
        lastTick = pool.tick
        self.connection = connection
        if !isReading { connection.setReading(false) }
        connection.send(request, for: self)
    }

    /// Looks whether a deadline has passed.
    func check(tick: Int) {
        switch phase {
        // The connector has its own deadline; this is for whoever waits behind others.
        case .connecting: if isPast(timeouts.connect, since: lastTick, tick) { return timedOut(.connect) }
        case .waiting: if isSilent(timeouts.firstByte, tick) { return timedOut(.firstByte) }
        case .receiving: if isSilent(timeouts.idle, tick) { return timedOut(.idle) }
        case .over: return
        }
        if isPast(timeouts.total, since: startTick, tick) { timedOut(.total) }
    }

    private func isSilent(_ limit: TimeAmount, _ tick: Int) -> Bool {
        isReading && tick - turnTick >= Self.hearing && isPast(limit, since: lastTick, tick)
    }

    private func isPast(_ limit: TimeAmount, since start: Int, _ tick: Int) -> Bool {
        Int64(tick - start) * (1_000_000_000 / Int64(HTTPLoopPool.ticksPerSecond)) > limit.nanoseconds
    }

    private func timedOut(_ which: Failure.Phase) {
        connection?.close()
        connection = nil
        fail(Failure(.timeout(which)))
    }

    // MARK: From the connection

    func connectionReceived(_ head: HTTPReplyHead) {
        guard phase == .waiting else { return }
        phase = .receiving
        lastTick = pool.tick
        if let coding = head.contentEncoding, coding.lowercased() != "identity" {
            connection?.close()
            connection = nil
            return fail(Failure(.protocol, detail: "content-encoding was not asked for"))
        }
        reply?.received(head: UpstreamHead(head))
    }

    func connectionReceived(_ bytes: ByteBuffer) {
        guard phase == .receiving else { return }
        lastTick = pool.tick
        reply?.received(bytes: bytes)
    }

    func connectionReadComplete() {
        guard phase == .receiving else { return }
        reply?.receivedBatchEnd()
    }

    func connectionReceivedEnd() {
        guard phase == .receiving else { return }
        let listener = reply
        connection = nil
        over()
        listener?.receivedEnd()
    }

    func connectionFailed(_ failure: Failure) {
        guard phase != .over else { return }
        let lost = connection
        connection = nil
        if phase == .waiting, let lost {
            if mayMove(from: lost, failure) { return move() }
            if !lost.requestWritten { return fail(failure, isUnsent: true) }
        }
        // What was unreachable before the first byte broke off after it.
        fail(
            phase == .receiving && failure.kind == .unreachable ? Failure(.truncated, detail: failure.detail) : failure)
    }

    /// Whether the connection had died before, so that the request can go out on another as if nothing had been: once,
    /// and only when the provider cannot have the request or it may be carried out twice.
    private func mayMove(from lost: HTTPConnection, _ failure: Failure) -> Bool {
        failure.kind == .unreachable && lost.isReused && !lost.hasAnswered && !hasMoved
            && (mayRepeat || !lost.requestWritten)
    }

    private func move() {
        hasMoved = true
        phase = .connecting
        lastTick = pool.tick
        pool.connect(self)
    }

    private func fail(_ failure: Failure, isUnsent: Bool = false) {
        guard phase != .over else { return }
        let listener = reply
        var failure = failure
        failure.isUnsent = isUnsent || phase == .connecting
        over()
        listener?.failed(failure)
    }

    private func over() {
        phase = .over
        reply = nil
        request = ByteBuffer()
        pool.ended(self)
    }
}

extension UpstreamHead {
    init(_ head: HTTPReplyHead) {
        self.init(
            status: head.status, contentType: head.contentType.map(Self.bareType) ?? "",
            retryAfter: head.retryAfter.map(Self.withoutDate), retryAfterMilliseconds: head.retryAfterMilliseconds,
            requestID: Self.requestID(head),
            fullType: head.contentType.flatMap(Self.unusualType), inputTokens: head.inputTokens.flatMap(Self.tokens))
    }

    private static func requestID(_ head: HTTPReplyHead) -> String? {
        guard let id = head.requestID ?? head.otherRequestID else { return nil }
        return id.utf8.count <= 128 ? id : String(id.prefix(128))
    }

    private static func unusualType(_ type: String) -> String? {
        isUsual(type) || type.utf8.count > 256 ? nil : type
    }

    private static func tokens(_ text: String) -> Int? {
        Int(text).flatMap { (0...1 << 40).contains($0) ? $0 : nil }
    }

    /// A date becomes seconds from now: whoever reads the head has no clock.
    private static func withoutDate(_ value: String) -> String {
        guard let first = value.utf8.first, first > UInt8(ascii: "9") else { return value }
        // Not `time`, which may still be in the second before.
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return RetryAfter.seconds(value, now: Int64(now.tv_sec)).map { String($0) } ?? value
    }

    private static func isUsual(_ type: String) -> Bool { type == "application/json" || type == "text/event-stream" }

    /// Without parameters, in lower case.
    private static func bareType(_ value: String) -> String {
        if isUsual(value) { return value }
        return value.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    }
}
