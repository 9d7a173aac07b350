import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// Calls of several callers against one upstream, `p`, that the test speaks for.
struct CallScene {
    let loop = EmbeddedEventLoop()
    let upstream: ScriptedUpstream
    let observer = RecordingObserver()
    let memory: CallMemory
    private let entry: UpstreamEntry

    /// - Parameter providerKind: What encoders take the provider for.
    init(_ lane: UpstreamLane, providerKind: String = "", memory: CallMemory = CallMemory()) {
        upstream = ScriptedUpstream(lane, on: loop)
        self.memory = memory
        var entry = UpstreamEntry(name: "p", upstream: upstream, kind: .provider)
        entry.providerKind = providerKind
        self.entry = entry
    }

    /// One call and what its caller gets.
    struct Call {
        let driver: CallDriver
        let downstream: RecordingDownstream
        let upstream: ScriptedUpstream
        /// How many attempts there were before it.
        let earlier: Int

        /// The listener of its first attempt; `nil` as long as there is none.
        var reply: (any UpstreamReply)? { upstream.all.dropFirst(earlier).first?.reply }

        /// The status and the code of an error's body.
        var error: (status: Int?, code: String?, param: String?) {
            let error = json?["error"]
            return (downstream.head?.status, error?["code"]?.string, error?["param"]?.string)
        }

        var json: JSONValue? { try? JSONValue(parsing: downstream.body.utf8) }

        /// Plays a whole answer.
        func answer(_ body: String) {
            reply?.received(head: UpstreamHead(status: 200, contentType: "application/json"))
            reply?.received(bytes: ByteBuffer(string: body))
            reply?.receivedEnd()
        }

        /// Plays a stream.
        func stream(_ body: String, type: String = "text/event-stream") {
            reply?.received(head: UpstreamHead(status: 200, contentType: type))
            reply?.received(bytes: ByteBuffer(string: body))
        }
    }

    /// Starts a call of the key `owner`.
    func start(
        _ operation: GatehouseCore.Operation, _ body: String, id: String = "r", owner: String = "alice",
        change: (CallRequest) -> Void = { _ in }
    ) -> Call {
        let key = VirtualKey(name: owner, role: .member, models: [ModelPattern("*")])
        let snapshot = RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: [entry],
            aliases: [.init(name: "m", upstream: "p", model: "real")], created: 1)
        let request = CallRequest(
            id: id, operation: operation, principal: Principal(key: key), snapshot: snapshot,
            body: ByteBuffer(string: body), start: .now())
        change(request)
        let downstream = RecordingDownstream()
        let driver = CallDriver(request, on: loop, downstream: downstream, observer: observer, memory: memory)
        let before = upstream.requests.count
        driver.start(now: 5)
        return Call(driver: driver, downstream: downstream, upstream: upstream, earlier: before)
    }

    /// The bytes that the last attempt was given; `nil` when it was given none.
    var sent: String? {
        guard case .bytes(let body, let splice) = upstream.requests.last?.payload else { return nil }
        return String(buffer: splice.applied(to: body))
    }

    var sentJSON: JSONValue? { sent.flatMap { try? JSONValue(parsing: $0.utf8) } }
}
