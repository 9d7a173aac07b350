import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// The answers of data-plane calls, written out as bytes: what NIO's encoder would build from parts for every response
/// costs more than the rest of this side together.
extension FrontDoor: CallDownstream {
    /// Pieces from here on are passed on as they are instead of being copied behind each other.
    private static let largePiece = 4096
    /// Room that heads of responses fit into.
    private static let usualHead = 512

    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        leaveIfAsked()
        let isSmall = body.readableBytes < Self.largePiece
        output.writeText(room: Self.usualHead + (isSmall ? body.readableBytes : 0)) { writer in
            writeHead(head, type: "application/json", to: &writer)
            writer.literal("content-length: ")
            writer.decimal(UInt64(body.readableBytes))
            writer.literal("\r\n\r\n")
            if isSmall { body.withUnsafeReadableBytes { writer.bytes($0) } }
        }
        if !isSmall { append(body) }
        endResponse()
    }

    func beginStream(_ head: CallResponseHead) {
        leaveIfAsked()
        output.writeText(room: Self.usualHead) { writer in
            writeHead(head, type: Self.type(ofStream: head), to: &writer)
            // Proxies in front (nginx) would else hold small events back.
            writer.literal("cache-control: no-cache\r\nx-accel-buffering: no\r\n")
            if isChunked { writer.literal("transfer-encoding: chunked\r\n\r\n") } else { writer.literal("\r\n") }
        }
    }

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        guard isChunked else { return append(bytes) }
        let isSmall = bytes.readableBytes < Self.largePiece
        output.writeText(room: isSmall ? bytes.readableBytes + 24 : 24) { writer in
            writer.hexadecimal(UInt64(bytes.readableBytes))
            writer.literal("\r\n")
            guard isSmall else { return }
            bytes.withUnsafeReadableBytes { writer.bytes($0) }
            writer.literal("\r\n")
        }
        guard !isSmall else { return }
        append(bytes)
        output.writeStaticString("\r\n")
    }

    func flush() {
        guard !isFlushDue else { return }
        isFlushDue = true
        loop.flushSoon(self)
    }

    /// Hands all that was written to the socket.
    func flushNow() {
        isFlushDue = false
        guard output.readableBytes > 0 else {
            wire?.flush()
            return
        }
        wire?.writeAndFlush(output)
        emptyOutput()
    }

    func endStream() {
        if isChunked { output.writeStaticString("0\r\n\r\n") }
        endResponse()
    }

    func sever() {
        flush()
        responseEnded(keepAlive: false)
    }

    private var isChunked: Bool {
        if case .calling(let call) = state { call.chunked } else { false }
    }

    /// A gateway that leaves asks its clients to do so, too.
    private func leaveIfAsked() {
        guard services.isLeaving, case .calling(let call) = state, call.keepAlive else { return }
        state = .calling(Calling(keepAlive: false, chunked: call.chunked))
    }

    private func endResponse() {
        flush()
        guard case .calling(let call) = state else { return }
        responseEnded(keepAlive: call.keepAlive)
    }

    private func append(_ bytes: ByteBuffer) {
        guard bytes.readableBytes >= Self.largePiece else {
            output.writeImmutableBuffer(bytes)
            return
        }
        handOver()
        wire?.write(bytes)
    }

    /// Gives what was gathered to the channel.
    private func handOver() {
        guard output.readableBytes > 0 else { return }
        wire?.write(output)
        emptyOutput()
    }

    /// Makes room for what comes next: in the same storage when the channel is done with it, which it is once the socket
    /// took it all.
    private func emptyOutput() {
        if output.capacity <= Self.largePiece { output.clear() } else { output = ByteBuffer() }
    }

    private static func type(ofStream head: CallResponseHead) -> String {
        if let type = head.contentType, type.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return type }
        return head.isArray ? "application/json" : "text/event-stream; charset=utf-8"
    }

    private func writeHead(_ head: CallResponseHead, type: String, to writer: inout TextWriter) {
        if head.status == 200 {
            writer.literal("HTTP/1.1 200 OK\r\ncontent-type: ")
        } else {
            writer.text(Self.statusLine(head.status))
            writer.literal("content-type: ")
        }
        writer.text(type)
        writer.literal("\r\ndate: ")
        writer.text(loop.httpDate())
        writer.literal("\r\nx-request-id: ")
        writer.text(head.requestID)
        if let provider = head.provider {
            writer.literal("\r\nx-gatehouse-provider: ")
            writer.text(provider)
        }
        // The model's name comes from the caller: only visible ASCII may go into a header.
        if let model = head.model, Self.isHeaderValue(model) {
            writer.literal("\r\nx-gatehouse-model: ")
            writer.text(model)
        }
        if head.attempts > 0 {
            writer.literal("\r\nx-gatehouse-attempts: ")
            writer.decimal(UInt64(head.attempts))
        }
        // A session's name is of letters, digits and a few marks, as a request's id is.
        if let session = head.artifacts, Self.isHeaderValue(session) {
            writer.literal("\r\nx-gatehouse-artifacts: /api/artifacts/")
            writer.text(session)
        }
        if let run = head.run {
            writer.literal("\r\nx-gatehouse-run: ")
            writer.text(run)
        }
        if !head.dropped.isEmpty { writeDropped(head.dropped, to: &writer) }
        if !head.budgetWarnings.isEmpty {
            // Labels of the configuration: names of letters, digits and a few marks.
            writer.literal("\r\nx-gatehouse-budget-warning: ")
            writer.text(head.budgetWarnings.joined(separator: ","))
        }
        if let seconds = head.retryAfter {
            writer.literal("\r\nretry-after: ")
            writer.text(String(seconds))
        }
        if let cache = head.cache {
            writer.literal("\r\nx-gatehouse-cache: ")
            writer.text(cache.rawValue)
        }
        if head.isReplayed { writer.literal("\r\nidempotent-replayed: true") }
        if let limits = head.limits { RateLimitHeaders.write(limits, dialect, now: loop.now(), to: &writer) }
        if case .calling(let call) = state, !call.keepAlive { writer.literal("\r\nconnection: close") }
        writer.literal("\r\n")
    }

    /// The names come from the caller: only visible ASCII goes into a header, and not without end.
    private func writeDropped(_ names: [String], to writer: inout TextWriter) {
        let names = names.lazy.filter { Self.isHeaderValue($0) && $0.utf8.count <= 64 && !$0.contains(",") }.prefix(32)
        guard !names.isEmpty else { return }
        writer.literal("\r\nx-gatehouse-dropped-params: ")
        writer.text(names.joined(separator: ","))
    }

    private static func statusLine(_ status: Int) -> String {
        "HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n"
    }

    /// Sends the response to a request that was refused before it became a call.
    ///
    /// - Parameters:
    ///   - body: `nil` where only its head was asked for.
    ///   - size: Of the body, sent or not.
    func refuse(_ error: GatehouseError, id: String, body: ByteBuffer?, size: Int) {
        var fields = "content-type: application/json\r\ncontent-length: \(size)\r\nx-request-id: \(id)\r\n"
        fields += "date: \(loop.httpDate())\r\nconnection: close\r\n"
        if error.code == .methodNotAllowed { fields += "allow: POST\r\n" }
        if let seconds = error.retryAfter { fields += "retry-after: \(seconds)\r\n" }
        output.writeString(Self.statusLine(error.code.status) + fields + "\r\n")
        if let body { output.writeImmutableBuffer(body) }
        flushNow()
    }

    private static func isHeaderValue(_ text: String) -> Bool {
        text.isOfBytes { $0 > 0x20 && $0 < 0x7F }
    }
}
