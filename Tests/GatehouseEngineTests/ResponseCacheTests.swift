import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// The cache as calls meet it, on a clock that the test moves.
@Suite struct ResponseCacheTests {
    private struct Scene {
        let cache: ResponseCache
        let routes: RouteScene

        init(size: Int = 1 << 20, tools: Bool = false, names: [String] = ["p"]) {
            cache = ResponseCache(.init(ttl: .seconds(60), size: size, tools: tools))
            routes = names.count > 1 ? RouteScene("p", "q") : RouteScene("p")
            routes.memory = CallMemory(books: .init(cache: cache))
        }

        func start(_ more: String = "", owner: String = "ann", wish: CacheWish? = nil) -> RouteScene.Call {
            routes.start(more, owner: owner) { $0.cacheWish = wish }
        }

        var sent: Int { routes.requests("p").count }
        var isAtRest: Bool { cache.flights == 0 && routes.isAtRest }
    }

    @Test(arguments: [false, true]) func anEqualRequestIsAnsweredFromTheCache(stream: Bool) {
        let scene = Scene()
        let more = stream ? #","stream":true"# : ""
        let first = scene.start(more)
        scene.routes.answer("p", stream: stream)
        #expect(first.status == 200 && first.downstream.head?.cache == .miss)
        let again = scene.start(more)
        #expect(again.status == 200 && again.downstream.head?.cache == .hit && again.downstream.isStream == stream)
        #expect(again.downstream.body == first.downstream.body && again.downstream.hasEnded)
        #expect(again.downstream.head?.attempts == 0 && again.downstream.head?.provider == "p")
        #expect(scene.routes.observer.records.map(\.cache) == [.miss, .hit])
        #expect(scene.routes.observer.records.last?.usage == nil && scene.sent == 1 && scene.isAtRest)
    }

    @Test func othersAndOtherRequestsMiss() {
        let scene = Scene()
        _ = scene.start()
        scene.routes.answer("p")
        for call in [scene.start(owner: "bob"), scene.start(#","n":1"#), scene.start(#","stream":true"#)] {
            #expect(call.status == nil && call.downstream.head?.cache == nil)
        }
        #expect(scene.sent == 4)
        #expect(scene.routes.start(owner: "ann") { $0.session = "s" }.status == nil, "another session")
        #expect(scene.routes.start(owner: "ann") { $0.betas = ["b"] }.status == nil, "another feature")
    }

    @Test func answersRunOut() {
        let scene = Scene()
        _ = scene.start()
        scene.routes.answer("p")
        scene.routes.loop.advanceTime(by: .seconds(59))
        #expect(scene.start().status == 200)
        scene.routes.loop.advanceTime(by: .seconds(1))
        #expect(scene.start().status == nil && scene.sent == 2)
    }

    @Test func callersMayWishOtherwise() {
        let scene = Scene()
        let early = scene.start(wish: .onlyIfCached)
        #expect(early.status == 504 && early.code == "not_cached")
        _ = scene.start(wish: .noStore)
        scene.routes.answer("p")
        #expect(scene.start(wish: .onlyIfCached).status == 504, "it was not kept")
        _ = scene.start()
        scene.routes.answer("p")
        #expect(scene.start(wish: .onlyIfCached).downstream.head?.cache == .hit)
        let bypass = scene.start(wish: .noStore)
        #expect(bypass.status == nil)
        scene.routes.answer("p")
        #expect(bypass.downstream.head?.cache == .bypass)
        let fresh = scene.start(wish: .refresh)
        #expect(fresh.status == nil)
        scene.routes.answer("p")
        #expect(fresh.downstream.head?.cache == .miss && scene.sent == 4 && scene.isAtRest)
    }

    @Test func equalRequestsThatComeTogetherAreOne() {
        let scene = Scene()
        let first = scene.start()
        let others = (0..<20).map { _ in scene.start() }
        let gone = scene.start()
        gone.driver.clientGone()
        #expect(scene.sent == 1 && others.allSatisfy { $0.status == nil })
        scene.routes.answer("p")
        scene.routes.loop.run()
        for other in others {
            #expect(other.status == 200 && other.downstream.body == first.downstream.body)
            #expect(other.downstream.head?.cache == .hit)
        }
        #expect(scene.sent == 1 && scene.isAtRest && scene.routes.observer.records.count == 22)
    }

    @Test func whereOneFailsTheOthersGoTheirOwnWay() {
        let scene = Scene()
        let first = scene.start()
        let second = scene.start()
        scene.routes.fail("p", Failure(.input))
        scene.routes.loop.run()
        #expect(first.status == 400 && second.status == nil && scene.sent == 2)
        scene.routes.answer("p")
        #expect(second.status == 200 && second.downstream.head?.cache == .miss && scene.isAtRest)
    }

    @Test func aCallerThatLeavesLetsTheOthersGoOn() {
        let scene = Scene()
        let first = scene.start()
        let second = scene.start()
        first.driver.clientGone()
        scene.routes.loop.run()
        #expect(scene.sent == 2)
        scene.routes.answer("p")
        #expect(second.status == 200 && scene.isAtRest)
    }

    @Test func errorsAndCutAnswersAreNotKept() {
        let scene = Scene()
        _ = scene.start()
        scene.routes.fail("p", Failure(.input))
        _ = scene.start(#","stream":true"#)
        scene.routes.begin("p")
        scene.routes.fail("p", Failure(.truncated))
        #expect(scene.cache.size == 0 && scene.isAtRest)
        #expect(scene.start().status == nil && scene.start(#","stream":true"#).status == nil && scene.sent == 4)
    }

    @Test func toolsAreKeptOnlyWhereThatWasAskedFor() {
        for tools in [false, true] {
            let scene = Scene(tools: tools)
            let more = #","tools":[{"type":"function","function":{"name":"f"}}]"#
            let first = scene.start(more)
            scene.routes.answer("p")
            #expect(first.downstream.head?.cache == (tools ? .miss : .bypass))
            #expect(scene.start(more).status == (tools ? 200 : nil))
        }
    }

    @Test func limitsComeBeforeTheCache() {
        let scene = Scene()
        scene.routes.limits = RateLimitTable([
            RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: .init(count: 2, period: .seconds(60))))
        ])
        _ = scene.start()
        scene.routes.answer("p")
        let hit = scene.start()
        #expect(hit.downstream.head?.cache == .hit && hit.downstream.head?.limits?.requests?.remaining == 0)
        #expect(scene.start().status == 429)
    }

    @Test func memoryIsBounded() {
        let scene = Scene(size: 20_000)
        for index in 0..<200 {
            _ = scene.start(#","seed":\#(index)"#)
            scene.routes.answer("p")
            #expect(scene.cache.size <= 20_000)
        }
        #expect(scene.cache.size > 10_000)
        #expect(scene.start(#","seed":199"#).downstream.head?.cache == .hit, "the latest are there")
        #expect(scene.start(#","seed":0"#).status == nil, "the oldest went")
        scene.cache.shrink()
        #expect(scene.cache.size == 0)
    }

    @Test func withoutACacheNothingIsSaidOfIt() {
        let scene = RouteScene("p")
        let call = scene.start()
        scene.answer("p")
        #expect(call.downstream.head?.cache == nil)
        #expect(scene.start(change: { $0.cacheWish = .onlyIfCached }).code == "not_cached")
    }
}
