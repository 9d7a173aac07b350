import GatehouseCore
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

@testable import GatehouseEngine

/// Turns of sessions in every dialect: what goes with them, what is kept of them, and that there is one at a time.
@Suite struct SessionTurnTests {
    private static let answer =
        #"{"choices":[{"index":0,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}]}"#
    private static let bodies: [(GatehouseCore.Operation, String)] = [
        (
            .chatCompletions,
            #"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"a"}]}"#
        ),
        (.messages, #"{"model":"m","max_tokens":9,"system":"S","messages":[{"role":"user","content":"a"}]}"#),
        (.responses, #"{"model":"m","instructions":"S","input":"a"}"#),
        (.generate, #"{"model":"m","system":"S","prompt":"a"}"#),
        (
            .generateContent,
            #"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"a"}]}]}"#
        ),
    ]

    private static func ask(
        _ scene: CallScene, _ operation: GatehouseCore.Operation, _ body: String, session: String = "s",
        id: String = "r"
    ) -> CallScene.Call {
        scene.start(operation, body, id: id) { request in
            (request.session, request.continuesSession) = (session, true)
            if operation == .generateContent { request.target = PathTarget(model: "m", stream: false) }
        }
    }

    private static func kept(_ scene: CallScene, _ session: String = "s") throws -> [JSONValue] {
        let found = scene.memory.conversations.conversation(
            NativeHistory.id(ofSession: session), owner: "alice", on: scene.loop)
        return try ConversationItems.read(.success(try found.wait())) ?? []
    }

    private static func said(_ scene: CallScene) -> [String]? {
        scene.sentJSON?["messages"]?.array?.map { message in
            let parts = message["content"]?.array?.compactMap { $0["text"]?.string } ?? []
            return (message["role"]?.string ?? "") + ":" + (message["content"]?.string ?? parts.joined())
        }
    }

    @Test func aTurnOfAnyDialectGoesOnInAnyOther() throws {
        for (first, asked) in Self.bodies {
            for (second, going) in Self.bodies {
                let scene = CallScene(.wire(.openAIChat))
                Self.ask(scene, first, asked, id: "one").answer(Self.answer)
                #expect(Self.said(scene) == ["system:S", "user:a"], "\(first)")
                #expect(try Self.kept(scene).map { $0["role"]?.string } == ["user", "assistant"], "\(first)")
                Self.ask(scene, second, going, id: "two").answer(Self.answer)
                // Instructions are each call's own, and lead.
                #expect(Self.said(scene) == ["system:S", "user:a", "assistant:b", "user:a"], "\(first) \(second)")
                #expect(try Self.kept(scene).count == 4)
            }
        }
    }

    @Test func aStreamIsHeardInTheCallersDialect() throws {
        let chunks =
            #"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"b"}}]}"# + "\n\n"
            + #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\ndata: [DONE]\n\n"
        for (operation, body) in Self.bodies {
            let scene = CallScene(.wire(.openAIChat))
            let call = scene.start(operation, body.replacing(#"{"model":"m","#, with: #"{"model":"m","stream":true,"#))
            {
                ($0.session, $0.continuesSession) = ("s", true)
                if operation == .generateContent { $0.target = PathTarget(model: "m", stream: true, asArray: true) }
            }
            call.stream(chunks)
            let texts = try Self.kept(scene).map { $0["content"]?.string ?? $0["content"]?[0]?["text"]?.string }
            #expect(texts == ["a", "b"], "\(operation)")
        }
    }

    @Test func callsAndTheirResultsGoOn() throws {
        let scene = CallScene(.wire(.openAIChat))
        let calls =
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","#
            + #""function":{"name":"f","arguments":"{\"x\":1}"}}]},"finish_reason":"tool_calls"}]}"#
        let tools = #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#
        Self.ask(scene, .chatCompletions, #"{"model":"m","messages":[{"role":"user","content":"a"}],\#(tools)}"#)
            .answer(calls)
        let result =
            #"{"model":"m","max_tokens":9,"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","#
            + #""content":[{"type":"tool_result","tool_use_id":"c1","content":"7"}]}]}"#
        Self.ask(scene, .messages, result).answer(Self.answer)
        let sent = try #require(scene.sentJSON?["messages"]?.array)
        #expect(sent.map { $0["role"]?.string } == ["user", "assistant", "tool"])
        #expect(sent[1]["tool_calls"]?[0]?["function"]?["arguments"]?.string == #"{"x":1}"#)
        #expect(sent[2]["tool_call_id"]?.string == "c1")
        // What is kept is what the native API takes.
        let kept = try Self.kept(scene)
        #expect(try NativeHistory.check(.array(kept)).count == 4)
        #expect(try NativeHistory.messages(kept).compactMap { $0.parts.first?.toolCall }.map(\.name) == ["f"])
    }

    @Test func whatFailedOrBrokeOffIsNotKept() throws {
        let scene = CallScene(.wire(.openAIChat))
        let (operation, body) = Self.bodies[0]
        Self.ask(scene, operation, body).reply?.failed(Failure(.upstream))
        Self.ask(scene, operation, body).driver.clientGone()
        #expect(try Self.kept(scene).isEmpty)
        // The session is free again.
        Self.ask(scene, operation, body).answer(Self.answer)
        #expect(try Self.kept(scene).count == 2)
    }

    @Test func theHeaderAloneContinuesNothing() throws {
        let scene = CallScene(.wire(.openAIChat))
        scene.start(.chatCompletions, Self.bodies[0].1) { $0.session = "s" }.answer(Self.answer)
        #expect(try Self.kept(scene).isEmpty)
    }

    @Test func whatHasNoConversationsCannotGoOn() {
        let scene = CallScene(.wire(.openAIChat))
        for (operation, body) in [
            (.embeddings, #"{"model":"m","input":"a"}"#), (.completions, #"{"model":"m","prompt":"a"}"#),
        ] as [(GatehouseCore.Operation, String)] {
            let refused = Self.ask(scene, operation, body).error
            #expect(refused == (400, "unsupported_parameter", "x-gatehouse-session"))
        }
        let both = #"{"model":"m","input":"a","previous_response_id":"resp_gh_1"}"#
        #expect(Self.ask(scene, .responses, both).error == (400, "unsupported_parameter", "previous_response_id"))
    }

    /// The answer's own id goes on from the whole session, too.
    @Test func aResponseOfASessionKeepsItsBeginning() {
        let scene = CallScene(.wire(.openAIChat))
        Self.ask(scene, .responses, #"{"model":"m","input":"a"}"#, id: "one").answer(Self.answer)
        Self.ask(scene, .responses, #"{"model":"m","input":"c"}"#, id: "two").answer(Self.answer)
        _ = scene.start(.responses, #"{"model":"m","input":"d","previous_response_id":"resp_gh_two"}"#, id: "three")
        #expect(Self.said(scene) == ["user:a", "assistant:b", "user:c", "assistant:b", "user:d"])
    }

    // MARK: One at a time

    @Test func oneTurnAtATime() {
        let scene = CallScene(.wire(.openAIChat))
        let (operation, body) = Self.bodies[0]
        let first = Self.ask(scene, operation, body)
        #expect(Self.ask(scene, operation, body).error == (409, "session_busy", "session_id"))
        #expect(Self.ask(scene, operation, body, session: "t").downstream.head == nil)
        first.answer(Self.answer)
        #expect(Self.ask(scene, operation, body).downstream.head == nil)
    }

    @Test func othersWaitWhereTheyMay() throws {
        let scene = CallScene(.wire(.openAIChat), memory: CallMemory(turns: SessionTurns(waiting: 2)))
        let (operation, body) = Self.bodies[0]
        let calls = (0..<3).map { Self.ask(scene, operation, body, id: "\($0)") }
        #expect(scene.upstream.requests.count == 1)
        #expect(Self.ask(scene, operation, body).error.code == "session_busy")
        // The second leaves before its turn comes.
        calls[1].driver.clientGone()
        calls[0].answer(Self.answer)
        #expect(scene.upstream.requests.count == 2)
        #expect(Self.said(scene) == ["system:S", "user:a", "assistant:b", "user:a"])
        scene.upstream.last?.reply.received(head: UpstreamHead(status: 200, contentType: "application/json"))
        scene.upstream.last?.reply.received(bytes: ByteBuffer(string: Self.answer))
        scene.upstream.last?.reply.receivedEnd()
        #expect(calls[2].json?["choices"] != nil)
        #expect(try Self.kept(scene).count == 4)
        #expect(!scene.memory.turns.isBusy(.init(owner: "alice", session: "s")))
    }
}
