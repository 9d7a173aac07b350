import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// Callers with a time limit, callers who wait long, and callers who leave.
@Suite struct WaitingCallerTests {
    // MARK: Deadlines

    @Test func theCallersOwnTimeEndsACall() {
        let scene = RouteScene("p", "q")
        let call = scene.start { $0.patience = .seconds(2) }
        scene.loop.advanceTime(by: .milliseconds(1999))
        #expect(call.status == nil)
        scene.loop.advanceTime(by: .milliseconds(1))
        #expect(call.status == 504 && call.code == "deadline_exceeded")
        #expect(scene.attempts("p").last?.isCancelled == true && scene.requests("q").isEmpty && scene.isAtRest)
        let states = scene.resilience.deployments.map { $0.breakerState(now: scene.now) }
        #expect(states.allSatisfy { $0 == .closed })
    }

    @Test func theCallersTimeEndsAStreamWithAnError() {
        let scene = RouteScene("p")
        let call = scene.start(#","stream":true"#) { $0.patience = .seconds(2) }
        scene.begin("p")
        scene.loop.advanceTime(by: .seconds(2))
        #expect(call.downstream.hasEnded && call.downstream.body.contains("deadline_exceeded"))
        #expect(!call.downstream.body.contains("[DONE]") && scene.isAtRest)
    }

    @Test func noWaitGoesBeyondTheCallersTime() {
        let scene = RouteScene("p")
        scene.alias.settings.retries = 2
        let call = scene.start { $0.patience = .seconds(2) }
        scene.refuse("p", status: 429, retryAfter: "5")
        #expect(call.status == 429, "there is no point in waiting")
    }

    // MARK: Heartbeats

    @Test func aCallerWhoWaitsForAStreamIsKeptWarm() {
        let scene = RouteScene("p", "q")
        let call = scene.start(#","stream":true"#)
        for _ in 0..<14 { call.driver.tick(heartbeat: 15) }
        #expect(call.downstream.head == nil)
        call.driver.tick(heartbeat: 15)
        #expect(call.downstream.isStream && call.downstream.body == ": keep-alive\n\n")
        scene.refuse("p")
        #expect(scene.requests("q").count == 1, "nothing was said of an answer: another may give it")
        scene.answer("q", stream: true)
        #expect(call.downstream.body.hasSuffix("data: [DONE]\n\n") && call.downstream.hasEnded)
        #expect(scene.observer.records.first?.outcome == .completed && scene.isAtRest)
    }

    @Test func anErrorBehindAHeartbeatIsAnEvent() {
        for hasAttempt in [true, false] {
            let scene = RouteScene("p")
            var limits = ProviderConfiguration.Limits()
            limits.concurrency = 1
            scene.entries[0].limits = Deployment.Limits(limits)
            if !hasAttempt { _ = scene.start() }
            let call = scene.start(#","stream":true"#)
            for _ in 0..<3 { call.driver.tick(heartbeat: 3) }
            if hasAttempt { scene.refuse("p", status: 503) } else { scene.loop.advanceTime(by: .seconds(1)) }
            #expect(call.status == 200 && call.downstream.hasEnded)
            #expect(call.downstream.body.contains(hasAttempt ? "upstream_overloaded" : "overloaded"))
            #expect(!call.downstream.body.contains("[DONE]"))
        }
    }

    @Test func silenceInsideAStreamIsFilledToo() {
        let scene = RouteScene("p")
        let call = scene.start(#","stream":true"#)
        scene.begin("p")
        let before = call.downstream.body
        for _ in 0..<4 { call.driver.tick(heartbeat: 3) }
        #expect(call.downstream.body == before + ": keep-alive\n\n")
        scene.finish("p")
        #expect(call.downstream.hasEnded)
    }

    @Test func whoAskedForNoStreamGetsNone() {
        let scene = RouteScene("p")
        let call = scene.start()
        for _ in 0..<40 { call.driver.tick(heartbeat: 3) }
        #expect(call.downstream.head == nil)
        scene.answer("p")
        #expect(call.status == 200)
    }

    // MARK: Reading on

    private func draining() -> RouteScene {
        let scene = RouteScene("p", "q")
        for index in scene.entries.indices { scene.entries[index].onDisconnect = .drain }
        return scene
    }

    @Test func anAnswerIsReadOnForItsBill() {
        for streams in [true, false] {
            let scene = draining()
            let call = scene.start(streams ? #","stream":true"# : "")
            if streams { scene.begin("p") }
            call.driver.downstreamWritable(false)
            let body = call.downstream.body
            call.driver.clientGone()
            #expect(scene.attempts("p").last?.isCancelled == false && scene.observer.records.isEmpty)
            #expect(scene.attempts("p").last?.isReading == true && scene.resilience.runningDrains == 1)
            if streams { scene.finish("p") } else { scene.answer("p") }
            let record = scene.observer.records.first
            #expect(record?.usage == Usage(input: 3, output: 9) && record?.outcome == .clientGone)
            #expect(record?.isDrained == true && record?.status == (streams ? 200 : 499))
            #expect(call.downstream.body == body && scene.isAtRest)
        }
    }

    @Test func nothingIsTriedAgainForACallerWhoLeft() {
        let scene = draining()
        let call = scene.start()
        call.driver.clientGone()
        scene.refuse("p")
        #expect(scene.requests("q").isEmpty && scene.observer.records.count == 1 && scene.isAtRest)
        #expect(scene.observer.records.first?.outcome == .clientGone)
    }

    @Test func readingOnIsBoundedInNumberAndTime() {
        let scene = draining()
        let calls = (0..<70).map { _ in scene.start() }
        for call in calls { call.driver.clientGone() }
        #expect(scene.resilience.runningDrains == Resilience.maximumDrains)
        #expect(scene.attempts("p").count(where: \.isCancelled) == 70 - Resilience.maximumDrains)
        scene.loop.advanceTime(by: .minutes(10))
        #expect(scene.attempts("p").allSatisfy { $0.isCancelled })
        #expect(scene.observer.records.count == 70 && scene.isAtRest)
    }
}
