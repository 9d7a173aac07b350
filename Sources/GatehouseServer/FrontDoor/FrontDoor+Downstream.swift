import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// The answers of data-plane calls.
extension FrontDoor: CallDownstream {
    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        guard let context else { return }
        let headers = headers(head, type: "application/json", length: body.readableBytes)
        context.write(wrapOutboundOut(.head(responseHead(head.status, headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        endResponse(context)
    }

    func beginStream(_ head: CallResponseHead) {
        var headers = headers(head, type: "text/event-stream; charset=utf-8", length: nil)
        headers.add(name: "cache-control", value: "no-cache")
        // Proxies in front (nginx) would else hold small events back.
        headers.add(name: "x-accel-buffering", value: "no")
        context?.write(wrapOutboundOut(.head(responseHead(head.status, headers))), promise: nil)
    }

    func write(_ bytes: ByteBuffer) {
        context?.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    func endStream() {
        guard let context else { return }
        endResponse(context)
    }

    private func endResponse(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        guard case .calling(let keepAlive) = state else { return }
        responseEnded(keepAlive: keepAlive)
    }

    private func responseHead(_ status: Int, _ headers: HTTPHeaders) -> HTTPResponseHead {
        HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
    }

    private func headers(_ head: CallResponseHead, type: String, length: Int?) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.reserveCapacity(10)
        headers.add(name: "content-type", value: type)
        if let length { headers.add(name: "content-length", value: String(length)) }
        headers.add(name: "date", value: loop.httpDate())
        headers.add(name: "x-request-id", value: head.requestID)
        if let provider = head.provider { headers.add(name: "x-gatehouse-provider", value: provider) }
        if let model = head.model, Self.isHeaderValue(model) { headers.add(name: "x-gatehouse-model", value: model) }
        if head.attempts > 0 { headers.add(name: "x-gatehouse-attempts", value: String(head.attempts)) }
        if let seconds = head.retryAfter { headers.add(name: "retry-after", value: String(seconds)) }
        if case .calling(keepAlive: false) = state { headers.add(name: "connection", value: "close") }
        return headers
    }

    /// The model's name comes from the caller: only visible ASCII may go into a header.
    private static func isHeaderValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
