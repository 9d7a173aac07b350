import GatehouseCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatehouseServer

/// What is read past the parser must be what the parser would read.
@Suite struct PlainHeadTests {
    private static let rounds = 8000

    @Test(arguments: 0..<8) func theParserUnderstandsTheSame(part: UInt64) {
        var taken = 0
        for round in 0..<UInt64(Self.rounds / 8) {
            let seed = part << 32 | round
            var random = SeededGenerator(seed: seed)
            let bytes = HeadGenerator.request(&random)
            guard let head = plain(bytes) else { continue }
            taken += 1
            compare(head, ParsedRequest(bytes), of: bytes, seed)
        }
        #expect(taken > Self.rounds / 8 / 10, "the generator makes hardly anything that is plain")
    }

    private func compare(_ head: PlainHead, _ parsed: ParsedRequest, of bytes: [UInt8], _ seed: UInt64) {
        let about: Comment = "seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
        guard let request = parsed.head else {
            Issue.record(about)
            return
        }
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        let fields = RequestFields(request.headers)
        let path = try? RequestCheck.path(of: request, fields, maximumURI: 8192)
        let match = path.flatMap { try? DataPlaneRoutes.match($0, uri: request.uri) }
        #expect(match?.operation == head.operation && match?.target == nil, about)
        #expect(request.method == .POST && request.version == .http1_1 && request.isKeepAlive, about)
        #expect(fields.token.map(String.init) == text(head.token), about)
        #expect(fields.contentLength.flatMap(Int.init) == head.bodySize, about)
        #expect(fields.requestID == head.requestID.map(text) && fields.session == head.session.map(text), about)
        #expect(fields.betas == head.betas.map(text), about)
        #expect(fields.idempotencyKey == head.idempotencyKey.map(text), about)
        #expect(fields.expect == nil && fields.contentEncoding == nil && fields.timeout == nil, about)
        #expect(fields.contentType?.hasPrefix("application/json") ?? true, about)
        let body = bytes[head.size...].prefix(head.bodySize)
        #expect(parsed.body == Array(body), about)
        #expect(parsed.isWhole == (body.count == head.bodySize), about)
    }

    @Test func whatClientsSendIsPlain() throws {
        for text in HeadGenerator.usual {
            let bytes = Array((text + "\r\n\r\n{}").utf8)
            let head = try #require(plain(bytes), "\(text)")
            #expect(head.size == bytes.count - 2 && head.bodySize == 2)
            #expect(String(decoding: bytes[head.token], as: UTF8.self) == "sk-1")
        }
    }

    @Test(arguments: HeadGenerator.odd) func whatIsOddIsForTheParser(lines: String) {
        let head = "POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nx-api-key: sk\r\n"
        #expect(plain(Array((head + "\r\n{}").utf8)) != nil)
        #expect(plain(Array((head + lines + "\r\n\r\n{}").utf8)) == nil)
    }

    @Test func aHeadIsNothingBeforeItsEnd() {
        for text in HeadGenerator.usual {
            let bytes = Array((text + "\r\n\r\n").utf8)
            for end in 0..<bytes.count { #expect(plain(Array(bytes[..<end])) == nil) }
        }
    }

    @Test func limitsAreKept() {
        let bytes = Array((HeadGenerator.usual[0] + "\r\n\r\n").utf8)
        let fields = HeadGenerator.usual[0].split(separator: "\r\n").count - 1
        #expect(plain(bytes, size: bytes.count, fields: fields) != nil)
        #expect(plain(bytes, size: bytes.count - 1, fields: fields) == nil)
        #expect(plain(bytes, size: bytes.count, fields: fields - 1) == nil)
    }

    private func plain(_ bytes: [UInt8], size: Int = 8192, fields: Int = 64) -> PlainHead? {
        PlainHead(bytes.span, maximumSize: size, maximumFields: fields)
    }
}

/// What NIO's parser makes of a request, with the limits of a connection.
private struct ParsedRequest {
    private(set) var head: HTTPRequestHead?
    private(set) var body: [UInt8] = []
    private(set) var isWhole = false

    init(_ bytes: [UInt8]) {
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
        try? channel.pipeline.syncOperations.addHandlers([decoder, recorder])
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        _ = try? channel.finish(acceptAlreadyClosed: true)
        self = recorder.request
    }

    private init() {}

    /// Keeps the first request.
    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart

        var request = ParsedRequest()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !request.isWhole else { return }
            switch unwrapInboundIn(data) {
            case .head(let head): request.head = head
            case .body(let bytes): request.body += bytes.readableBytesView
            case .end: request.isWhole = true
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
