import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

@Suite struct CallDriverTests {
    /// A call against upstreams that the test speaks for.
    struct Scene {
        let loop = EmbeddedEventLoop()
        let bytes: ScriptedUpstream
        let agent: ScriptedUpstream
        let downstream = RecordingDownstream()
        let observer = RecordingObserver()
        let keys: SingleKeyStore
        let memory = CallMemory()

        init(models: [String] = ["*"]) {
            bytes = ScriptedUpstream(.wire(.openAIChat), on: loop)
            agent = ScriptedUpstream(.events, on: loop)
            keys = SingleKeyStore(token: "k", models: models)
        }

        func start(_ body: String) -> CallDriver {
            let snapshot = RoutingSnapshot(
                keys: keys,
                entries: [
                    UpstreamEntry(name: "p", upstream: bytes, kind: .provider),
                    UpstreamEntry(name: "a", upstream: agent, kind: .agent, hasDefaultModel: true) {
                        request throws(GatehouseError) in
                        if request.model == "bad" { throw GatehouseError(.invalidArgument, "no", param: "model") }
                    },
                ],
                aliases: [.init(name: "fast", upstream: "p", model: "real")], created: 1)
            let driver = CallDriver(
                CallRequest(
                    id: "r", operation: .chatCompletions, principal: keys.principal, snapshot: snapshot,
                    body: ByteBuffer(string: body), start: .now()),
                on: loop, downstream: downstream, observer: observer, memory: memory)
            driver.start(now: 5)
            return driver
        }

        var sent: String? {
            guard case .bytes(let body, let splice) = bytes.requests.last?.payload else { return nil }
            return String(buffer: splice.applied(to: body))
        }
    }

    private let chunk = #"data: {"choices":[{"delta":{"content":"x"}}]}"# + "\n\n"
    private let stream = #"{"model":"fast","messages":[1],"stream":true}"#

    @Test func anAliasIsSplicedAndAStreamRelayed() {
        let scene = Scene()
        _ = scene.start(stream)
        #expect(
            scene.sent == #"{"model":"real","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#)
        scene.bytes.last?.reply.received(head: UpstreamHead(status: 200, contentType: "text/event-stream"))
        #expect(scene.downstream.head == nil)
        scene.bytes.last?.reply.received(bytes: ByteBuffer(string: chunk))
        #expect(scene.downstream.isStream && scene.downstream.head?.provider == "p" && scene.downstream.flushes == 1)
        scene.bytes.last?.reply.received(
            bytes: ByteBuffer(
                string: #"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"# + "\n\n"))
        scene.bytes.last?.reply.received(bytes: ByteBuffer(string: "data: [DONE]\n\n"))
        #expect(scene.downstream.body == chunk + "data: [DONE]\n\n" && scene.downstream.hasEnded)
        #expect(scene.bytes.last?.isFinished == true && scene.bytes.last?.isCancelled == false)
        let record = scene.observer.records.first
        #expect(record?.usage == Usage(input: 1, output: 2) && record?.outcome == .completed && record?.attempts == 1)
        #expect(record?.model == "fast" && record?.upstreamModel == "real" && record?.provider == "p")
    }

    @Test func theClientLeavesAndTheUpstreamIsCancelledAtOnce() {
        for received in 0..<3 {
            let scene = Scene()
            let driver = scene.start(stream)
            if received > 0 {
                scene.bytes.last?.reply.received(head: UpstreamHead(status: 200, contentType: "text/event-stream"))
            }
            if received > 1 { scene.bytes.last?.reply.received(bytes: ByteBuffer(string: chunk)) }
            driver.clientGone()
            #expect(scene.bytes.last?.isCancelled == true)
            scene.bytes.last?.reply.received(bytes: ByteBuffer(string: chunk))
            driver.clientGone()
            #expect(scene.observer.records.count == 1)
            #expect(scene.observer.records.first?.outcome == .clientGone)
            #expect(scene.observer.records.first?.status == (received > 1 ? 200 : 499))
        }
    }

    @Test func backPressureReachesTheUpstream() {
        let scene = Scene()
        let driver = scene.start(stream)
        driver.downstreamWritable(false)
        #expect(scene.bytes.last?.isReading == false)
        driver.downstreamWritable(false)
        driver.downstreamWritable(true)
        #expect(scene.bytes.last?.isReading == true)
    }

    @Test(
        arguments: [
            ("{", GatehouseError.Code.invalidJSON, 400), (#"{"model":"zz","messages":[1]}"#, .modelNotFound, 404),
            (#"{"model":"p/","messages":[1]}"#, .modelNotFound, 404),
            (#"{"model":"p","messages":[1]}"#, .modelNotFound, 404),
            (#"{"model":"a/secret","messages":[1]}"#, .modelNotAllowed, 403),
            (#"{"model":"a/bad","messages":[{"role":"user","content":"x"}]}"#, .invalidArgument, 400),
            (#"{"model":"a","messages":[{"role":"king","content":"x"}]}"#, .invalidValue, 400),
        ] as [(String, GatehouseError.Code, Int)])
    func refusalsAreAnsweredAndRecorded(body: String, code: GatehouseError.Code, status: Int) {
        let scene = Scene(models: ["a", "a/b*", "p*", "zz", "fast"])
        _ = scene.start(body)
        #expect(scene.downstream.head?.status == status && scene.downstream.body.contains(code.rawValue))
        #expect(scene.observer.records.map(\.errorCode) == [code])
        #expect(scene.bytes.requests.isEmpty && scene.agent.requests.isEmpty)
    }

    @Test func anAgentAnswersByEvents() {
        let scene = Scene()
        _ = scene.start(#"{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#)
        guard case .canonical(let request) = scene.agent.requests.last?.payload else {
            Issue.record("no canonical request")
            return
        }
        #expect(request.messages.map(\.role) == [.user] && request.messages[0].text() == "hi" && request.model.isEmpty)
        scene.agent.last?.reply.received(event: .started(AnswerStart(model: "m", session: "s")))
        scene.agent.last?.reply.received(event: .textDelta("hello"))
        scene.agent.last?.reply.received(event: .finished(Finish(.stop, cost: Cost(unit: "usd", amount: "0.01"))))
        #expect(scene.downstream.head?.status == 200 && scene.downstream.body.contains(#""content":"hello""#))
        #expect(scene.observer.records.first?.isAgent == true)
        #expect(scene.observer.records.first?.cost?.amount == "0.01")
    }

    @Test func aFailureInTheMiddleEndsWithAnErrorEvent() {
        let scene = Scene()
        _ = scene.start(stream)
        scene.bytes.last?.reply.received(head: UpstreamHead(status: 200, contentType: "text/event-stream"))
        scene.bytes.last?.reply.received(bytes: ByteBuffer(string: chunk))
        scene.bytes.last?.reply.failed(Failure(.truncated, detail: "secret host"))
        let body = scene.downstream.body
        #expect(body.hasPrefix(chunk) && body.contains("upstream_truncated") && !body.contains("[DONE]"))
        #expect(!body.contains("secret") && scene.downstream.hasEnded)
        var line = ByteBuffer()
        // So little room that it is written again.
        line.writeText(room: 16) {
            AccessRecord.write(scene.observer.records[0], Timestamp(seconds: 0, milliseconds: 0), to: &$0)
        }
        let value = try? JSONValue(parsing: line.readableBytesView)
        #expect(
            value?["error_code"]?.string == "upstream_truncated" && value?["failure_detail"]?.string == "secret host")
    }
}
