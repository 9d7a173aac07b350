import GatehouseCore
import GatehouseUpstream
import Testing

@Suite struct StdinStreamMachineTests {
    private static func machine(_ kind: AgentKind, _ setup: DriverSetup = DriverScene.setup()) throws -> DriverScene {
        DriverScene(try #require(kind.cli?.makeMachine(.stdin, setup)))
    }

    private func ready(_ setup: DriverSetup = DriverScene.setup()) throws -> DriverScene {
        var scene = try Self.machine(.claude, setup)
        let initialize =
            #"> {"type":"control_request","request_id":"gatehouse-1","request":{"subtype":"initialize","hooks":null}}"#
        #expect(scene.hear(.started) == [initialize, "timer handshake 30.0 seconds"])
        scene.ignores(#"{"type":"control_response","response":{"subtype":"success","request_id":"another"}}"#)
        let answer = #"{"type":"control_response","response":{"subtype":"success","request_id":"gatehouse-1"}}"#
        #expect(scene.line(answer) == ["ready"])
        return scene
    }

    private static func user(_ text: String) -> String {
        #"> {"type":"user","message":{"role":"user","content":"\#(text)"},"parent_tool_use_id":null,"session_id":"default"}"#
    }

    private static let initial = #"{"type":"system","subtype":"init","session_id":"s1","model":"m"}"#
    private static func text(_ text: String) -> String {
        #"{"type":"assistant","message":{"id":"\#(text)","role":"assistant","content":[{"type":"text","text":"\#(text)"}]},"session_id":"s1"}"#
    }
    private static let result =
        #"{"type":"result","subtype":"success","is_error":false,"result":"x","session_id":"s1","usage":{"input_tokens":3,"output_tokens":4},"total_cost_usd":0.01}"#

    @Test func turnsOfOneConversation() throws {
        var scene = try ready()
        scene.ignores(Self.initial, Self.result, "noise")
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.user("hi")])
        #expect(scene.line(Self.initial) == ["started s1"])
        #expect(scene.line(Self.text("Hello")) == ["text Hello"])
        #expect(scene.line(Self.result) == ["finished stop 3+4 0.01usd s1"])
        let next = DriverPrompt(whole: "all of it", latest: "and now?", session: "s1")
        #expect(scene.hear(.prompt(next)) == [Self.user("and now?")])
        #expect(scene.line(Self.text("More")) == ["text More"])
        #expect(scene.line(Self.result) == ["finished stop 3+4 0.01usd s1"])
    }

    /// Whatever its driver believes: conversations that know nothing of each other do not meet.
    @Test func anotherConversationIsNotHeard() throws {
        var scene = try ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi")))
        _ = scene.line(Self.text("Hello"))
        _ = scene.line(Self.result)
        #expect(scene.hear(.prompt(DriverPrompt(whole: "of somebody else"))) == ["discard protocol"])
    }

    @Test func aProcessThatKnowsNothingIsToldAll() throws {
        var scene = try ready()
        let prompt = DriverPrompt(whole: "all of it", latest: "and now?", session: "gone")
        #expect(scene.hear(.prompt(prompt)) == [Self.user("all of it")])
    }

    @Test func handshakes() throws {
        var late = try Self.machine(.claude)
        _ = late.hear(.started)
        #expect(late.hear(.timer(.handshake)) == ["discard timeout_connect"])
        var refused = try Self.machine(.claude)
        _ = refused.hear(.started)
        let error =
            #"{"type":"control_response","response":{"subtype":"error","request_id":"gatehouse-1","error":"Please run /login"}}"#
        #expect(refused.line(error) == ["discard auth"])
        // One without control requests has nothing to wait for.
        var plain = try Self.machine(.kimi)
        #expect(plain.hear(.started) == ["ready"])
    }

    @Test func failuresAreThoseOfItsRecords() throws {
        var scene = try ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi")))
        let failed =
            #"{"type":"result","subtype":"success","is_error":true,"result":"API Error: 529 overloaded","api_error_status":529}"#
        #expect(scene.line(failed) == ["failed capacity"])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "", latest: "again", session: "s1"))) == [Self.user("again")])
        #expect(scene.hear(.ended(AgentExit(.signaled(11)))) == ["discard crashed"])
    }

    @Test func interrupts() throws {
        var scene = try ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi")))
        let interrupt =
            #"> {"type":"control_request","request_id":"gatehouse-2","request":{"subtype":"interrupt"}}"#
        #expect(scene.hear(.cancel) == [interrupt, "timer cancel 1 3.0 seconds"])
        scene.ignores(Self.text("still"))
        #expect(scene.line(Self.result) == ["cancelled"])
        _ = scene.hear(.prompt(DriverPrompt(whole: "", latest: "hi", session: "s1")))
        _ = scene.hear(.cancel)
        #expect(scene.hear(.timer(.cancel(1))) == [])
        #expect(scene.hear(.timer(.cancel(2))) == ["discard cancelled"])
    }

    @Test func permissions() throws {
        let request =
            #"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"}}}"#
        var strict = try ready()
        #expect(strict.line(request).first?.contains(#""behavior":"deny""#) == true)
        var lenient = try ready(DriverScene.setup { $0.permissions = .allowOnce })
        let allowed =
            #"> {"type":"control_response","response":{"subtype":"success","request_id":"r1","response":{"behavior":"allow","updatedInput":{"command":"ls"}}}}"#
        #expect(lenient.line(request) == [allowed])
        let hook = #"{"type":"control_request","request_id":"r2","request":{"subtype":"hook_callback"}}"#
        let refusal =
            #"> {"type":"control_response","response":{"subtype":"error","request_id":"r2","error":"not offered"}}"#
        #expect(lenient.line(hook) == [refusal])
    }

    @Test func kimi() throws {
        var scene = try Self.machine(.kimi)
        _ = scene.hear(.started)
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [#"> {"role":"user","content":"hi"}"#])
        let call =
            #"{"role":"assistant","content":"Let me see.","tool_calls":[{"type":"function","id":"t1","function":{"name":"Shell","arguments":"{}"}}]}"#
        #expect(scene.line(call) == ["text Let me see.", "tool t1 Shell {}"])
        #expect(scene.line(#"{"role":"tool","tool_call_id":"t1","content":"x"}"#) == ["tool t1 ok"])
        let answer = #"{"role":"assistant","content":[{"type":"think","think":"hm"},{"type":"text","text":"Two."}]}"#
        #expect(scene.line(answer) == ["thought hm", "text \n\nTwo.", "finished stop"])
        _ = scene.hear(.prompt(DriverPrompt(whole: "", latest: "hi", session: "s1")))
        #expect(scene.hear(.cancel) == ["discard cancelled"])
        var failing = try Self.machine(.kimi)
        _ = failing.hear(.started)
        _ = failing.hear(.prompt(DriverPrompt(whole: "hi")))
        #expect(failing.hear(.ended(AgentExit(.exited(75), stderr: "busy\n"))) == ["discard capacity"])
    }
}
