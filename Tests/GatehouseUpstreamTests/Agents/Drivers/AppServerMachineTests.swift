import GatehouseCore
import GatehouseUpstream
import Testing

@Suite struct AppServerMachineTests {
    private static let start = #"> {"id":2,"method":"thread/start","params":{"cwd":"/workspace"}}"#

    private static func turn(_ id: Int, _ text: String, in thread: String = "t1") -> String {
        #"> {"id":\#(id),"method":"turn/start","params":{"threadId":"\#(thread)","input":[{"type":"text","text":"\#(text)"}]}}"#
    }

    private func ready(_ setup: DriverSetup = DriverScene.setup()) -> DriverScene {
        var scene = DriverScene(AppServerMachine(setup))
        let initialize =
            #"> {"id":1,"method":"initialize","params":{"clientInfo":{"name":"gatehouse","title":"Gatehouse","version":"1"}}}"#
        #expect(scene.hear(.started) == [initialize, "timer handshake 30.0 seconds"])
        #expect(scene.line(#"{"id":1,"result":{"userAgent":"x"}}"#) == [#"> {"method":"initialized"}"#, "ready"])
        return scene
    }

    private func asked(_ setup: DriverSetup = DriverScene.setup()) -> DriverScene {
        var scene = ready(setup)
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.start])
        scene.ignores(#"{"method":"thread/started","params":{"thread":{"id":"t1"}}}"#)
        #expect(scene.line(#"{"id":2,"result":{"thread":{"id":"t1"}}}"#) == [Self.turn(3, "hi"), "started t1"])
        #expect(scene.line(#"{"id":3,"result":{"turn":{"id":"u1","status":"inProgress"}}}"#) == [])
        return scene
    }

    private static func completed(_ status: String, turn: String = "u1") -> String {
        #"{"method":"turn/completed","params":{"threadId":"t1","turn":{"id":"\#(turn)",\#(status)}}}"#
    }

    private static let well = completed(#""status":"completed","error":null"#)

    private static func item(_ when: String, _ item: String) -> String {
        #"{"method":"item/\#(when)","params":{"threadId":"t1","turnId":"u1","item":\#(item)}}"#
    }

    private static func delta(_ text: String, item: String = "i1", thread: String = "t1") -> String {
        #"{"method":"item/agentMessage/delta","params":{"threadId":"\#(thread)","itemId":"\#(item)","delta":"\#(text)"}}"#
    }

    @Test func handshakes() {
        var late = DriverScene(AppServerMachine(DriverScene.setup()))
        _ = late.hear(.started)
        #expect(late.hear(.timer(.handshake)) == ["discard timeout_connect"])
        var refused = DriverScene(AppServerMachine(DriverScene.setup()))
        _ = refused.hear(.started)
        #expect(refused.line(#"{"id":1,"error":{"code":-32600,"message":"no"}}"#) == ["discard failed"])
        var dead = DriverScene(AppServerMachine(DriverScene.setup()))
        _ = dead.hear(.started)
        #expect(dead.hear(.ended(AgentExit(.exited(127)))) == ["discard spawn"])
    }

    @Test func aTurn() {
        var scene = asked()
        let thought =
            #"{"method":"item/reasoning/summaryTextDelta","params":{"threadId":"t1","itemId":"r","delta":"hm"}}"#
        #expect(scene.line(thought) == ["thought hm"])
        #expect(scene.line(Self.delta("Hel")) == ["text Hel"])
        #expect(scene.line(Self.delta("lo")) == ["text lo"])
        scene.ignores(
            Self.item("completed", #"{"type":"agentMessage","id":"i1","text":"Hello"}"#),
            Self.delta("of another", thread: "t9"), #"{"method":"turn/started","params":{"threadId":"t1"}}"#)
        #expect(scene.line(Self.delta("More", item: "i2")) == ["text \n\nMore"])
        let usage =
            #"{"method":"thread/tokenUsage/updated","params":{"threadId":"t1","turnId":"u1","tokenUsage":{"total":{"inputTokens":900},"last":{"inputTokens":10,"outputTokens":4}}}}"#
        scene.ignores(usage)
        #expect(scene.line(Self.well) == ["finished stop 10+4 t1"])
        // The same thread goes on, and knows its past.
        let next = DriverPrompt(whole: "all", latest: "and?", session: "t1")
        #expect(scene.hear(.prompt(next)) == [Self.turn(4, "and?"), "started t1"])
    }

    @Test func wholeMessagesAndTools() {
        var scene = asked()
        let tool = #"{"type":"commandExecution","id":"c1","command":"ls","status":"inProgress"}"#
        #expect(scene.line(Self.item("started", tool)) == [#"tool c1 shell {"command":"ls"}"#])
        let declined = #"{"type":"commandExecution","id":"c1","command":"ls","status":"declined"}"#
        #expect(scene.line(Self.item("completed", declined)) == ["tool c1 denied"])
        #expect(
            scene.line(Self.item("completed", #"{"type":"webSearch","id":"w1","query":"q"}"#))
                == [#"tool w1 web_search {"query":"q"}"#, "tool w1 ok"])
        #expect(
            scene.line(Self.item("completed", #"{"type":"agentMessage","id":"i1","text":"Whole."}"#)) == ["text Whole."]
        )
        #expect(scene.line(Self.well) == ["finished stop t1"])
        var denied = asked()
        _ = denied.line(Self.item("completed", declined))
        #expect(denied.line(Self.well) == ["failed denied"])
    }

    @Test func limits() {
        var scene = asked()
        let limits =
            #"{"method":"account/rateLimits/updated","params":{"rateLimits":{"primary":{"usedPercent":25,"windowDurationMins":300,"resetsAt":1},"secondary":null}}}"#
        #expect(scene.line(limits) == ["limit primary 0.25"])
    }

    @Test(arguments: [
        (#""status":"failed","error":{"message":"x","codexErrorInfo":"UsageLimitExceeded"}"#, "failed quota"),
        (
            #""status":"failed","error":{"message":"x","codexErrorInfo":"contextWindowExceeded"}"#,
            "failed context_length"
        ),
        (#""status":"failed","error":{"message":"x","codexErrorInfo":"unauthorized"}"#, "failed auth"),
        (#""status":"failed","error":{"message":"Too many requests"}"#, "failed rate"),
        (#""status":"failed","error":{"message":"x","codexErrorInfo":{"httpConnectionFailed":{}}}"#, "failed failed"),
        (#""status":"failed""#, "failed failed"), (#""status":"interrupted""#, "failed cancelled"),
        (#""status":"new""#, "failed protocol"), (#""status":"completed""#, "failed empty"),
    ])
    func ends(_ end: String, _ words: String) {
        var scene = asked()
        #expect(scene.line(Self.completed(end)) == [words])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "more"))).count == 1)
    }

    @Test func errorsOfRequests() {
        for (error, words) in [
            (#"{"code":-32001,"message":"Server overloaded; retry later."}"#, "failed capacity"),
            (#"{"code":-32600,"message":"unknown model: x"}"#, "failed model_unknown"),
        ] {
            var opening = ready()
            _ = opening.hear(.prompt(DriverPrompt(whole: "hi")))
            #expect(opening.line(#"{"id":2,"error":\#(error)}"#) == [words])
        }
        var scene = ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi")))
        #expect(scene.line(#"{"id":2,"result":{}}"#) == ["discard protocol"])
    }

    @Test func approvals() {
        let request =
            #"{"id":9,"method":"item/commandExecution/requestApproval","params":{"threadId":"t1","itemId":"c1"}}"#
        var strict = asked()
        #expect(strict.line(request) == [#"> {"id":9,"result":{"decision":"decline"}}"#])
        var lenient = asked(DriverScene.setup { $0.permissions = .allowOnce })
        #expect(lenient.line(request) == [#"> {"id":9,"result":{"decision":"accept"}}"#])
        #expect(
            lenient.line(#"{"id":10,"method":"item/tool/call","params":{}}"#)
                == [#"> {"id":10,"error":{"code":-32601,"message":"item/tool/call is not offered"}}"#])
    }

    @Test func cancelling() {
        var scene = asked()
        let interrupt = #"> {"id":4,"method":"turn/interrupt","params":{"threadId":"t1","turnId":"u1"}}"#
        #expect(scene.hear(.cancel) == ["timer cancel 1 3.0 seconds", interrupt])
        scene.ignores(Self.delta("still"), #"{"id":4,"result":{}}"#)
        #expect(scene.line(Self.completed(#""status":"interrupted""#)) == ["cancelled"])
        #expect(scene.hear(.timer(.cancel(1))) == [])
        // Before the turn has an id it is interrupted as soon as it has one.
        #expect(scene.hear(.prompt(DriverPrompt(whole: "all", latest: "x", session: "t1"))).count == 2)
        #expect(scene.hear(.cancel) == ["timer cancel 2 3.0 seconds"])
        #expect(scene.line(#"{"id":5,"result":{"turn":{"id":"u2"}}}"#).count == 1)
        scene.ignores(Self.completed(#""status":"interrupted""#))
        #expect(scene.hear(.timer(.cancel(2))) == ["discard cancelled"])
    }

    @Test func resumesAThread() {
        let prompt = DriverPrompt(whole: "all", latest: "and?", session: "old")
        var scene = ready()
        let resume = #"> {"id":2,"method":"thread/resume","params":{"threadId":"old","cwd":"/workspace"}}"#
        #expect(scene.hear(.prompt(prompt)) == [resume])
        #expect(
            scene.line(#"{"id":2,"result":{"thread":{"id":"old"}}}"#) == [
                Self.turn(3, "and?", in: "old"), "started old",
            ])
        var gone = ready()
        _ = gone.hear(.prompt(prompt))
        let error = #"{"id":2,"error":{"code":-32600,"message":"no rollout found for thread id old"}}"#
        #expect(gone.line(error).first?.contains("thread/start") == true)
        #expect(gone.line(#"{"id":3,"result":{"thread":{"id":"t1"}}}"#) == [Self.turn(4, "all"), "started t1"])
    }
}
