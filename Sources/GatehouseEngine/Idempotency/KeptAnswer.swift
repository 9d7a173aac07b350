import GatehouseCore
import NIOCore

/// An answer as it was given, so that it can be given again.
struct KeptAnswer: Sendable {
    var head: CallResponseHead
    var isStream = false
    /// It broke off.
    var isSevered = false
    var body = ByteBuffer()

    init(_ head: CallResponseHead) {
        self.head = head
    }

    /// All but the body.
    var headBytes: ByteBuffer {
        var fields: [JSONValue.Member] = [
            .init("status", .int(head.status)), .init("stream", .bool(isStream)), .init("severed", .bool(isSevered)),
            .init("attempts", .int(head.attempts)), .init("array", .bool(head.isArray)),
            .init("dropped", .array(head.dropped.map { .string($0) })),
        ]
        let texts = [
            ("provider", head.provider), ("model", head.model), ("artifacts", head.artifacts), ("run", head.run),
            ("type", head.contentType),
        ]
        for (name, text) in texts {
            if let text { fields.append(.init(name, .string(text))) }
        }
        if let seconds = head.retryAfter { fields.append(.init("retryAfter", .int(seconds))) }
        return JSONValue.object(fields).bytes
    }

    /// `nil` for what was not written here.
    init?(head bytes: ByteBuffer, body: ByteBuffer) {
        guard let value = try? JSONValue(parsing: bytes.readableBytesView), let status = value["status"]?.int else {
            return nil
        }
        head = CallResponseHead(status: status, requestID: "")
        isStream = value["stream"]?.bool ?? false
        isSevered = value["severed"]?.bool ?? false
        head.attempts = value["attempts"]?.int ?? 0
        head.isArray = value["array"]?.bool ?? false
        head.dropped = value["dropped"]?.array?.compactMap(\.string) ?? []
        head.provider = value["provider"]?.string
        head.model = value["model"]?.string
        head.artifacts = value["artifacts"]?.string
        head.run = value["run"]?.string
        head.contentType = value["type"]?.string
        head.retryAfter = value["retryAfter"]?.int
        self.body = body
    }

    /// Gives it to a caller.
    ///
    /// - Parameter change: What this caller's own request makes of the head.
    func give(to downstream: (any CallDownstream)?, _ change: (inout CallResponseHead) -> Void) {
        var head = head
        change(&head)
        guard isStream else {
            downstream?.respond(head, body: body)
            return
        }
        downstream?.beginStream(head)
        downstream?.write(body)
        if isSevered { downstream?.sever() } else { downstream?.endStream() }
    }
}

/// Stands between a call and its caller and remembers what went through. It is there also when the caller is not any more.
/// Confined to the call's event loop.
final class AnswerRecorder: CallDownstream {
    private var caller: (any CallDownstream)?
    private let maximumSize: Int
    private(set) var isTooLong = false
    /// `nil` before the answer has begun.
    private(set) var answer: KeptAnswer?
    private(set) var isWhole = false

    init(for caller: (any CallDownstream)?, maximumSize: Int) {
        self.caller = caller
        self.maximumSize = maximumSize
    }

    /// The caller has gone.
    func leave() { caller = nil }

    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        answer = KeptAnswer(head)
        add(body)
        isWhole = true
        caller?.respond(head, body: body)
    }

    func beginStream(_ head: CallResponseHead) {
        answer = KeptAnswer(head)
        answer?.isStream = true
        caller?.beginStream(head)
    }

    func write(_ bytes: ByteBuffer) {
        add(bytes)
        caller?.write(bytes)
    }

    func flush() { caller?.flush() }

    func endStream() {
        isWhole = true
        caller?.endStream()
    }

    func sever() {
        answer?.isSevered = true
        isWhole = true
        caller?.sever()
    }

    private func add(_ bytes: ByteBuffer) {
        guard !isTooLong, let size = answer?.body.readableBytes else { return }
        guard size + bytes.readableBytes <= maximumSize else {
            isTooLong = true
            answer?.body = ByteBuffer()
            return
        }
        if size == 0 { answer?.body = bytes } else { answer?.body.writeImmutableBuffer(bytes) }
    }
}
