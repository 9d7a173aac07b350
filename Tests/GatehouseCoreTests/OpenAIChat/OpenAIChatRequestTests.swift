import GatehouseCore
import Testing

@Suite struct OpenAIChatRequestTests {
    typealias Dialogue = OpenAIDialogue

    private func user(_ content: String) -> String {
        #"{"model":"m","messages":[{"role":"user","content":\#(content)}]}"#
    }

    // MARK: Errors

    @Test(arguments: [
        (#"[]"#, "body"), (#"{"model":1,"messages":[]}"#, "model"), (#"{"model":"m"}"#, "messages"),
        (#"{"messages":[]}"#, "messages"), (#"{"messages":"x"}"#, "messages"), (#"{"messages":[1]}"#, "messages[0]"),
        (#"{"messages":[{}]}"#, "messages[0].role"), (#"{"messages":[{"role":"robot"}]}"#, "messages[0].role"),
        (#"{"messages":[{"role":"user","content":3}]}"#, "messages[0].content"),
        (#"{"messages":[{"role":"user","content":[{}]}]}"#, "messages[0].content[0].type"),
        (#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#, "messages[0].content[0].text"),
        (
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            "messages[0].content[0].image_url.url"
        ),
        (#"{"messages":[{"role":"tool","content":"x"}]}"#, "messages[0].tool_call_id"),
        (
            #"{"messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]}"#,
            "messages[0].tool_calls[0].id"
        ),
        (
            #"{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}]}"#,
            "messages[0].tool_calls[0].function.name"
        ),
        (#"{"messages":[{"role":"user","content":""}],"tools":[{"type":"function"}]}"#, "tools[0].function"),
        (#"{"messages":[{"role":"user","content":""}],"tool_choice":"all"}"#, "tool_choice"),
        (#"{"messages":[{"role":"user","content":""}],"max_tokens":0}"#, "max_tokens"),
        (#"{"messages":[{"role":"user","content":""}],"n":129}"#, "n"),
        (#"{"messages":[{"role":"user","content":""}],"stop":[1]}"#, "stop[0]"),
        (#"{"messages":[{"role":"user","content":""}],"temperature":"hot"}"#, "temperature"),
        (
            #"{"messages":[{"role":"user","content":""}],"response_format":{"type":"json_schema"}}"#,
            "response_format.json_schema"
        ),
        (
            #"{"messages":[{"role":"user","content":""}],"response_format":{"type":"json_schema","json_schema":{}}}"#,
            "response_format.json_schema.schema"
        ),
        (#"{"messages":[{"role":"user","content":""}],"reasoning_effort":3}"#, "reasoning_effort"),
    ])
    func errorsNameTheField(body: String, param: String) throws {
        let error = #expect(throws: GatehouseError.self) { try Dialogue.decode(body) }
        #expect(error?.param == param)
    }

    // MARK: Reading

    @Test func everyKindOfMessageIsRead() throws {
        let request = try Dialogue.decode(
            #"""
            {"model":"m","messages":[
             {"role":"developer","content":"rules"},
             {"role":"user","name":"ann","content":[{"type":"text","text":"a"},
              {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
              {"type":"input_audio","input_audio":{"data":"BBBB","format":"mp3"}},
              {"type":"file","file":{"filename":"p.pdf","file_data":"data:application/pdf;base64,CCCC"}},
              {"type":"file","file":{"file_id":"file-1"}}]},
             {"role":"assistant","content":null,"refusal":"no","tool_calls":[
              {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
              {"id":"c2","type":"custom","custom":{"name":"g","input":"free"}}]},
             {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"r"}]},
             {"role":"tool","tool_call_id":"c2","content":"s"}]}
            """#)
        #expect(request.messages.map(\.role) == [.system, .user, .assistant, .tool, .tool])
        let user = request.messages[1]
        #expect(user.name == "ann")
        #expect(user.parts[1].content == .image(Media(.base64("AAAA"), mediaType: "image/png", detail: "low")))
        #expect(user.parts[2].content == .audio(Media(.base64("BBBB"), mediaType: "audio/mpeg")))
        #expect(
            user.parts[3].content == .document(Media(.base64("CCCC"), mediaType: "application/pdf", name: "p.pdf")))
        #expect(user.parts[4].content == .document(Media(.file("file-1"))))
        let assistant = request.messages[2]
        #expect(assistant.parts[0].content == .refusal("no"))
        #expect(assistant.parts[1].toolCall == ToolCall(id: "c1", name: "f", arguments: #"{"a":1}"#))
        #expect(assistant.parts[2].toolCall == ToolCall(id: "c2", name: "g", arguments: "free", isCustom: true))
        #expect(request.messages[3].parts[0].toolResult == ToolResult(callID: "c1", content: [.text("r")]))
    }

    @Test func olderCallsAreJoinedWithTheirResults() throws {
        let request = try Dialogue.decode(
            #"""
            {"messages":[{"role":"user","content":"x"},
             {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
             {"role":"function","name":"f","content":"1"},
             {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
             {"role":"function","name":"f","content":"2"}],
             "functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"}}
            """#)
        let calls = request.messages.compactMap { $0.parts.first?.toolCall?.id }
        let results = request.messages.compactMap { $0.parts.first?.toolResult?.callID }
        #expect(calls == results && Set(calls).count == 2)
        #expect(request.toolChoice == .tool(name: "f"))
        let body = try Dialogue.encode(request).body
        #expect(body["functions"]?[0]?["name"]?.string == "f" && body["tools"] == nil)
        #expect(body["function_call"]?["name"]?.string == "f")
        #expect(body["messages"]?[2]?["role"]?.string == "function")
    }

    @Test func optionsAreRead() throws {
        let request = try Dialogue.decode(
            #"""
            {"messages":[{"role":"user","content":"x"}],"max_completion_tokens":9,"temperature":0.10,"top_p":1,
             "top_k":4,"seed":7,"stop":"end","n":2,"logprobs":true,"top_logprobs":3,"parallel_tool_calls":false,
             "reasoning_effort":"xhigh","user":"u","metadata":{"a":"b"},"store":true,"service_tier":"flex",
             "stream":true,"stream_options":{"include_usage":true},"prompt_cache_key":"k","logit_bias":{"1":2}}
            """#)
        #expect(request.maxTokens == 9 && request.sampling.temperature == "0.10" && request.sampling.topK == 4)
        #expect(request.sampling.stop == ["end"] && request.sampling.choices == 2 && request.sampling.seed == 7)
        #expect(request.sampling.logprobs == true && request.sampling.topLogprobs == 3)
        #expect(request.parallelToolCalls == false && request.reasoning?.effort == .xhigh)
        #expect(request.user == "u" && request.metadata == [.init("a", .string("b"))] && request.store == true)
        #expect(request.stream && request.wantsUsage && request.serviceTier == "flex")
        #expect(request.extensions.foreign(to: .anthropic) == ["prompt_cache_key", "logit_bias"])
    }

    @Test func nothingThatSaysNothingIsReportedAsLost() throws {
        let request = try Dialogue.decode(
            #"{"messages":[{"role":"user","content":"x"}],"tools":[],"logit_bias":null,"stream":false,"stop":[]}"#)
        #expect(request.extensions.foreign(to: .anthropic) == [])
    }

    @Test(arguments: [
        (#""auto""#, ToolChoice.auto), (#""none""#, .none), (#""required""#, .required), (#""any""#, .required),
        (#"{"type":"function","function":{"name":"f"}}"#, .tool(name: "f")),
        (#"{"type":"custom","custom":{"name":"g"}}"#, .tool(name: "g")),
        (
            #"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
            .allowed(names: ["f"], isRequired: true)
        ),
        (#"{"type":"web"}"#, .native(.openAIChat, .object([.init("type", .string("web"))]))),
    ])
    func everyChoiceComesBack(text: String, choice: ToolChoice) throws {
        let body = try Dialogue.json(
            #"""
            {"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":\#(text),
             "tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]}
            """#)
        let request = try OpenAIChatCodec.decodeRequest(body)
        #expect(request.toolChoice == choice)
        #expect(try body.difference(from: Dialogue.encode(request).body) == nil)
    }

    @Test(arguments: [
        #"{"type":"text"}"#, #"{"type":"json_object"}"#, #"{"type":"json_object","schema":{"type":"object"}}"#,
        #"{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}"#,
        #"{"type":"json_schema","schema":{"type":"object"}}"#, #"{"type":"grammar","grammar":"root ::= x"}"#,
    ])
    func everyFormatComesBack(text: String) throws {
        let body = try Dialogue.json(
            #"{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":\#(text)}"#)
        let request = try OpenAIChatCodec.decodeRequest(body)
        #expect(try body.difference(from: Dialogue.encode(request).body) == nil)
        if text.contains("schema\":{") {
            guard case .jsonSchema(let format) = request.responseFormat else {
                return #expect(Bool(false), "\(String(describing: request.responseFormat))")
            }
            #expect(format.schema == .object([.init("type", .string("object"))]))
        }
    }

    private static func reasoning(
        _ effort: Reasoning.Effort? = nil, budget: Int? = nil, enabled: Bool? = nil
    ) -> Reasoning {
        var reasoning = Reasoning(effort: effort, budget: budget)
        reasoning.enabled = enabled
        return reasoning
    }

    private static let reasonings: [(String, Reasoning)] = [
        (#""reasoning":{"effort":"high","exclude":true}"#, reasoning(.high)),
        (#""reasoning":{"max_tokens":2000}"#, reasoning(budget: 2000)),
        (#""thinking":{"type":"disabled"}"#, reasoning(enabled: false)),
        (#""thinking":{"type":"enabled","budget_tokens":5}"#, reasoning(budget: 5, enabled: true)),
        (#""enable_thinking":true,"thinking_budget":9"#, reasoning(budget: 9, enabled: true)),
        (#""reasoning_effort":"none""#, reasoning(Reasoning.Effort.none)),
    ]

    @Test(arguments: reasonings) func reasoningIsReadInEveryForm(text: String, expected: Reasoning) throws {
        let body = try Dialogue.json(#"{"model":"m","messages":[{"role":"user","content":"x"}],\#(text)}"#)
        let request = try OpenAIChatCodec.decodeRequest(body)
        let reasoning = try #require(request.reasoning)
        #expect(reasoning.effort == expected.effort && reasoning.budget == expected.budget)
        #expect(reasoning.enabled == expected.enabled)
        #expect(try body.difference(from: Dialogue.encode(request).body) == nil)
    }
}
