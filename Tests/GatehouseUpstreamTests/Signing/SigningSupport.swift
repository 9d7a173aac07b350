import GatehouseCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import GatehouseUpstream

/// An endpoint on loopback that answers as a test says, and remembers what it was asked.
final class ScriptedEndpoint: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    private let channel: any Channel
    private let log: Log
    private let group: MultiThreadedEventLoopGroup
    var loop: any EventLoop { group.next() }

    private final class Log: Sendable {
        let requests = Mutex<[Request]>([])
    }

    init(_ answer: @escaping @Sendable (Request) -> (status: Int, body: String)) async throws {
        let log = Log()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.log = log
        self.group = group
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        Handler { request in
                            log.requests.withLock { $0.append(request) }
                            return answer(request)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    var requests: [Request] { log.requests.withLock { $0 } }

    func close() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }

    /// Confined to its channel's loop.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: (Request) -> (status: Int, body: String)
        private var request = Request(method: "", path: "", headers: [:], body: "")

        init(_ answer: @escaping (Request) -> (status: Int, body: String)) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { $1 }
                request = Request(method: head.method.rawValue, path: head.uri, headers: headers, body: "")
            case .body(let bytes): request.body += String(buffer: bytes)
            case .end:
                let (status, body) = answer(request)
                let headers = HTTPHeaders([("content-length", "\(body.utf8.count)")])
                let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}

/// A clock that a test sets.
final class TestClock: Sendable {
    private let time = Atomic(1_440_938_160)

    var now: Int {
        get { time.load(ordering: .relaxed) }
        set { time.store(newValue, ordering: .relaxed) }
    }
}

/// What a callback on a loop gives.
func result<Value: Sendable>(
    on loop: any EventLoop, _ ask: @escaping @Sendable (@escaping (Result<Value, Failure>) -> Void) -> Void
) async -> Result<Value, Failure> {
    await withCheckedContinuation { continuation in
        loop.execute { ask { continuation.resume(returning: $0) } }
    }
}
