import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// Which target a call goes to: conditions, features, stickiness and price.
@Suite struct RouteChoiceTests {
    private func scene(_ change: (inout RoutingSnapshot.Alias.Target) -> Void) -> RouteScene {
        let scene = RouteScene("p", "q")
        var first = RoutingSnapshot.Alias.Target(upstream: "p", model: "one")
        change(&first)
        let fallbacks = scene.alias.fallbacks
        scene.alias = .init(name: "m", targets: [first])
        scene.alias.fallbacks = fallbacks
        return scene
    }

    private func target(
        _ scene: RouteScene, _ more: String = "", owner: String = "alice", headers: [String: String] = [:]
    )
        -> String
    {
        let before = scene.requests("p").count
        _ = scene.start(more, owner: owner) { request in
            request.headers = headers.map { .init(name: $0.key, value: $0.value) }
        }
        return scene.requests("p").count > before ? "p" : "q"
    }

    @Test func aTargetCanBeForSomeKeysOnly() {
        let scene = scene { $0.condition.keys = [ModelPattern("team-*"), ModelPattern("bob")] }
        #expect(["team-a", "bob", "bobby", "alice"].map { target(scene, owner: $0) } == ["p", "p", "q", "q"])
    }

    @Test func aTargetCanBeForSomeHeadersOnly() {
        let scene = scene {
            $0.condition.headers = [("x-tier", ModelPattern("gold*")), ("x-region", ModelPattern("eu"))]
        }
        #expect(scene.snapshot.headers == ["x-tier", "x-region"])
        #expect(target(scene, headers: ["x-tier": "golden", "x-region": "eu"]) == "p")
        #expect(target(scene, headers: ["x-tier": "golden"]) == "q")
        #expect(target(scene, headers: ["x-tier": "silver", "x-region": "eu"]) == "q")
    }

    @Test func aTargetCanBeForSomeSizesOnly() {
        let scene = scene { $0.condition.maximumInput = 100 }
        #expect(target(scene) == "p")
        #expect(target(scene, #","user":"\#(String(repeating: "x", count: 500))""#) == "q")
    }

    @Test func aTargetThatLacksWhatACallNeedsIsPassedOver() {
        let scene = scene { $0.condition.features = [.vision] }
        let tools = #","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#
        #expect(target(scene) == "p" && target(scene, tools) == "q")
        #expect(
            target(scene, #","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}"#) == "q")
    }

    @Test func whenNoTargetTakesTheCallTheReasonIsTold() {
        let scene = RouteScene("p")
        var only = RoutingSnapshot.Alias.Target(upstream: "p", model: "one")
        only.condition.features = []
        scene.alias = .init(name: "m", targets: [only])
        let call = scene.start(#","tools":[{"type":"function","function":{"name":"f"}}],"logprobs":true"#)
        #expect(call.status == 400 && call.code == "unsupported_parameter")
        #expect(call.downstream.body.contains("lacks tools, logprobs") && scene.requests("p").isEmpty && scene.isAtRest)
    }

    // MARK: Stickiness

    private func spread(_ stickiness: Stickiness) -> RouteScene {
        let scene = RouteScene("p", "q")
        scene.alias = .init(
            name: "m", targets: [.init(upstream: "p", model: "one"), .init(upstream: "q", model: "one")])
        scene.alias.settings.stickiness = stickiness
        return scene
    }

    private func session(_ scene: RouteScene, _ name: String?) -> String {
        let before = scene.requests("p").count
        _ = scene.start { $0.session = name }
        return scene.requests("p").count > before ? "p" : "q"
    }

    @Test func aSessionStaysAtItsTarget() {
        let scene = spread(.session)
        let homes = (0..<40).map { session(scene, "s\($0)") }
        #expect(Set(homes) == ["p", "q"], "sessions are spread")
        #expect((0..<40).map { session(scene, "s\($0)") } == homes)
        let without = (0..<10).map { _ in session(scene, nil) }
        #expect(without.count { $0 == "p" } == 5, "without one the strategy decides")
    }

    @Test func aSessionMovesWhenItsTargetFailsAndComesBack() {
        let scene = spread(.session)
        let home = session(scene, "s")
        scene.refuse(home)
        let other = home == "p" ? "q" : "p"
        #expect(scene.requests(other).count == 1)
        scene.answer(other)
        #expect(session(scene, "s") == home)
    }

    @Test func usersAndPrefixesStayTogether() {
        let users = spread(.user)
        let one = (0..<20).map { target(users, #","user":"u\#($0)""#) }
        #expect(Set(one) == ["p", "q"] && (0..<20).map { target(users, #","user":"u\#($0)""#) } == one)
        #expect(
            (0..<20).contains { target(users, #","user":"u\#($0)""#, owner: "bob") != one[$0] },
            "another key's users are others")
        let prefixes = spread(.prefix)
        let home = target(prefixes)
        #expect((0..<10).allSatisfy { target(prefixes, #","max_tokens":\#($0 + 1)"#) == home })
    }

    // MARK: Price

    @Test func theCheapestServesForTheSizeOfTheCall() {
        let scene = RouteScene("p", "q")
        var dear = RoutingSnapshot.Alias.Target(upstream: "p", model: "one")
        var cheap = RoutingSnapshot.Alias.Target(upstream: "q", model: "one")
        // Cheap to read, dear to write.
        (dear.balance.inputPrice, dear.balance.outputPrice) = (10, 1)
        (cheap.balance.inputPrice, cheap.balance.outputPrice) = (1, 10)
        scene.alias = .init(name: "m", targets: [dear, cheap])
        scene.alias.settings.strategy = .cost
        #expect(target(scene, #","max_tokens":10000"#) == "p")
        #expect(target(scene, #","max_tokens":1,"user":"\#(String(repeating: "x", count: 4000))""#) == "q")
    }
}
