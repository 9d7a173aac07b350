import GatehouseCore
import GatehouseUpstream
import NIOCore
import Testing

@Suite struct ACPMachineTests {
    private static let initialize =
        #"> {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1,"clientCapabilities":{"fs":{"readTextFile":false,"writeTextFile":false},"terminal":false},"clientInfo":{"name":"gatehouse","version":"1"}}}"#
    private static let new =
        #"> {"jsonrpc":"2.0","id":2,"method":"session/new","params":{"cwd":"/workspace","mcpServers":[]}}"#

    private static func prompt(_ id: Int, _ text: String, in session: String = "s1") -> String {
        #"> {"jsonrpc":"2.0","id":\#(id),"method":"session/prompt","params":{"sessionId":"\#(session)","prompt":[{"type":"text","text":"\#(text)"}]}}"#
    }

    private static func update(_ update: String, session: String = "s1") -> String {
        #"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"\#(session)","update":\#(update)}}"#
    }

    private static func chunk(_ text: String, session: String = "s1") -> String {
        update(
            #"{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"\#(text)"}}"#, session: session)
    }

    /// A process that has shaken hands.
    private func ready(_ capabilities: String = "{}", _ setup: DriverSetup = DriverScene.setup()) -> DriverScene {
        var scene = DriverScene(ACPMachine(setup))
        #expect(scene.hear(.started) == [Self.initialize, "timer handshake 30.0 seconds"])
        let answer = #"{"id":1,"result":{"protocolVersion":1,"agentCapabilities":\#(capabilities)}}"#
        #expect(scene.line(answer) == ["ready"])
        return scene
    }

    /// A process that has been asked something.
    private func asked(_ setup: DriverSetup = DriverScene.setup()) -> DriverScene {
        var scene = ready("{}", setup)
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.new])
        #expect(scene.line(#"{"id":2,"result":{"sessionId":"s1"}}"#) == [Self.prompt(3, "hi"), "started s1"])
        return scene
    }

    // MARK: Handshake

    @Test func aHandshakeThatIsNotAnsweredInTime() {
        var scene = DriverScene(ACPMachine(DriverScene.setup { $0.handshake = .seconds(5) }))
        #expect(scene.hear(.started) == [Self.initialize, "timer handshake 5.0 seconds"])
        scene.ignores("Loaded cached credentials.", "", "{", "[]", "null", "{}", #"{"id":7,"result":{}}"#)
        #expect(scene.hear(.timer(.handshake)) == ["discard timeout_connect"])
        #expect(scene.line(#"{"id":1,"result":{"protocolVersion":1}}"#) == [])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [])
    }

    @Test func itsTimerMeansNothingLater() {
        var scene = ready()
        #expect(scene.hear(.timer(.handshake)) == [])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.new])
    }

    @Test(arguments: ["2", "0", "\"1\"", "null"])
    func anotherVersionOfTheProtocol(_ version: String) {
        var scene = DriverScene(ACPMachine(DriverScene.setup()))
        _ = scene.hear(.started)
        #expect(scene.line(#"{"id":1,"result":{"protocolVersion":\#(version)}}"#) == ["discard protocol"])
    }

    @Test func anErrorInTheHandshake() {
        for (error, kind) in [
            (#"{"code":-32603,"message":"Internal error"}"#, "failed"),
            (#"{"code":-32000,"message":"Authentication required"}"#, "auth"),
            (#"{"code":1,"message":"API key not valid"}"#, "auth"), ("5", "failed"),
        ] {
            var scene = DriverScene(ACPMachine(DriverScene.setup()))
            _ = scene.hear(.started)
            #expect(scene.line(#"{"id":1,"error":\#(error)}"#) == ["discard \(kind)"])
        }
    }

    @Test func aProcessThatEndsInTheHandshake() {
        var scene = DriverScene(ACPMachine(DriverScene.setup()))
        _ = scene.hear(.started)
        let exit = AgentExit(.exited(1), stderr: "Error: please run /login\n")
        #expect(scene.hear(.ended(exit)) == ["discard auth"])
    }

    // MARK: A turn

    @Test func aTurn() {
        var scene = asked()
        let thought = #"{"sessionUpdate":"agent_thought_chunk","content":{"type":"text","text":"hm"}}"#
        #expect(scene.line(Self.update(thought)) == ["thought hm"])
        #expect(scene.line(Self.chunk("Hello")) == ["text Hello"])
        #expect(scene.line(Self.chunk(" world")) == ["text  world"])
        scene.ignores(
            Self.update(#"{"sessionUpdate":"available_commands_update","availableCommands":[]}"#),
            Self.update(#"{"sessionUpdate":"plan","entries":[]}"#),
            Self.update(#"{"sessionUpdate":"user_message_chunk","content":{"type":"text","text":"hi"}}"#),
            Self.update(#"{"sessionUpdate":"agent_message_chunk","content":{"type":"image","data":""}}"#),
            Self.update(#"{"sessionUpdate":"agent_message_chunk"}"#), Self.update("null"),
            #"{"method":"something/else"}"#, #"{"id":99,"result":{"stopReason":"end_turn"}}"#,
            #"{"id":"3","result":{"stopReason":"end_turn"}}"#)
        let end = #"{"id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":5}}}"#
        #expect(scene.line(end) == ["finished stop 7+5 s1"])
        // The next one, with a session of its own.
        #expect(scene.hear(.prompt(DriverPrompt(whole: "more"))) == [Self.new.replacing("2,", "4,")])
        #expect(
            scene.line(#"{"id":4,"result":{"sessionId":"s2"}}"#) == [Self.prompt(5, "more", in: "s2"), "started s2"])
        scene.ignores(Self.chunk("late words of the first session"))
        #expect(scene.line(Self.chunk("yes", session: "s2")) == ["text yes"])
        #expect(scene.line(#"{"id":5,"result":{"stopReason":"end_turn"}}"#) == ["finished stop s2"])
    }

    @Test(arguments: [
        ("end_turn", "finished stop s1"), ("max_tokens", "finished length s1"), ("refusal", "finished refusal s1"),
        ("max_turn_requests", "failed truncated"), ("cancelled", "failed failed"), ("something new", "failed protocol"),
    ])
    func reasonsToStop(_ reason: String, _ words: String) {
        var scene = asked()
        #expect(scene.line(Self.chunk("x")) == ["text x"])
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"\#(reason)"}}"#) == [words])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "more"))) == [Self.new.replacing("2,", "4,")])
    }

    @Test func anEmptyAnswerIsNone() {
        var scene = asked()
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#) == ["failed empty"])
        var silent = asked()
        #expect(silent.line(#"{"id":3,"result":{"stopReason":"refusal"}}"#) == ["finished refusal s1"])
        var broken = asked()
        #expect(broken.line(#"{"id":3,"result":null}"#) == ["failed protocol"])
    }

    @Test func whatItSaysOfItselfIsNoAnswer() {
        let setup = DriverScene.setup { $0.noticeSources = ["tool"] }
        var scene = ready("{}", setup)
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.new])
        scene.ignores(Self.chunk("a banner before the session is told"))
        #expect(scene.line(#"{"id":2,"result":{"sessionId":"s1"}}"#).count == 2)
        let banner =
            #"{"method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"API key missing"}},"_meta":{"source":"tool"}}}"#
        scene.ignores(banner)
        // Where it gives up by itself, that is why.
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"cancelled"}}"#) == ["failed auth"])
    }

    @Test func tools() {
        var scene = asked()
        #expect(scene.line(Self.chunk("Let me see.")) == ["text Let me see."])
        let call = #"{"sessionUpdate":"tool_call","toolCallId":"t1","title":"Read a","kind":"read","rawInput":{"p":1}}"#
        #expect(scene.line(Self.update(call)) == [#"tool t1 Read a {"p":1}"#])
        scene.ignores(Self.update(call), Self.update(#"{"sessionUpdate":"tool_call_update","toolCallId":"t1"}"#))
        let done = #"{"sessionUpdate":"tool_call_update","toolCallId":"t1","status":"completed"}"#
        #expect(scene.line(Self.update(done)) == ["tool t1 ok"])
        scene.ignores(Self.update(done))
        let both = #"{"sessionUpdate":"tool_call","toolCallId":"t2","kind":"fetch","status":"failed"}"#
        #expect(scene.line(Self.update(both)) == ["tool t2 fetch -", "tool t2 failed"])
        #expect(scene.line(Self.chunk("Done.")) == ["text \n\nDone."])
    }

    @Test func usageAndCost() {
        var scene = asked()
        #expect(scene.line(Self.chunk("x")) == ["text x"])
        let usage = #"{"sessionUpdate":"usage_update","used":50,"size":200,"cost":{"amount":0.045,"currency":"USD"}}"#
        #expect(scene.line(Self.update(usage)) == ["limit context 0.25"])
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#) == ["finished stop 0.045usd s1"])
    }

    @Test func errorsOfATurn() {
        for (error, words) in [
            (#"{"code":-32000,"message":"Authentication required"}"#, "discard auth"),
            (
                #"{"code":-32603,"message":"Internal error","data":{"details":"429 Too many requests"}}"#,
                "failed rate"
            ),
            (#"{"code":-32603,"message":"Internal error"}"#, "failed failed"),
            (#"{"code":-32602,"message":"prompt is too long"}"#, "failed context_length"),
        ] {
            var scene = asked()
            #expect(scene.line(#"{"id":3,"error":\#(error)}"#) == [words])
            var opening = ready()
            _ = opening.hear(.prompt(DriverPrompt(whole: "hi")))
            #expect(opening.line(#"{"id":2,"error":\#(error)}"#) == [words])
        }
    }

    @Test func aSessionWithoutAnID() {
        var scene = ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi")))
        #expect(scene.line(#"{"id":2,"result":{}}"#) == ["discard protocol"])
    }

    /// Conversations that know nothing of each other must not meet in it.
    @Test func aNewSessionThatIsAnOldOne() {
        var scene = asked()
        _ = scene.line(Self.chunk("x"))
        _ = scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#)
        _ = scene.hear(.prompt(DriverPrompt(whole: "of somebody else")))
        #expect(scene.line(#"{"id":4,"result":{"sessionId":"s1"}}"#) == ["discard protocol"])
    }

    @Test func aProcessThatEndsInATurn() {
        var scene = asked()
        #expect(scene.line(Self.chunk("x")) == ["text x"])
        #expect(scene.hear(.ended(AgentExit(.signaled(9)))) == ["discard crashed"])
        var quiet = asked()
        #expect(quiet.hear(.ended(AgentExit(.exited(0)))) == ["discard truncated"])
    }

    // MARK: Models

    @Test func choosesTheModel() {
        let models =
            #"{"id":2,"result":{"sessionId":"s1","models":{"currentModelId":"a","availableModels":[{"modelId":"a"},{"modelId":"b"}]}}}"#
        var scene = ready()
        _ = scene.hear(.prompt(DriverPrompt(whole: "hi", model: "b")))
        let set =
            #"> {"jsonrpc":"2.0","id":3,"method":"session/set_model","params":{"sessionId":"s1","modelId":"b"}}"#
        #expect(scene.line(models) == [set])
        #expect(scene.line(#"{"id":3,"result":{}}"#) == [Self.prompt(4, "hi"), "started s1"])
        var current = ready()
        _ = current.hear(.prompt(DriverPrompt(whole: "hi", model: "a")))
        #expect(current.line(models) == [Self.prompt(3, "hi"), "started s1"])
        var unknown = ready()
        _ = unknown.hear(.prompt(DriverPrompt(whole: "hi", model: "c")))
        #expect(unknown.line(models) == ["failed model_unknown"])
    }

    // MARK: Permissions

    private static func permission(_ id: String, session: String = "s1", options: String = allOptions) -> String {
        #"{"id":\#(id),"method":"session/request_permission","params":{"sessionId":"\#(session)","toolCall":{"toolCallId":"t1","title":"rm"},"options":\#(options)}}"#
    }

    private static let allOptions =
        #"[{"optionId":"aa","kind":"allow_always"},{"optionId":"a1","kind":"allow_once"},{"optionId":"ra","kind":"reject_always"},{"optionId":"r1","kind":"reject_once"}]"#

    private static func selected(_ id: String, _ option: String) -> String {
        #"> {"jsonrpc":"2.0","id":\#(id),"result":{"outcome":{"outcome":"selected","optionId":"\#(option)"}}}"#
    }

    private static func outcome(_ id: String) -> String {
        #"> {"jsonrpc":"2.0","id":\#(id),"result":{"outcome":{"outcome":"cancelled"}}}"#
    }

    @Test func permissionsAreAnsweredByPolicy() {
        var strict = asked()
        #expect(strict.line(Self.permission("0")) == [Self.selected("0", "r1")])
        var lenient = asked(DriverScene.setup { $0.permissions = .allowOnce })
        #expect(lenient.line(Self.permission(#""x""#)) == [Self.selected(#""x""#, "a1")])
        // Never for more than once.
        let always = #"[{"optionId":"aa","kind":"allow_always"},{"optionId":"r1","kind":"reject_once"}]"#
        #expect(lenient.line(Self.permission("1", options: always)) == [Self.outcome("1")])
        #expect(strict.line(Self.permission("1", options: "[]")) == [Self.outcome("1")])
        #expect(strict.line(Self.permission("2", session: "other")) == [Self.outcome("2")])
    }

    @Test func whatWasDeniedIsTold() {
        var scene = asked()
        let call = #"{"sessionUpdate":"tool_call","toolCallId":"t1","title":"rm"}"#
        #expect(scene.line(Self.update(call)) == ["tool t1 rm -"])
        #expect(scene.line(Self.permission("0")) == [Self.selected("0", "r1")])
        let failed = #"{"sessionUpdate":"tool_call_update","toolCallId":"t1","status":"failed"}"#
        #expect(scene.line(Self.update(failed)) == ["tool t1 denied"])
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#) == ["failed denied"])
    }

    @Test func whatIsNotOfferedIsRefused() {
        var scene = asked()
        for method in ["fs/read_text_file", "fs/write_text_file", "terminal/create", "anything"] {
            let refusal =
                #"> {"jsonrpc":"2.0","id":"q","error":{"code":-32601,"message":"\#(method) is not offered"}}"#
            #expect(scene.line(#"{"id":"q","method":"\#(method)","params":{"path":"/etc/passwd"}}"#) == [refusal])
        }
    }

    // MARK: Cancelling

    private static let cancel = #"> {"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"s1"}}"#

    @Test func aTurnThatIsCancelled() {
        var scene = asked()
        #expect(scene.line(Self.chunk("x")) == ["text x"])
        #expect(scene.hear(.cancel) == [Self.cancel, "timer cancel 1 3.0 seconds"])
        #expect(scene.hear(.cancel) == [])
        scene.ignores(Self.chunk("still talking"))
        #expect(scene.line(Self.permission("5")) == [Self.outcome("5")])
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"cancelled"}}"#) == ["cancelled"])
        #expect(scene.hear(.timer(.cancel(1))) == [])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "more"))) == [Self.new.replacing("2,", "4,")])
        // The timer of an earlier turn is not that of this one.
        #expect(scene.hear(.cancel) == ["timer cancel 2 3.0 seconds"])
        #expect(scene.hear(.timer(.cancel(1))) == [])
        #expect(scene.line(#"{"id":4,"result":{"sessionId":"s2"}}"#) == ["cancelled"])
    }

    @Test func anAgentThatIgnoresIt() {
        var scene = asked()
        #expect(scene.hear(.cancel) == [Self.cancel, "timer cancel 1 3.0 seconds"])
        #expect(scene.hear(.timer(.cancel(1))) == ["discard cancelled"])
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#) == [])
    }

    @Test func oneThatEndsWellInSpiteOfIt() {
        var scene = asked()
        _ = scene.hear(.cancel)
        #expect(scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#) == ["cancelled"])
    }

    @Test func nothingToCancel() {
        var scene = ready()
        #expect(scene.hear(.cancel) == [])
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [Self.new])
        // A second one while the first is open is nobody's.
        #expect(scene.hear(.prompt(DriverPrompt(whole: "hi"))) == [])
    }

    // MARK: Sessions

    @Test func goesOnWithASessionThatItKnows() {
        var scene = asked()
        _ = scene.line(Self.chunk("x"))
        _ = scene.line(#"{"id":3,"result":{"stopReason":"end_turn"}}"#)
        let prompt = DriverPrompt(whole: "all of it", latest: "and now?", session: "s1")
        #expect(scene.hear(.prompt(prompt)) == [Self.prompt(4, "and now?"), "started s1"])
    }

    @Test func loadsASessionAndHidesItsHistory() {
        let prompt = DriverPrompt(whole: "all of it", latest: "and now?", session: "old")
        let load =
            #"> {"jsonrpc":"2.0","id":2,"method":"session/load","params":{"sessionId":"old","cwd":"/workspace","mcpServers":[]}}"#
        var scene = ready(#"{"loadSession":true}"#)
        #expect(scene.hear(.prompt(prompt)) == [load])
        scene.ignores(Self.chunk("said long ago", session: "old"))
        #expect(scene.line(#"{"id":2,"result":null}"#) == [Self.prompt(3, "and now?", in: "old"), "started old"])
        #expect(scene.line(Self.chunk("new", session: "old")) == ["text new"])
    }

    @Test func replaysWhatTheAgentHasForgotten() {
        let prompt = DriverPrompt(whole: "all of it", latest: "and now?", session: "old")
        var scene = ready(#"{"loadSession":true}"#)
        _ = scene.hear(.prompt(prompt))
        let gone = #"{"id":2,"error":{"code":-32002,"message":"Resource not found"}}"#
        #expect(scene.line(gone) == [Self.new.replacing("2,", "3,")])
        #expect(scene.line(#"{"id":3,"result":{"sessionId":"s1"}}"#) == [Self.prompt(4, "all of it"), "started s1"])
        // One that cannot load is not asked to.
        var simple = ready()
        #expect(simple.hear(.prompt(prompt)) == [Self.new])
    }

    // MARK: Bounds

    @Test func linesAndTurnsAreBounded() {
        var scene = DriverScene(ACPMachine(DriverScene.setup()), lineLimit: 100, turnLimit: 1000)
        _ = scene.hear(.started)
        #expect(scene.line(String(repeating: "x", count: 101)) == ["discard output_too_large"])
        var chatty = DriverScene(ACPMachine(DriverScene.setup()), lineLimit: 100, turnLimit: 1000)
        _ = chatty.hear(.started)
        for _ in 0..<10 { #expect(chatty.line(String(repeating: "x", count: 99)) == []) }
        #expect(chatty.line("x") == ["discard output_too_large"])
    }

    /// Whatever an agent writes, its machine goes on.
    @Test func survivesDamage() {
        let seeds = [
            Self.chunk("x"), Self.permission("0"), #"{"id":3,"result":{"stopReason":"end_turn"}}"#,
            #"{"id":3,"error":{"code":-32000,"message":"x"}}"#, #"{"id":1e400,"method":5,"params":[]}"#,
            Self.update(#"{"sessionUpdate":"usage_update","used":-1e308,"size":1e-308,"cost":{"amount":"x"}}"#),
            Self.update(#"{"sessionUpdate":"tool_call","toolCallId":"t","title":5,"status":"completed"}"#),
        ]
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            var scene = asked()
            for _ in 0..<3 {
                var bytes = Array((seeds.randomElement(using: &generator) ?? "").utf8)
                if Bool.random(using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                _ = scene.dialogue.received(ByteBuffer(bytes: bytes + [0x0A]), clock: WallClock())
            }
            let ends = scene.hear(.ended(AgentExit(.exited(0))))
            #expect(ends == ["discard truncated"] || ends == [])
        }
    }
}

extension String {
    /// With another id in a request.
    fileprivate func replacing(_ old: String, _ new: String) -> String {
        replacing("\"id\":" + old, with: "\"id\":" + new, maxReplacements: 1)
    }
}
