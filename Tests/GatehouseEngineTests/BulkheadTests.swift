import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// A target gets so many calls at a time; a few wait for their turn, the others are refused.
@Suite struct BulkheadTests {
    private func scene(_ concurrency: Int, queue: Int, _ names: [String] = ["p"]) -> RouteScene {
        let scene = names.count > 1 ? RouteScene("p", "q") : RouteScene("p")
        var limits = ProviderConfiguration.Limits()
        limits.concurrency = concurrency
        limits.queue = queue
        for index in scene.entries.indices { scene.entries[index].limits = Deployment.Limits(limits) }
        return scene
    }

    @Test func aCallWaitsForItsTurn() {
        let scene = scene(1, queue: 5)
        let first = scene.start()
        let second = scene.start()
        #expect(scene.requests("p").count == 1)
        scene.loop.advanceTime(by: .milliseconds(300))
        scene.answer("p")
        scene.loop.run()
        #expect(first.status == 200 && scene.requests("p").count == 2)
        scene.answer("p")
        #expect(second.status == 200 && second.downstream.head?.attempts == 1)
        #expect(scene.observer.records.map(\.queued) == [nil, .milliseconds(300)] && scene.isAtRest)
    }

    @Test func aFullQueueRefusesAtOnceAndALongWaitAfterASecond() {
        let scene = scene(1, queue: 1)
        _ = scene.start()
        let second = scene.start()
        let third = scene.start()
        #expect(third.status == 503 && third.code == "overloaded" && third.downstream.head?.retryAfter == 1)
        #expect(second.status == nil)
        scene.loop.advanceTime(by: .seconds(1))
        #expect(second.status == 503 && second.code == "overloaded")
        #expect(scene.requests("p").count == 1)
        scene.answer("p")
        #expect(scene.isAtRest)
    }

    @Test func anotherTargetWithRoomServesInstead() {
        let scene = scene(1, queue: 5, ["p", "q"])
        _ = scene.start()
        let second = scene.start()
        #expect(scene.requests("q").count == 1, "nobody waits while somebody else could serve")
        scene.answer("q")
        #expect(second.status == 200 && second.downstream.head?.attempts == 1)
    }

    @Test func keysTakeTurnsInTheQueue() {
        let scene = scene(1, queue: 10)
        _ = scene.start()
        let greedy = (0..<5).map { _ in scene.start(owner: "greedy") }
        let modest = scene.start(owner: "modest")
        scene.answer("p")
        scene.loop.run()
        scene.answer("p")
        scene.loop.run()
        #expect(greedy[0].status == 200)
        scene.answer("p")
        scene.loop.run()
        #expect(modest.status == 200 && greedy[1].status == nil, "one call behind five of another key")
    }

    @Test func whoLeavesTheQueueMakesRoomThere() {
        let scene = scene(1, queue: 1)
        _ = scene.start()
        let second = scene.start()
        second.driver.clientGone()
        let third = scene.start()
        #expect(third.status == nil, "there is room again")
        scene.answer("p")
        scene.loop.run()
        scene.answer("p")
        #expect(third.status == 200 && scene.isAtRest)
        #expect(scene.observer.records.map(\.outcomeLabel) == ["client_gone", "completed", "completed"])
    }

    /// A call that is let in at the very moment it leaves must not keep its place.
    @Test func aPlaceGivenToWhoHasJustLeftIsGivenOn() {
        let scene = scene(1, queue: 5)
        _ = scene.start()
        let second = scene.start()
        let third = scene.start()
        scene.answer("p")
        second.driver.clientGone()
        scene.loop.run()
        scene.answer("p")
        #expect(third.status == 200 && scene.isAtRest)
    }

    @Test func aRetryWaitsForItsTurnToo() {
        let scene = scene(1, queue: 5)
        scene.alias.settings.retries = 1
        let first = scene.start()
        let second = scene.start()
        scene.refuse("p")
        scene.loop.run()
        #expect(scene.requests("p").count == 2, "nobody sleeps in a place")
        scene.loop.advanceTime(by: .milliseconds(400))
        #expect(scene.requests("p").count == 2)
        scene.answer("p")
        scene.loop.run()
        #expect(second.status == 200 && scene.requests("p").count == 3)
        scene.answer("p")
        #expect(first.status == 200 && first.downstream.head?.attempts == 2 && scene.isAtRest)
    }

    @Test func aDeploymentThatIsOverloadedGetsLess() {
        let scene = scene(100, queue: 0)
        var refused = 0
        for _ in 0..<200 {
            let call = scene.start()
            if call.status == 503 { refused += 1 } else { scene.refuse("p", status: 503) }
            scene.loop.advanceTime(by: .milliseconds(10))
        }
        let limit = scene.resilience.deployments.first { $0.name.model == "one" }?.status(now: scene.now).limit
        #expect(limit.map { $0 < 100 } == true && refused == 0)
    }

    /// Whoever was called in keeps the place when the breaker has opened meanwhile: to give it up and queue anew would go
    /// on without end while no time passes.
    @Test func aBreakerThatOpensBeforeWaitingCallsDoesNotSendThemRound() {
        let scene = scene(1, queue: 30)
        for _ in 0..<4 {
            _ = scene.start()
            scene.refuse("p")
        }
        _ = scene.start()
        let waiting = (0..<3).map { _ in scene.start() }
        scene.refuse("p")
        scene.loop.run()
        #expect(scene.requests("p").count == 6, "one is asked as a last resort")
        for _ in waiting {
            scene.refuse("p")
            scene.loop.run()
        }
        #expect(waiting.allSatisfy { $0.status == 502 } && scene.isAtRest)
    }

    /// The key rests softly: nobody said for how long. Whoever waited behind it is served by it, and not refused before an
    /// empty place.
    @Test(arguments: [429, 401]) func aKeyThatFailsDoesNotTurnItsQueueAway(status: Int) {
        let scene = scene(1, queue: 30)
        scene.entries[0].keys = ["a"]
        let first = scene.start()
        let waiting = (0..<10).map { _ in scene.start() }
        scene.refuse("p", status: status)
        scene.loop.run()
        #expect(first.status != nil && waiting.allSatisfy { $0.status == nil } && scene.requests("p").count == 2)
        for _ in waiting {
            scene.answer("p")
            scene.loop.run()
        }
        #expect(waiting.allSatisfy { $0.status == 200 } && scene.isAtRest)
    }

    @Test func nobodyWaitsTwice() {
        let scene = scene(1, queue: 30)
        scene.entries[0].keys = ["a"]
        _ = scene.start()
        let second = scene.start()
        scene.loop.advanceTime(by: .milliseconds(900))
        scene.refuse("p", status: 429, retryAfter: "20")
        scene.loop.run()
        #expect(second.status == 429, "it was called in, and the key rests")
        #expect(scene.isAtRest)
    }
}
