import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import Testing

/// What is made of a caller's request for a target, across dialects.
@Suite struct CallPreparationTests {
    /// The same question in each dialect that callers speak.
    private static let questions: [(GatehouseCore.Operation, String)] = [
        (.chatCompletions, #"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Hello"}]}"#),
        (.responses, #"{"model":"m","max_output_tokens":17,"input":"Hello"}"#),
        (.messages, #"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Hello"}]}"#),
        (
            .generateContent,
            #"{"generationConfig":{"maxOutputTokens":7},"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#
        ),
    ]

    private static let wires: [Dialect] = [
        .openAIChat, .openAIResponses, .anthropic, .gemini, .bedrock, .cohere, .ollama,
    ]

    private func start(
        _ operation: GatehouseCore.Operation, _ body: String, _ scene: CallScene, stream: Bool = false
    ) -> CallScene.Call {
        scene.start(operation, body) { call in
            if operation == .generateContent { call.target = PathTarget(model: "m", stream: stream) }
        }
    }

    @Test func everyDialectReachesEveryWire() throws {
        for (operation, body) in Self.questions {
            for wire in Self.wires {
                let scene = CallScene(.wire(wire))
                let call = start(operation, body, scene)
                #expect(call.downstream.head == nil, "\(operation) to \(wire): \(call.downstream.body)")
                let sent = try #require(scene.sentJSON)
                let request = try wire.codec.decodeRequest(sent)
                #expect(request.messages.map(\.role) == [.user] && request.messages[0].text() == "Hello")
                #expect(request.maxTokens == (operation == .responses ? 17 : 7) || request.maxTokens == 16)
                let upstream = try #require(scene.upstream.requests.last)
                #expect(upstream.model == "real" && upstream.lane == .wire(wire) && !upstream.stream)
                #expect(sent["model"]?.string == "real" || wire == .gemini || wire == .bedrock)
            }
        }
    }

    @Test func withinOneDialectTheBytesAreTheCallers() {
        for (operation, body) in Self.questions {
            // What no codec knows survives; a repeated blank too.
            let odd = body.replacing(#"{"m"#, with: #"{  "x_unknown" : 1e0 ,"m"#)
            let scene = CallScene(.wire(operation.dialect))
            _ = start(operation, odd, scene)
            #expect(scene.sent == odd.replacing(#""model":"m""#, with: #""model":"real""#))
        }
    }

    @Test func aSourceOfEventsGetsTheCanonicalRequest() {
        for (operation, body) in Self.questions {
            let scene = CallScene(.events)
            let call = start(operation, body, scene)
            guard case .canonical(let request) = scene.upstream.requests.last?.payload else {
                Issue.record("\(operation): \(call.downstream.body)")
                continue
            }
            #expect(request.model == "real" && request.messages.first?.text() == "Hello" && !request.stream)
        }
    }

    @Test func whatTheTargetHasNoWordForIsNamed() {
        let scene = CallScene(.wire(.anthropic))
        let call = scene.start(
            .chatCompletions,
            #"{"model":"m","max_tokens":7,"seed":1,"messages":[{"role":"user","content":"Hello"}]}"#)
        call.answer(
            #"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"x"}],"#
                + #""stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#)
        #expect(call.downstream.head?.dropped == ["seed"])
        #expect(scene.observer.records.first?.dropped == ["seed"])
    }

    @Test func whatWouldChangeTheMeaningIsRefusedBeforeAnythingIsSent() {
        let scene = CallScene(.wire(.anthropic))
        let call = scene.start(
            .chatCompletions, #"{"model":"m","n":2,"messages":[{"role":"user","content":"Hello"}]}"#)
        #expect(call.error == (400, "unsupported_parameter", "n"))
        #expect(scene.upstream.requests.isEmpty)
    }

    @Test func namesThatBreakTheTargetsRulesComeBackAsWritten() throws {
        let name = "my tool: " + String(repeating: "x", count: 80)
        let scene = CallScene(.wire(.openAIChat))
        let tool = #"{"name":"\#(name)","input_schema":{"type":"object"}}"#
        let call = scene.start(
            .messages,
            #"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"Hello"}],"tools":[\#(tool)]}"#)
        let sent = try #require(scene.sentJSON?["tools"]?[0]?["function"]?["name"]?.string)
        #expect(sent != name && sent.utf8.count <= 64)
        call.answer(
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"#
                + #""function","function":{"name":"\#(sent)","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#)
        #expect(call.json?["content"]?[0]?["name"]?.string == name)
    }

    @Test func aBodyThatIsNoRequestIsTheCallersError() {
        for (body, code, param) in [
            (#"{"model":"m","messages":[{"role":"user"}]}"#, "missing_field", "messages[0].content"),
            (#"{"model":"m","messages":[{"role":"king","content":"x"}]}"#, "invalid_value", "messages[0].role"),
        ] {
            let call = CallScene(.wire(.gemini)).start(.chatCompletions, body)
            #expect(call.error == (400, code, param))
        }
    }

    // MARK: Seals

    private let answer =
        #"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"#
        + #""thoughtSignature":"U0VBTA=="}]},"finishReason":"STOP"}]}"#

    /// A history with the call of an answer, as a client writes it that keeps nothing but ids.
    private func history(_ id: String) -> String {
        #"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":["#
            + #"{"id":"\#(id)","type":"function","function":{"name":"f","arguments":"{}"}}]},"#
            + #"{"role":"tool","tool_call_id":"\#(id)","content":"r"}]}"#
    }

    @Test func aSealThatTheClientLostGoesBackToItsVendor() throws {
        let scene = CallScene(.wire(.gemini))
        let first = scene.start(.chatCompletions, #"{"model":"m","messages":[{"role":"user","content":"a"}]}"#)
        first.answer(answer)
        let id = try #require(first.json?["choices"]?[0]?["message"]?["tool_calls"]?[0]?["id"]?.string)
        _ = scene.start(.chatCompletions, history(id))
        #expect(scene.sent?.contains("U0VBTA==") == true)
        _ = scene.start(.chatCompletions, history(id), owner: "bob")
        #expect(scene.sent?.contains("U0VBTA==") == false, "another key's")
        let other = CallScene(.wire(.anthropic), memory: scene.memory)
        _ = other.start(.chatCompletions, history(id))
        #expect(other.sent != nil && other.sent?.contains("U0VBTA==") == false, "another vendor")
    }

    @Test func anAnswerThatBrokeOffLeavesNoSeal() {
        let scene = CallScene(.wire(.gemini))
        let first = start(
            .chatCompletions, #"{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}"#, scene)
        let unfinished = answer.replacing(#","finishReason":"STOP""#, with: "").replacing(
            #"{"name":"f""#, with: #"{"id":"c9","name":"f""#)
        first.stream("data: \(unfinished)\n\n")
        first.reply?.failed(Failure(.truncated))
        _ = scene.start(.chatCompletions, history("c9"))
        #expect(scene.sent?.contains("U0VBTA==") == false)
    }

    // MARK: Another vendor's seals in the caller's own dialect

    private func foreign(_ operation: GatehouseCore.Operation, signature: String) -> String {
        operation == .messages
            ? #"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":["#
                + #"{"type":"thinking","thinking":"t","signature":"\#(signature)"},{"type":"text","text":"b"}]},"#
                + #"{"role":"user","content":"c"}]}"#
            : #"{"model":"m","input":[{"role":"user","content":"a"},{"type":"reasoning","id":"rs_1","summary":[],"#
                + #""encrypted_content":"\#(signature)"},{"role":"assistant","content":"b"},"#
                + #"{"role":"user","content":"c"}]}"#
    }

    @Test func anothersSealsDoNotReachTheVendor() throws {
        for operation in [GatehouseCore.Operation.messages, .responses] {
            let scene = CallScene(.wire(operation.dialect))
            let body = foreign(operation, signature: "gatehouse:gemini.generateContent:thinking:U0VBTA==")
            let call = scene.start(operation, body)
            #expect(call.downstream.head == nil, "\(call.downstream.body)")
            let sent = try #require(scene.sent)
            #expect(!sent.contains("gatehouse:") && !sent.contains("U0VBTA=="))
            let request = try operation.dialect.codec.decodeRequest(#require(scene.sentJSON))
            #expect(request.messages.map(\.role) == [.user, .assistant, .user] && request.model == "real")
        }
    }

    @Test func anIDThatThisGatewayMadeDoesNotReachTheVendor() throws {
        let scene = CallScene(.wire(.openAIResponses))
        _ = scene.start(
            .responses, foreign(.responses, signature: "own").replacing(#""rs_1""#, with: #""rs_gh_x_0""#))
        #expect(scene.sent?.contains("rs_gh_") == false)
    }

    @Test func theVendorsOwnSealsAndTextsThatNameTheMarkArriveAsTheyWere() throws {
        for operation in [GatehouseCore.Operation.messages, .responses] {
            let scene = CallScene(.wire(operation.dialect))
            let own = foreign(operation, signature: "Own+/==")
            _ = scene.start(operation, own)
            #expect(scene.sent == own.replacing(#""model":"m""#, with: #""model":"real""#))
            let talk = own.replacing(#":"c""#, with: #":"what is gatehouse: ?""#)
            _ = scene.start(operation, talk)
            #expect(scene.sent?.contains("Own+/==") == true && scene.sent?.contains("what is gatehouse: ?") == true)
        }
    }
}
