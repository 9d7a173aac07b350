import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// The answers of data-plane calls, written out as bytes: what NIO's encoder would build from parts for every response
/// costs more than the rest of this side together.
extension FrontDoor: CallDownstream {
    /// Pieces from here on are passed on as they are instead of being copied behind each other.
    private static let largePiece = 4096

    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        if body.readableBytes < Self.largePiece { output.reserveCapacity(512 + body.readableBytes) }
        writeHead(head, type: "application/json")
        output.writeStaticString("content-length: ")
        output.writeString(String(body.readableBytes))
        output.writeStaticString("\r\n\r\n")
        append(body)
        endResponse()
    }

    func beginStream(_ head: CallResponseHead) {
        writeHead(head, type: Self.type(ofStream: head))
        // Proxies in front (nginx) would else hold small events back.
        output.writeStaticString("cache-control: no-cache\r\nx-accel-buffering: no\r\n")
        output.writeStaticString(isChunked ? "transfer-encoding: chunked\r\n\r\n" : "\r\n")
    }

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        guard isChunked else { return append(bytes) }
        // Room for the piece and its frame at once, instead of growing thrice.
        if bytes.readableBytes < Self.largePiece {
            output.reserveCapacity(output.readableBytes + bytes.readableBytes + 24)
        }
        writeHexadecimal(bytes.readableBytes)
        append(bytes)
        output.writeStaticString("\r\n")
    }

    func flush() {
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

    private func writeHead(_ head: CallResponseHead, type: String) {
        if services.isLeaving, case .calling(let call) = state, call.keepAlive {
            state = .calling(Calling(keepAlive: false, chunked: call.chunked))
        }
        output.reserveCapacity(512)
        if head.status == 200 {
            output.writeStaticString("HTTP/1.1 200 OK\r\ncontent-type: ")
        } else {
            let status = HTTPResponseStatus(statusCode: head.status)
            output.writeString("HTTP/1.1 \(head.status) \(status.reasonPhrase)\r\ncontent-type: ")
        }
        output.writeString(type)
        writeField("\r\ndate: ", loop.httpDate())
        writeField("\r\nx-request-id: ", head.requestID)
        if let provider = head.provider { writeField("\r\nx-gatehouse-provider: ", provider) }
        // The model's name comes from the caller: only visible ASCII may go into a header.
        if let model = head.model, Self.isHeaderValue(model) { writeField("\r\nx-gatehouse-model: ", model) }
        if head.attempts > 0 { writeField("\r\nx-gatehouse-attempts: ", String(head.attempts)) }
        if !head.dropped.isEmpty { writeDropped(head.dropped) }
        if let seconds = head.retryAfter { writeField("\r\nretry-after: ", String(seconds)) }
        if case .calling(let call) = state, !call.keepAlive {
            output.writeStaticString("\r\nconnection: close")
        }
        output.writeStaticString("\r\n")
    }

    /// The names come from the caller: only visible ASCII goes into a header, and not without end.
    private func writeDropped(_ names: [String]) {
        let names = names.lazy.filter { Self.isHeaderValue($0) && $0.utf8.count <= 64 && !$0.contains(",") }.prefix(32)
        if !names.isEmpty { writeField("\r\nx-gatehouse-dropped-params: ", names.joined(separator: ",")) }
    }

    private func writeField(_ name: StaticString, _ value: String) {
        output.writeStaticString(name)
        output.writeString(value)
    }

    /// The size of a chunk and its line end.
    private func writeHexadecimal(_ number: Int) {
        var started = false
        for shift in stride(from: 28, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: number >> shift & 15)  // Four bits fit.
            started = started || digit > 0
            if started { output.writeInteger(digit < 10 ? digit + 48 : digit + 87) }
        }
        output.writeStaticString("\r\n")
    }

    private static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
