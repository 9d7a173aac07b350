import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Calls to an agent with several accounts.
@Suite struct AccountCallTests {
    /// - Parameter more: Providers behind the agent `p`.
    private func scene(
        _ accounts: [AccountPool.Member], _ more: String? = nil, fallbackModels: [String] = [],
        alert: @escaping @Sendable (AccountAlert) -> Void = { _ in }
    ) -> RouteScene {
        let scene = more.map { RouteScene("p", $0, accountAlert: alert) } ?? RouteScene("p", accountAlert: alert)
        var entry = UpstreamEntry(
            name: "p", upstream: scene.entries[0].upstream, kind: .agent, hasDefaultModel: true, models: ["one"])
        entry.accounts = accounts
        entry.defaultModel = "one"
        entry.fallbackModels = fallbackModels
        scene.entries[0] = entry
        return scene
    }

    /// The account of each attempt; the run is over.
    private func accounts(_ scene: RouteScene) -> [String?] { scene.requests("p").map { $0.account?.name } }

    /// The agent's process has ended.
    private func endRuns(_ scene: RouteScene) { for request in scene.requests("p") { request.account?.end() } }

    private func answer(_ scene: RouteScene) {
        endRuns(scene)
        scene.answer("p")
    }

    /// The process has ended badly.
    private func fail(_ scene: RouteScene, _ failure: Failure) {
        for request in scene.requests("p") { request.account?.end(behind: failure) }
        scene.fail("p", failure)
    }

    private func states(_ scene: RouteScene) -> [String] {
        scene.resilience.accountBooks.flatMap { $0.status(now: scene.now, wall: 0).map(\.state.rawValue) }
    }

    @Test func callsSpreadOverTheAccounts() {
        let scene = scene([.init("a"), .init("b")])
        for _ in 0..<4 {
            _ = scene.start()
            answer(scene)
        }
        #expect(accounts(scene) == ["a", "b", "a", "b"])
        #expect(scene.observer.records.map(\.account) == ["a", "b", "a", "b"])
        #expect(scene.isAtRest)
    }

    /// The account is in use until nothing of the process is left, however the call ended.
    @Test func anAccountIsTakenUntilItsRunHasEnded() {
        let scene = scene([.init("a")])
        let first = scene.start()
        first.driver.clientGone()
        let second = scene.start()
        #expect(accounts(scene) == ["a"] && second.status == nil, "it waits")
        endRuns(scene)
        scene.loop.run()
        #expect(accounts(scene) == ["a", "a"])
        answer(scene)
        #expect(second.status == 200 && scene.observer.records.last?.account == "a")
        #expect(scene.isAtRest)
    }

    @Test func whoWaitsInVainIsTold() {
        let scene = scene([.init("a")])
        let first = scene.start()
        let second = scene.start()
        scene.loop.advanceTime(by: .seconds(61))
        #expect(second.status == 503 && second.code == "overloaded" && second.downstream.head?.retryAfter == 1)
        answer(scene)
        #expect(first.status == 200 && accounts(scene) == ["a"])
        _ = scene.start()
        answer(scene)
        #expect(accounts(scene) == ["a", "a"] && scene.isAtRest)
    }

    /// The place of a call that left while it waited goes to the next one.
    @Test func whoLeavesTheQueueTakesNoAccount() {
        let scene = scene([.init("a")])
        _ = scene.start()
        let (second, third) = (scene.start(), scene.start(owner: "bob"))
        second.driver.clientGone()
        answer(scene)
        scene.loop.run()
        answer(scene)
        #expect(third.status == 200 && accounts(scene) == ["a", "a"])
        // It is let in and leaves in the same moment.
        _ = scene.start()
        let fourth = scene.start()
        endRuns(scene)
        fourth.driver.clientGone()
        scene.loop.run()
        _ = scene.start()
        #expect(accounts(scene).count == 4)
        answer(scene)
    }

    /// The account that a call waits for uses its window up meanwhile.
    @Test func whoWaitsForAnAccountThatRestsIsToldWhen() {
        let scene = scene([.init("a")])
        _ = scene.start()
        let second = scene.start()
        fail(scene, Failure(.quota, retryAfter: 300))
        scene.loop.run()
        #expect(second.status == 429 && second.code == "agent_quota_exhausted")
        #expect(second.downstream.head?.retryAfter == 300 && scene.isAtRest)
    }

    /// Time itself makes room: an account's rest is over while others are still busy.
    @Test func aRestThatEndsLetsSomebodyIn() {
        let scene = scene([.init("a"), .init("b")])
        _ = scene.start()
        fail(scene, Failure(.quota, retryAfter: 20))
        #expect(accounts(scene) == ["a", "b"])
        let second = scene.start()
        #expect(second.status == nil && accounts(scene).count == 2)
        scene.loop.advanceTime(by: .seconds(22))
        #expect(accounts(scene) == ["a", "b", "a"])
        answer(scene)
        #expect(second.status == 200)
    }

    /// While somebody logs in, no run begins there.
    @Test func anAccountThatIsReservedIsLeftAlone() {
        let scene = scene([.init("a"), .init("b")])
        _ = scene.snapshot
        scene.resilience.accounts(of: "p")?.reserve("a", true)
        for _ in 0..<2 {
            _ = scene.start()
            answer(scene)
        }
        #expect(accounts(scene) == ["b", "b"] && states(scene) == ["logging_in", "usable"])
        _ = scene.start()
        let waiting = scene.start()
        #expect(accounts(scene).count == 3)
        scene.resilience.accounts(of: "p")?.reserve("a", false)
        scene.loop.run()
        #expect(accounts(scene).last == "a")
        answer(scene)
        #expect(waiting.status == 200)
    }

    @Test(arguments: [Failure.Kind.quota, .rate, .auth])
    func aCallMovesOnToTheNextAccountAtOnce(kind: Failure.Kind) {
        let scene = scene([.init("a"), .init("b")])
        let call = scene.start()
        fail(scene, Failure(kind, retryAfter: kind == .auth ? nil : 3600))
        answer(scene)
        #expect(call.status == 200 && call.downstream.head?.attempts == 2)
        for _ in 0..<2 {
            _ = scene.start()
            answer(scene)
        }
        #expect(accounts(scene) == ["a", "b", "b", "b"])
        #expect(states(scene) == [kind == .auth ? "signed_out" : "resting", "usable"])
        #expect(scene.isAtRest)
    }

    @Test(arguments: [Failure.Kind.crashed, .input, .timeout(.firstByte), .failed])
    func otherFailuresStayWhereTheyAre(kind: Failure.Kind) {
        let scene = scene([.init("a"), .init("b")])
        let call = scene.start()
        fail(scene, Failure(kind))
        #expect(call.status != 200 && accounts(scene) == ["a"] && states(scene) == ["usable", "usable"])
    }

    /// Behind the first byte nothing is tried again, but the lesson is learnt.
    @Test func anAnswerThatBreaksOffAtAQuotaRestsItsAccount() {
        let scene = scene([.init("a"), .init("b")])
        let call = scene.start(#","stream":true"#)
        scene.begin("p")
        fail(scene, Failure(.quota, retryAfter: 100))
        #expect(call.status == 200 && accounts(scene) == ["a"])
        #expect(states(scene) == ["resting", "usable"])
    }

    @Test func whenAllRestTheSoonestIsTold() {
        let scene = scene([.init("a"), .init("b"), .init("c"), .init("d"), .init("e")])
        let first = scene.start()
        for seconds in [400_000, 90, 300, 200, 100] { fail(scene, Failure(.quota, retryAfter: seconds)) }
        #expect(accounts(scene) == ["a", "b", "c", "d", "e"], "each is asked once")
        #expect(first.status == 429 && first.code == "agent_quota_exhausted")
        #expect(first.downstream.head?.retryAfter == 90, "the soonest, not the last")
        let second = scene.start()
        #expect(second.status == 429 && second.code == "agent_quota_exhausted")
        #expect(second.downstream.head?.retryAfter == 90 && accounts(scene).count == 5, "nobody is asked")
        scene.loop.advanceTime(by: .seconds(91))
        _ = scene.start()
        #expect(accounts(scene).last == "b")
        answer(scene)
        #expect(scene.isAtRest)
    }

    @Test func whenAllAreLoggedOutTheOperatorIsTold() {
        let alerts = Mutex<[AccountAlert]>([])
        let scene = scene([.init("a"), .init("b")]) { alert in alerts.withLock { $0.append(alert) } }
        _ = scene.start()
        fail(scene, Failure(.auth))
        fail(scene, Failure(.auth))
        let call = scene.start()
        #expect(call.status == 502 && call.code == "agent_not_authenticated" && accounts(scene).count == 2)
        #expect(call.downstream.head?.retryAfter == nil)
        #expect(alerts.withLock { $0.map(\.account) } == ["a", "b"])
        #expect(scene.resilience.accounts(of: "p")?.reset("b") == true)
        #expect(scene.resilience.accounts(of: "p")?.reset("z") == false)
        _ = scene.start()
        #expect(accounts(scene).last == "b")
        answer(scene)
        #expect(scene.isAtRest)
    }

    @Test func aSessionStaysAtItsAccount() {
        let scene = scene([.init("a"), .init("b"), .init("c")])
        for _ in 0..<4 {
            _ = scene.start { $0.session = "s-1" }
            answer(scene)
        }
        #expect(Set(accounts(scene)).count == 1)
    }

    @Test func aReloadKeepsWhatIsKnown() {
        let scene = scene([.init("a"), .init("b")])
        _ = scene.start()
        fail(scene, Failure(.quota, retryAfter: 500))
        answer(scene)
        var entry = scene.entries[0]
        entry.accounts = [.init("new"), .init("a")]
        _ = RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: [entry], aliases: [scene.alias], created: 2,
            resilience: scene.resilience)
        #expect(states(scene) == ["usable", "resting"])
        entry.accounts = []
        _ = RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: [entry], aliases: [scene.alias], created: 3,
            resilience: scene.resilience)
        #expect(states(scene).isEmpty)
    }

    // MARK: Models

    @Test(arguments: [Failure.Kind.capacity, .modelUnknown])
    func anotherModelOfTheAgentServes(kind: Failure.Kind) {
        let scene = scene([.init("a"), .init("b")], "q", fallbackModels: ["one", "two"])
        let call = scene.start()
        fail(scene, Failure(kind))
        #expect(scene.requests("p").map(\.model) == ["one", "two"], "the one that was asked for is no substitute")
        answer(scene)
        #expect(call.status == 200 && scene.requests("q").isEmpty)
        let direct = scene.start(model: "p")
        fail(scene, Failure(kind))
        answer(scene)
        #expect(direct.status == 200 && scene.requests("p").map(\.model) == ["one", "two", "", "two"])
        #expect(scene.isAtRest)
    }

    @Test func behindTheModelsOfTheAgentOtherTargetsFollow() {
        let scene = scene([.init("a")], "q", fallbackModels: ["two"])
        let call = scene.start()
        fail(scene, Failure(.capacity))
        fail(scene, Failure(.capacity))
        scene.answer("q")
        #expect(call.status == 200 && scene.requests("p").map(\.model) == ["one", "two"])
    }

    @Test func aFailureOfTheAgentItselfIsNoMatterOfModels() {
        let scene = scene([.init("a")], "q", fallbackModels: ["two"])
        let call = scene.start { $0.mayRepeat = true }
        fail(scene, Failure(.crashed))
        scene.answer("q")
        #expect(call.status == 200 && scene.requests("p").map(\.model) == ["one"])
    }
}
