import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Calls to a provider with several keys.
@Suite struct ProviderKeyTests {
    private func scene(_ keys: [String], alert: @escaping @Sendable (KeyAlert) -> Void = { _ in }) -> RouteScene {
        let scene = RouteScene("p", alert: alert)
        scene.entries[0].keys = keys
        return scene
    }

    @Test func keysTakeTurns() {
        let scene = scene(["a", "b", "c"])
        for _ in 0..<6 {
            _ = scene.start()
            scene.answer("p")
        }
        #expect(scene.requests("p").map(\.key) == [0, 1, 2, 0, 1, 2])
        #expect(scene.observer.records.map(\.upstreamKey) == ["a", "b", "c", "a", "b", "c"])
    }

    @Test(arguments: [401, 402, 403])
    func aKeyThatIsRefusedIsRetiredWithOneAlertAndTheNextServesAtOnce(status: Int) {
        let alerts = Mutex<[String]>([])
        let scene = scene(["a", "b"]) { alert in
            alerts.withLock { $0.append("\(alert.key) \(alert.failure?.kind.label ?? "back")") }
        }
        let call = scene.start()
        scene.refuse("p", status: status)
        #expect(scene.requests("p").map(\.key) == [0, 1], "without a wait")
        scene.answer("p")
        #expect(call.status == 200 && call.downstream.head?.attempts == 2)
        for _ in 0..<3 {
            _ = scene.start(model: "p/other")
            scene.answer("p")
        }
        #expect(scene.requests("p").suffix(3).map(\.key) == [1, 1, 1], "it is refused for every model")
        #expect(alerts.withLock { $0.count } == 1)
        scene.loop.advanceTime(by: .seconds(301))
        _ = scene.start()
        #expect(scene.requests("p").last?.key == 0, "now and then it is tried")
        scene.answer("p")
        #expect(alerts.withLock { $0.last } == "a back")
    }

    @Test func aKeyThatIsTooFastRestsForThatModelOnly() {
        let scene = scene(["a", "b"])
        _ = scene.start()
        scene.refuse("p", status: 429, retryAfter: "20")
        scene.answer("p")
        for _ in 0..<3 {
            _ = scene.start()
            scene.answer("p")
        }
        #expect(scene.requests("p").map(\.key) == [0, 1, 1, 1, 1])
        _ = scene.start(model: "p/other")
        #expect(scene.requests("p").last?.key == 0)
        scene.answer("p")
        scene.loop.advanceTime(by: .seconds(21))
        _ = scene.start()
        #expect(scene.requests("p").last?.key == 0)
        scene.answer("p")
        #expect(scene.isAtRest)
    }

    @Test func whenAllRestTheCallerIsToldForHowLong() {
        let scene = scene(["a", "b"])
        _ = scene.start()
        scene.refuse("p", status: 429, retryAfter: "20")
        scene.refuse("p", status: 429, retryAfter: "9")
        let call = scene.start()
        #expect(call.status == 429 && call.code == "upstream_rate_limited" && call.downstream.head?.retryAfter == 9)
        #expect(scene.requests("p").count == 2, "nobody was asked")
    }

    /// A sole key that is refused is used all the same: an error from there says more than one from here, and the operator
    /// who mends it must not wait.
    @Test func aSoleKeyThatIsRefusedStaysInUse() {
        let scene = scene(["a"])
        _ = scene.start()
        scene.refuse("p", status: 401)
        let call = scene.start()
        scene.answer("p")
        #expect(call.status == 200 && scene.isAtRest)
    }

    @Test func aRetryWaitsUntilTheKeyMayBeUsed() {
        let scene = scene(["a"])
        scene.alias.settings.retries = 1
        let call = scene.start()
        scene.refuse("p", status: 429, retryAfter: "2")
        scene.loop.advanceTime(by: .milliseconds(1999))
        #expect(scene.requests("p").count == 1)
        scene.loop.advanceTime(by: .milliseconds(300))
        #expect(scene.requests("p").count == 2)
        scene.answer("p")
        #expect(call.status == 200)
    }

    /// A provider that does not say for how long may have meant that one call: others are not refused for it.
    @Test func anUntoldRestOnlyPrefersOthers() {
        let sole = scene(["a"])
        _ = sole.start()
        sole.refuse("p", status: 429)
        let call = sole.start()
        sole.answer("p")
        #expect(call.status == 200)
        let pair = scene(["a", "b"])
        _ = pair.start()
        pair.refuse("p", status: 429)
        pair.answer("p")
        for _ in 0..<3 {
            _ = pair.start()
            pair.answer("p")
        }
        #expect(pair.requests("p").map(\.key) == [0, 1, 1, 1, 1])
    }

    @Test func aRestIsToldAsWhatItIs() {
        let scene = scene(["a"])
        _ = scene.start()
        scene.fail("p", Failure(.quota, retryAfter: 30))
        let call = scene.start()
        #expect(call.status == 429 && call.code == "upstream_quota_exhausted" && call.downstream.head?.retryAfter == 30)
    }

    @Test func otherNamesAreOtherKeys() {
        let scene = scene(["a"])
        _ = scene.start()
        scene.refuse("p", status: 401)
        #expect(scene.resilience.providerKeys.map { $0.isRetired(0, now: scene.now) } == [true])
        var entry = scene.entries[0]
        entry.keys = ["fresh"]
        _ = RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: [entry], aliases: [scene.alias], created: 2,
            resilience: scene.resilience)
        #expect(scene.resilience.providerKeys.map { $0.isRetired(0, now: scene.now) } == [false])
    }

    /// Callers can make up names without end: those beyond the ones kept apart share a deployment, and must not share a rest.
    @Test func namesWithoutEndDoNotRestEachOther() {
        let scene = scene(["a"])
        for number in 0..<1100 {
            _ = scene.start(model: "p/model-\(number)")
            scene.refuse("p", status: 429, retryAfter: "20")
        }
        #expect(scene.resilience.deployments.count <= 1030)
        let call = scene.start(model: "p/one-more")
        scene.answer("p")
        #expect(call.status == 200)
    }
}
