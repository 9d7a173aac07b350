import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatehouseUpstream

/// Our reader beside NIO's decoder (llhttp), over generated responses, valid and broken.
@Suite struct HTTPResponseDifferentialTests {
    private static let rounds = 6000

    /// What we refuse and NIO takes, each with its reason.
    private static let stricter: [HTTPResponseError: String] = [
        .statusLine: "a status below 100 is none; empty lines before a message are for servers to skip",
        .lineEnd: "control bytes in a reason phrase are no text (RFC 9112 §4)",
        .contentLength: "more than Int.max bytes",
        .transferEncoding: "only `chunked` can be read, as nothing else was asked for (RFC 9112 §6.1)",
        .switchedProtocols: "no protocol was offered to switch to",
        .chunkSize: "more than Int.max bytes",
        .tooLarge: "64 KiB and 200 fields instead of 2 MiB and 256; a chunk line beyond 1 KiB",
        .trailer: "transfer-encoding among the trailers (RFC 9110 §6.5.1)",
    ]

    // What NIO refuses and we take: extensions of chunks with space or without a name. They are thrown away (RFC 9112
    // §7.1.1), and the end of their line is as strict as any other.

    @Test(arguments: 0..<8) func bothReadersUnderstandTheSame(part: UInt64) {
        for round in 0..<UInt64(Self.rounds / 8) {
            let seed = part << 32 | round
            var random = SeededRandom(seed: seed)
            let bytes = ResponseGenerator.response(&random)
            let pieces = Cut.random(bytes, &random)
            compare(ReadResponse(pieces), NIOVerdict(pieces), of: bytes, seed)
        }
    }

    private func compare(_ ours: ReadResponse, _ theirs: NIOVerdict, of bytes: [UInt8], _ seed: UInt64) {
        let about: Comment = "seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)"
        switch (ours.end, theirs.end) {
        case (.whole, .whole), (.cut, .cut):
            #expect(ours.head == theirs.head, about)
            #expect(ours.body == theirs.body, about)
            // We also drop connections with bytes behind the end, chunks under 1.0, or both `close` and `keep-alive`.
            #expect(!ours.isReusable || theirs.isReusable, about)
        case (.refused(let error), .whole), (.refused(let error), .cut):
            #expect(Self.stricter[error] != nil, about)
        case (.whole, .refused):
            let bare = NIOVerdict([ByteBuffer(bytes: Self.withoutExtensions(bytes))])
            #expect(bare.end == .whole && bare.head == ours.head && bare.body == ours.body, about)
        // We look at a line when it is complete.
        case (.cut, .refused), (.refused, .refused): break
        case (.whole, .cut), (.cut, .whole): Issue.record(about)
        }
    }

    /// Takes what follows `;` from each line that begins as a chunk's size does.
    private static func withoutExtensions(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            let size = line.prefix { Character(UnicodeScalar($0)).isHexDigit }
            let isSize = !size.isEmpty && size.endIndex < line.endIndex && line[size.endIndex] == UInt8(ascii: ";")
            out += isSize ? size + [0x0D] : line
            rest = rest[line.endIndex...]
            if rest.popFirst() != nil { out.append(0x0A) }
        }
        return out
    }
}

/// What NIO's decoder makes of a response that ends with its connection.
struct NIOVerdict {
    enum End {
        case whole, cut, refused
    }

    private(set) var end = End.cut
    private(set) var head: HTTPReplyHead?
    private(set) var body: [UInt8] = []
    private(set) var isReusable = false

    init(_ pieces: [ByteBuffer]) {
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
        try? channel.pipeline.syncOperations.addHandlers([Swallower(), decoder, recorder])
        channel.pipeline.write(
            HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")), promise: nil)
        for piece in pieces where !recorder.isOver { channel.pipeline.fireChannelRead(piece) }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        self = recorder.verdict
    }

    private init() {}

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart

        var verdict = NIOVerdict()
        var isOver = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !isOver else { return }
            switch unwrapInboundIn(data) {
            case .head(let head):
                verdict.isReusable = head.isKeepAlive
                verdict.head = HTTPReplyHead(head)
            case .body(let bytes): verdict.body += bytes.readableBytesView
            case .end: over(.whole)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            guard !isOver else { return }
            if case HTTPParserError.invalidEOFState = error { return over(.cut) }
            over(.refused)
        }

        private func over(_ end: End) {
            isOver = true
            verdict.end = end
        }
    }

    /// The decoder wants to see a request's head; nobody wants its bytes.
    private final class Swallower: ChannelOutboundHandler {
        typealias OutboundIn = HTTPClientRequestPart

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            promise?.succeed()
        }
    }
}

extension HTTPReplyHead {
    /// The same values, by NIO's names and strings.
    fileprivate init(_ head: HTTPResponseHead) {
        self.init()
        status = Int(head.status.code)
        func values(_ names: String...) -> [String] {
            head.headers.filter { names.contains($0.name.lowercased()) }.map { Self.trimmed($0.value) }
        }
        contentType = values("content-type").last
        contentEncoding = values("content-encoding").isEmpty ? nil : values("content-encoding").joined(separator: ", ")
        retryAfter = values("retry-after").last
        retryAfterMilliseconds = values("retry-after-ms").last
        requestID = values("x-request-id").last
        otherRequestID = values("request-id", "x-amzn-requestid", "apim-request-id").last
        keepAlive = values("keep-alive").first
    }

    private static func trimmed(_ text: String) -> String {
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
