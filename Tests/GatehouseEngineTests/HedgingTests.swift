import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// A second target is asked when the first one takes long.
@Suite struct HedgingTests {
    private func scene() -> RouteScene {
        let scene = RouteScene("p", "q")
        scene.alias.settings.hedge = .milliseconds(500)
        return scene
    }

    @Test func theFirstToAnswerServesAndTheOtherIsLetGo() {
        for winner in ["p", "q"] {
            let loser = winner == "p" ? "q" : "p"
            let scene = scene()
            let call = scene.start(#","stream":true"#)
            scene.loop.advanceTime(by: .milliseconds(499))
            #expect(scene.requests("q").isEmpty)
            scene.loop.advanceTime(by: .milliseconds(1))
            #expect(scene.requests("q").count == 1)
            scene.begin(winner)
            #expect(scene.attempts(loser).last?.isCancelled == true)
            scene.finish(winner)
            #expect(call.downstream.hasEnded && call.downstream.head?.provider == winner)
            let record = scene.observer.records.first
            #expect(record?.isHedged == true && record?.attempts == 2 && record?.provider == winner)
            #expect(record?.tries.map(\.outcome) == ["hedge_lost"] && scene.isAtRest)
        }
    }

    @Test func anAnswerInTimeNeedsNoOther() {
        let scene = scene()
        let call = scene.start()
        scene.answer("p")
        scene.loop.advanceTime(by: .seconds(5))
        #expect(call.status == 200 && scene.requests("q").isEmpty)
    }

    @Test func whenOneFailsTheOtherIsWaitedFor() {
        for failing in ["p", "q"] {
            let scene = scene()
            let call = scene.start()
            scene.loop.advanceTime(by: .milliseconds(500))
            scene.refuse(failing)
            #expect(call.status == nil)
            scene.answer(failing == "p" ? "q" : "p")
            #expect(call.status == 200 && scene.observer.records.first?.tries.map(\.outcome) == ["upstream"])
            #expect(scene.isAtRest)
        }
    }

    @Test func whenBothFailTheLastFailureIsTold() {
        let scene = scene()
        let call = scene.start()
        scene.loop.advanceTime(by: .milliseconds(500))
        scene.refuse("q", status: 503)
        scene.refuse("p", status: 429)
        #expect(call.status == 429 && scene.observer.records.count == 1 && scene.isAtRest)
    }

    @Test func hedgesComeOutOfTheSharedBudget() {
        let scene = scene()
        var hedged = 0
        for _ in 0..<40 {
            let before = scene.requests("q").count
            _ = scene.start()
            scene.loop.advanceTime(by: .milliseconds(500))
            hedged += scene.requests("q").count - before
            scene.answer("p")
        }
        #expect((8...12).contains(hedged), "eight to begin with, then a tenth: \(hedged)")
        #expect(scene.isAtRest)
    }

    @Test func aCallerWhoLeavesEndsBoth() {
        let scene = scene()
        let call = scene.start()
        scene.loop.advanceTime(by: .milliseconds(500))
        call.driver.clientGone()
        #expect(scene.attempts("p").last?.isCancelled == true && scene.attempts("q").last?.isCancelled == true)
        #expect(scene.observer.records.count == 1 && scene.isAtRest)
    }

    /// The operator allowed one rival: what the first may have been billed for is not asked a third time.
    @Test func anAttemptThatMayHaveBeenBilledIsNotForgotten() {
        for first in ["p", "q"] {
            let scene = scene()
            scene.alias.settings.retries = 2
            let call = scene.start()
            scene.loop.advanceTime(by: .milliseconds(500))
            scene.fail(first, Failure(.unreachable))
            scene.refuse(first == "p" ? "q" : "p", status: 503)
            scene.loop.advanceTime(by: .seconds(5))
            #expect(call.status == 503 && scene.requests("p").count + scene.requests("q").count == 2)
        }
    }
}
