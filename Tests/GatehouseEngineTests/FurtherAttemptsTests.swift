import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// What a call does when its target fails before the caller got a byte.
@Suite struct FurtherAttemptsTests {
    @Test func anotherTargetServesAndTheRecordTellsOfIt() {
        let scene = RouteScene("p", "q")
        let call = scene.start()
        scene.refuse("p")
        #expect(call.downstream.head == nil, "the caller hears nothing of it")
        scene.answer("q")
        #expect(call.status == 200 && call.downstream.head?.attempts == 2 && call.downstream.head?.provider == "q")
        let record = scene.observer.records.first
        #expect(scene.observer.records.count == 1 && record?.attempts == 2 && record?.outcome == .completed)
        #expect(record?.provider == "q" && record?.tries.map(\.provider) == ["p"])
        #expect(record?.tries.map(\.outcome) == ["upstream"] && scene.isAtRest)
    }

    @Test func theSameTargetIsAskedAgainWhenTheWaitIsOver() {
        let scene = RouteScene("p", "q")
        scene.alias.settings.retries = 1
        let call = scene.start()
        scene.refuse("p")
        #expect(scene.requests("p").count == 1 && scene.requests("q").isEmpty)
        scene.loop.advanceTime(by: .milliseconds(250))
        #expect(scene.requests("p").count == 2)
        scene.answer("p")
        #expect(call.status == 200 && call.downstream.head?.attempts == 2 && scene.isAtRest)
    }

    @Test func aCallerWhoLeavesEndsTheWait() {
        let scene = RouteScene("p", "q")
        scene.alias.settings.retries = 1
        let before = scene.resilience.remainingTries(now: scene.now)
        let call = scene.start()
        scene.refuse("p")
        call.driver.clientGone()
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.requests("p").count == 1 && scene.requests("q").isEmpty)
        #expect(scene.observer.records.map(\.status) == [499])
        #expect(scene.observer.records.first?.outcome == .clientGone)
        #expect(scene.resilience.remainingTries(now: scene.now) == before, "the try that was not made is put back")
    }

    /// Callers who ask for what the fallbacks cannot do must not use up everybody's tries.
    @Test func aFallbackThatCannotTakeTheCallCostsNoTry() {
        let scene = RouteScene("p", "q", lanes: ["q": .events])
        let before = scene.resilience.remainingTries(now: scene.now)
        for _ in 0..<20 {
            let call = scene.start(#","n":2"#)
            scene.refuse("p")
            #expect(call.status == 502 && scene.requests("q").isEmpty)
            for deployment in scene.resilience.deployments { deployment.reset() }
        }
        #expect(scene.resilience.remainingTries(now: scene.now) == before && scene.isAtRest)
    }

    @Test func theEndOfThisGatewayEndsTheWait() {
        let scene = RouteScene("p", "q")
        scene.alias.settings.retries = 1
        let call = scene.start()
        scene.refuse("p")
        call.driver.abort(GatehouseError(.shuttingDown, "It ends."))
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.requests("p").count == 1)
        #expect(call.status == 503 && scene.observer.records.count == 1 && scene.isAtRest)
    }

    @Test func nothingFollowsTheFirstByte() {
        let scene = RouteScene("p", "q")
        scene.alias.settings.retries = 2
        let call = scene.start(#","stream":true"#) { $0.mayRepeat = true }
        scene.begin("p")
        scene.fail("p", Failure(.truncated))
        scene.loop.advanceTime(by: .seconds(10))
        #expect(scene.requests("p").count == 1 && scene.requests("q").isEmpty)
        #expect(call.downstream.hasEnded && scene.observer.records.count == 1 && scene.isAtRest)
    }

    @Test func whatMayHaveBeenBilledIsAskedAgainOnlyWhenTheCallerAllowsIt() {
        for mayRepeat in [false, true] {
            let scene = RouteScene("p", "q")
            _ = scene.start { $0.mayRepeat = mayRepeat }
            scene.fail("p", Failure(.timeout(.firstByte)))
            #expect(scene.requests("q").count == (mayRepeat ? 1 : 0))
        }
        let scene = RouteScene("p", "q")
        _ = scene.start()
        var refused = Failure(.unreachable)
        refused.isUnsent = true
        scene.fail("p", refused)
        #expect(scene.requests("q").count == 1, "nobody got the request")
    }

    @Test(arguments: [502, 504, 520, 524])
    func whatAProxyLostMayHaveBeenBilled(status: Int) {
        for mayRepeat in [false, true] {
            let scene = RouteScene("p", "q")
            _ = scene.start { $0.mayRepeat = mayRepeat }
            scene.refuse("p", status: status)
            #expect(scene.requests("q").count == (mayRepeat ? 1 : 0))
        }
    }

    /// Calls that fail for good must not shift whose turn it is.
    @Test func aFailureThatEndsACallTakesNoTurn() {
        let scene = RouteScene("p", "q")
        scene.alias = .init(
            name: "m", targets: [.init(upstream: "p", model: "one"), .init(upstream: "q", model: "one")])
        for _ in 0..<10 {
            let before = scene.requests("p").count
            _ = scene.start()
            scene.refuse(scene.requests("p").count > before ? "p" : "q", status: 400)
        }
        #expect(scene.requests("p").count == 5 && scene.requests("q").count == 5)
    }

    @Test func theLastFailureIsTheCallers() {
        let scene = RouteScene("p", "q")
        let call = scene.start()
        scene.refuse("p")
        scene.refuse("q", status: 429)
        #expect(call.status == 429 && call.downstream.head?.attempts == 2)
        #expect(scene.observer.records.count == 1 && scene.isAtRest)
    }

    @Test func aTargetThatCannotTakeTheRequestIsPassedOverWithoutAnAttempt() {
        let scene = RouteScene("p", "q", lanes: ["q": .events])
        let call = scene.start(#","n":2"#)
        scene.refuse("p")
        #expect(scene.requests("q").isEmpty, "it gives one answer at a time")
        #expect(call.status == 502 && call.downstream.head?.provider == "p")
        #expect(scene.observer.records.count == 1 && scene.observer.records.first?.attempts == 1 && scene.isAtRest)
    }

    @Test func aTargetThatFailsIsPassedOverUntilNothingElseIsLeft() {
        let scene = RouteScene("p", "q")
        for _ in 0..<5 {
            _ = scene.start()
            scene.refuse("p")
            scene.answer("q")
        }
        _ = scene.start()
        #expect(scene.requests("p").count == 5, "its breaker is open")
        scene.answer("q")
        let alone = scene.start(model: "p/one")
        #expect(scene.requests("p").count == 6, "an error from there says more than a refusal")
        scene.answer("p")
        #expect(alone.status == 200 && scene.isAtRest)
    }

    /// In an outage nobody waits for a retry that would not be made.
    @Test func aTargetWhoseBreakerIsOpenIsNotWaitedFor() {
        let scene = RouteScene("p")
        scene.alias.settings.retries = 1
        var last: RouteScene.Call?
        for _ in 0..<6 {
            last = scene.start()
            scene.refuse("p")
            scene.loop.advanceTime(by: .milliseconds(250))
            if last?.status == nil { scene.refuse("p") }
        }
        let call = scene.start()
        scene.refuse("p")
        #expect(call.status == 502 && call.downstream.head?.attempts == 1 && scene.isAtRest)
    }

    /// A stream that breaks off again and again is a failing target, although each began well.
    @Test func streamsThatBreakOffOpenTheBreaker() {
        let scene = RouteScene("p", "q")
        for _ in 0..<20 where scene.requests("q").isEmpty {
            _ = scene.start(#","stream":true"#)
            guard scene.requests("q").isEmpty else { break }
            scene.begin("p")
            scene.fail("p", Failure(.truncated))
        }
        #expect(!scene.requests("q").isEmpty)
    }
}
