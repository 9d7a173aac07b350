import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded

/// Calls to the alias `m` of providers that the test speaks for, on a clock that the test moves.
final class RouteScene {
    let loop = EmbeddedEventLoop()
    let observer = RecordingObserver()
    let resilience: Resilience
    var entries: [UpstreamEntry] = []
    private var upstreams: [String: ScriptedUpstream] = [:]
    /// What the alias is made of.
    var alias = RoutingSnapshot.Alias(name: "m", targets: [])
    var limits = RateLimitTable()
    var memory = CallMemory()
    private var made: RoutingSnapshot?

    /// - Parameter names: Of the providers; the alias has the model `one` of the first as its target, and one of each
    ///   other as a fallback.
    init(
        _ names: String..., lanes: [String: UpstreamLane] = [:], seed: UInt64 = 1,
        alert: @escaping @Sendable (KeyAlert) -> Void = { _ in },
        accountAlert: @escaping @Sendable (AccountAlert) -> Void = { _ in }
    ) {
        resilience = Resilience(now: Instant(loop.now), seed: seed, alert: alert, accountAlert: accountAlert)
        for name in names {
            let upstream = ScriptedUpstream(lanes[name] ?? .wire(.openAIChat), on: loop)
            upstreams[name] = upstream
            entries.append(UpstreamEntry(name: name, upstream: upstream, kind: .provider))
        }
        alias = .init(name: "m", targets: [.init(upstream: names[0], model: "one")])
        alias.fallbacks = names.dropFirst().map { .init(upstream: $0, model: "one") }
    }

    var now: Instant { Instant(loop.now) }

    var snapshot: RoutingSnapshot {
        if let made { return made }
        let snapshot = RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: entries, aliases: [alias], created: 1, resilience: resilience,
            limits: limits)
        made = snapshot
        return snapshot
    }

    /// One call and what its caller gets.
    struct Call {
        let driver: CallDriver
        let downstream: RecordingDownstream

        var status: Int? { downstream.head?.status }
        var code: String? {
            (try? JSONValue(parsing: downstream.body.utf8))?["error"]?["code"]?.string
        }
    }

    func start(
        _ more: String = "", owner: String = "alice", model: String = "m", change: (CallRequest) -> Void = { _ in }
    ) -> Call {
        let key = VirtualKey(name: owner, role: .member, models: [ModelPattern("*")])
        let request = CallRequest(
            id: "r", operation: .chatCompletions, principal: Principal(key: key), snapshot: snapshot,
            body: ByteBuffer(string: #"{"model":"\#(model)","messages":[{"role":"user","content":"x"}]\#(more)}"#),
            start: loop.now)
        change(request)
        let downstream = RecordingDownstream()
        let driver = CallDriver(
            request, on: loop, downstream: downstream, observer: observer, memory: memory)
        driver.start(now: 5)
        return Call(driver: driver, downstream: downstream)
    }

    // MARK: The providers

    func attempts(_ name: String) -> [ScriptedUpstream.Attempt] { upstreams[name]?.all ?? [] }
    func requests(_ name: String) -> [UpstreamRequest] { upstreams[name]?.requests ?? [] }

    private func reply(_ name: String) -> (any UpstreamReply)? { upstreams[name]?.last?.reply }

    /// The last attempt at a provider is refused.
    func refuse(_ name: String, status: Int = 500, retryAfter: String? = nil) {
        let reply = reply(name)
        reply?.received(head: UpstreamHead(status: status, contentType: "application/json", retryAfter: retryAfter))
        reply?.receivedEnd()
    }

    func fail(_ name: String, _ failure: Failure) { reply(name)?.failed(failure) }

    /// The last attempt at a provider is answered: whole, or as a stream that ends well.
    func answer(_ name: String, stream: Bool = false) {
        guard !stream else {
            begin(name)
            return finish(name)
        }
        let reply = reply(name)
        reply?.received(head: UpstreamHead(status: 200, contentType: "application/json"))
        reply?.received(
            bytes: ByteBuffer(
                string: #"{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"#
                    + #""usage":{"prompt_tokens":3,"completion_tokens":9}}"#))
        reply?.receivedEnd()
    }

    /// The first event of a stream.
    func begin(_ name: String) {
        let reply = reply(name)
        reply?.received(head: UpstreamHead(status: 200, contentType: "text/event-stream"))
        reply?.received(bytes: ByteBuffer(string: #"data: {"choices":[{"delta":{"content":"x"}}]}"# + "\n\n"))
    }

    /// The rest of it, with usage.
    func finish(_ name: String) {
        reply(name)?.received(
            bytes: ByteBuffer(
                string: #"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
                    + #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}"# + "\n\n"
                    + "data: [DONE]\n\n"))
    }

    /// Nothing is left of any call: no timer, no place taken.
    var isAtRest: Bool {
        resilience.runningDrains == 0
            && resilience.deployments.allSatisfy {
                $0.status(now: now).inFlight == 0 && $0.status(now: now).queued == 0
            }
    }
}
