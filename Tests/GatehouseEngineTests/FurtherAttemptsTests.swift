import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// What a call does when its target fails before the caller got a byte.
@Suite struct FurtherAttemptsTests {
    /// Calls against two providers, `p` and `q`, that the test speaks for.
    struct Scene {
        let loop = EmbeddedEventLoop()
        let first: ScriptedUpstream
        let second: ScriptedUpstream
        let downstream = RecordingDownstream()
        let observer = RecordingObserver()
        let keys = SingleKeyStore(token: "k")
        let resilience = Resilience()

        init(second lane: UpstreamLane = .wire(.openAIChat)) {
            first = ScriptedUpstream(.wire(.openAIChat), on: loop)
            second = ScriptedUpstream(lane, on: loop)
        }

        func start(_ more: String = "", retries: Int = 0, mayRepeat: Bool = false) -> CallDriver {
            var alias = RoutingSnapshot.Alias(name: "m", upstream: "p", model: "one")
            alias.fallbacks = [.init(upstream: "q", model: "two")]
            alias.retries = retries
            let snapshot = RoutingSnapshot(
                keys: keys,
                entries: [
                    UpstreamEntry(name: "p", upstream: first, kind: .provider),
                    UpstreamEntry(name: "q", upstream: second, kind: .provider),
                ], aliases: [alias], created: 1, resilience: resilience)
            let request = CallRequest(
                id: "r", operation: .chatCompletions, principal: keys.principal, snapshot: snapshot,
                body: ByteBuffer(string: #"{"model":"m","messages":[{"role":"user","content":"x"}]\#(more)}"#),
                start: .now())
            request.mayRepeat = mayRepeat
            let driver = CallDriver(
                request, on: loop, downstream: downstream, observer: observer, memory: CallMemory())
            driver.start(now: 5)
            return driver
        }

        func refuse(_ driver: CallDriver, status: Int = 500) {
            driver.received(head: UpstreamHead(status: status, contentType: "application/json"))
            driver.receivedEnd()
        }

        func answer(_ driver: CallDriver) {
            driver.received(head: UpstreamHead(status: 200, contentType: "application/json"))
            driver.received(
                bytes: ByteBuffer(
                    string: #"{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}"#))
            driver.receivedEnd()
        }
    }

    @Test func anotherTargetServesAndTheRecordTellsOfIt() {
        let scene = Scene()
        let driver = scene.start()
        scene.refuse(driver)
        #expect(scene.downstream.head == nil, "the caller hears nothing of it")
        #expect(scene.second.requests.first?.model == "two")
        scene.answer(driver)
        #expect(scene.downstream.head?.status == 200 && scene.downstream.head?.attempts == 2)
        #expect(scene.downstream.head?.provider == "q" && scene.downstream.head?.model == "two")
        let record = scene.observer.records.first
        #expect(scene.observer.records.count == 1 && record?.attempts == 2 && record?.outcome == .completed)
        #expect(record?.provider == "q" && record?.upstreamModel == "two")
    }

    @Test func theSameTargetIsAskedAgainWhenTheWaitIsOver() {
        let scene = Scene()
        let driver = scene.start(retries: 1)
        scene.refuse(driver)
        #expect(scene.first.requests.count == 1 && scene.second.requests.isEmpty)
        scene.loop.advanceTime(by: .milliseconds(250))
        #expect(scene.first.requests.count == 2)
        scene.answer(driver)
        #expect(scene.downstream.head?.status == 200 && scene.downstream.head?.attempts == 2)
    }

    @Test func aCallerWhoLeavesEndsTheWait() {
        let scene = Scene()
        let before = scene.resilience.remainingTries(now: .now())
        let driver = scene.start(retries: 1)
        scene.refuse(driver)
        driver.clientGone()
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.first.requests.count == 1 && scene.second.requests.isEmpty)
        #expect(scene.observer.records.map(\.status) == [499])
        #expect(scene.observer.records.first?.outcome == .clientGone)
        #expect(scene.resilience.remainingTries(now: .now()) == before, "the try that was not made is put back")
    }

    @Test func theEndOfThisGatewayEndsTheWait() {
        let scene = Scene()
        let driver = scene.start(retries: 1)
        scene.refuse(driver)
        driver.abort(GatehouseError(.shuttingDown, "It ends."))
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.first.requests.count == 1)
        #expect(scene.downstream.head?.status == 503 && scene.observer.records.count == 1)
    }

    @Test func nothingFollowsTheFirstByte() {
        let scene = Scene()
        let driver = scene.start(#","stream":true"#, retries: 2, mayRepeat: true)
        driver.received(head: UpstreamHead(status: 200, contentType: "text/event-stream"))
        driver.received(bytes: ByteBuffer(string: #"data: {"choices":[{"delta":{"content":"x"}}]}"# + "\n\n"))
        driver.failed(Failure(.truncated))
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.first.requests.count == 1 && scene.second.requests.isEmpty)
        #expect(scene.downstream.hasEnded && scene.observer.records.count == 1)
    }

    @Test func whatMayHaveBeenBilledIsAskedAgainOnlyWhenTheCallerAllowsIt() {
        for mayRepeat in [false, true] {
            let scene = Scene()
            let driver = scene.start(mayRepeat: mayRepeat)
            driver.failed(Failure(.timeout(.firstByte)))
            #expect(scene.second.requests.count == (mayRepeat ? 1 : 0))
        }
        let scene = Scene()
        let driver = scene.start()
        var refused = Failure(.unreachable)
        refused.isUnsent = true
        driver.failed(refused)
        #expect(scene.second.requests.count == 1, "nobody got the request")
    }

    @Test func theLastFailureIsTheCallers() {
        let scene = Scene()
        let driver = scene.start()
        scene.refuse(driver)
        scene.refuse(driver, status: 429)
        #expect(scene.downstream.head?.status == 429 && scene.downstream.head?.attempts == 2)
        #expect(scene.observer.records.count == 1)
    }

    @Test func aTargetThatCannotTakeTheRequestIsPassedOverWithoutAnAttempt() {
        let scene = Scene(second: .events)
        let driver = scene.start(#","n":2"#)
        scene.refuse(driver)
        #expect(scene.second.requests.isEmpty, "it gives one answer at a time")
        #expect(scene.downstream.head?.status == 502 && scene.downstream.head?.provider == "p")
        #expect(scene.observer.records.count == 1 && scene.observer.records.first?.attempts == 1)
    }
}
