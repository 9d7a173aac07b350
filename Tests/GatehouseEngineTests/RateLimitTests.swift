import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// Limits as calls meet them, on a clock that the test moves.
@Suite struct RateLimitTests {
    private func scene(_ limits: RateLimits) -> RouteScene {
        let scene = RouteScene("p")
        scene.limits = RateLimitTable([RateLimitRule(.key, ModelPattern("*"), limits)])
        return scene
    }

    @Test func aCallBeyondTheLimitIsToldWhenAndReachesNobody() {
        let scene = scene(RateLimits(requests: .init(count: 6, period: .seconds(60), capacity: 2)))
        for remaining in [1, 0] {
            let call = scene.start()
            scene.answer("p")
            #expect(call.status == 200 && call.downstream.head?.limits?.requests?.remaining == remaining)
            #expect(call.downstream.head?.limits?.requests?.limit == 2)
        }
        let refused = scene.start()
        #expect(refused.status == 429 && refused.code == "rate_limited")
        #expect(refused.downstream.head?.retryAfter == 10)
        #expect(refused.downstream.head?.limits?.requests?.remaining == 0)
        #expect(scene.requests("p").count == 2 && scene.observer.records.last?.attempts == 0)
        scene.loop.advanceTime(by: .seconds(10))
        let late = scene.start()
        scene.answer("p")
        #expect(late.status == 200 && scene.isAtRest)
    }

    @Test func otherKeysAreNotConcerned() {
        let scene = scene(RateLimits(requests: .init(count: 1, period: .seconds(60))))
        _ = scene.start(owner: "ann")
        #expect(scene.start(owner: "ann").status == 429)
        #expect(scene.start(owner: "bob").status == nil && scene.requests("p").count == 2)
    }

    @Test func tokensAreSettledWithTheTrueUsage() {
        let scene = scene(RateLimits(tokens: .init(count: 1000, period: .seconds(3600))))
        _ = scene.start(#","max_tokens":900"#)
        #expect(
            scene.start(#","max_tokens":900"#).code == "rate_limited", "the estimate holds as long as the call runs")
        scene.answer("p")
        #expect(scene.start(#","max_tokens":500"#).status == nil)
        scene.answer("p")
        // Two answers of twelve tokens, and what the third was estimated at when its head was made.
        let third = scene.start(#","max_tokens":10"#)
        scene.answer("p")
        let bytes = #"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":10}"#.utf8.count
        #expect(third.downstream.head?.limits?.tokens?.remaining == 1000 - 24 - 10 - bytes / 4)
    }

    @Test func whatReachesNobodyUsesNoTokens() {
        let scene = scene(RateLimits(tokens: .init(count: 1000, period: .seconds(3600))))
        scene.entries[0].limits = Deployment.Limits(
            {
                var limits = ProviderConfiguration.Limits()
                limits.concurrency = 1
                limits.queue = 0
                return limits
            }())
        _ = scene.start(#","max_tokens":10"#)
        #expect(scene.start(#","max_tokens":800"#).status == 503)
        #expect(scene.start(#","max_tokens":800"#).status == 503, "the first of them gave its estimate back")
    }

    @Test func placesAreGivenBackHoweverCallsEnd() {
        let scene = scene(RateLimits(concurrency: 1))
        func refused() -> Bool { scene.start().code == "rate_limited" }
        _ = scene.start()
        #expect(refused())
        scene.answer("p")
        scene.start(#","stream":true"#).driver.clientGone()
        _ = scene.start()
        scene.fail("p", Failure(.input))
        let last = scene.start()
        #expect(refused())
        last.driver.abort(GatehouseError(.shuttingDown, "The end."))
        #expect(scene.start().status == nil)
    }

    @Test func limitsOfAddressesLookAtThem() {
        let scene = RouteScene("p")
        let limits = RateLimits(requests: .init(count: 1, period: .seconds(60)))
        scene.limits = RateLimitTable([RateLimitRule(.address, ModelPattern("10.*"), limits)])
        #expect(scene.limits.watchesAddresses)
        #expect(scene.start { $0.address = "10.0.0.1" }.status == nil)
        #expect(scene.start { $0.address = "10.0.0.1" }.status == 429)
        #expect(scene.start { $0.address = "10.0.0.2" }.status == nil)
        #expect(scene.start { $0.address = "192.0.2.1" }.status == nil)
    }

    @Test func eachDialectIsRefusedInItsOwnWords() {
        let words: [(GatehouseCore.Operation, String)] = [
            (.chatCompletions, #""type":"rate_limit_error""#), (.messages, #""type":"rate_limit_error""#),
            (.responses, #""code":"rate_limited""#), (.generateContent, #""status":"RESOURCE_EXHAUSTED""#),
        ]
        for (operation, word) in words {
            let body = operation.dialect.codec.render(
                GatehouseError(.rateLimited, "x", retryAfter: 1), requestID: "r", time: 1)
            #expect(String(buffer: body).contains(word), "\(operation)")
        }
    }
}
