import GatehouseCore
import Testing

/// Requests of callers of other dialects, on their way to providers of OpenAI's chat format.
@Suite struct OpenAIChatTargetTests {
    typealias Dialogue = OpenAIDialogue

    private func request(_ messages: Message...) -> CanonicalRequest {
        CanonicalRequest(model: "m", messages: messages)
    }
    private let question = Message(role: .user, parts: [.text("q")])

    private func messages(_ request: CanonicalRequest, kind: String = "openai") throws -> [JSONValue] {
        try #require(try Dialogue.encode(request, kind: kind).body["messages"]?.array)
    }

    // MARK: Results of tools

    @Test func resultsBecomeOneMessageEach() throws {
        let calls = Message(
            role: .assistant,
            parts: [
                Part(.toolCall(ToolCall(id: "a", name: "f", arguments: "{}"))),
                Part(.toolCall(ToolCall(id: "b", name: "f", arguments: ""))),
            ])
        let results = Message(
            role: .user,
            parts: [
                Part(.toolResult(ToolResult(callID: "a", content: [.text("1"), .text("2")]))),
                Part(.toolResult(ToolResult(callID: "b", content: [], isError: true))), .text("and now?"),
            ])
        let encoded = try Dialogue.encode(request(question, calls, results), kind: "groq")
        let written = try #require(encoded.body["messages"]?.array)
        #expect(written.map { $0["role"]?.string } == ["user", "assistant", "tool", "tool", "user"])
        #expect(written[1]["tool_calls"]?[1]?["function"]?["arguments"]?.string == "{}")
        #expect(written[1]["content"] == .null)
        #expect(written[2]["content"]?.string == "1\n2" && written[2]["tool_call_id"]?.string == "a")
        #expect(written[3]["content"]?.string == "")
        #expect(written[4]["content"]?.string == "and now?")
        #expect(encoded.dropped == ["is_error"])
    }

    @Test func imagesOfResultsFollowInAMessageOfTheUser() throws {
        let image = Part(.image(Media(.base64("AAAA"), mediaType: "image/png")))
        let results = Message(
            role: .tool,
            parts: [
                Part(.toolResult(ToolResult(callID: "a", content: [image]))),
                Part(.toolResult(ToolResult(callID: "b", content: [.text("x"), image]))),
            ])
        for kind in ["openai", "openrouter", "something"] {
            let written = try messages(request(question, results, question), kind: kind)
            #expect(written.map { $0["role"]?.string } == ["user", "tool", "tool", "user", "user"])
            #expect(written[1]["content"]?.string?.isEmpty == false)
            #expect(written[3]["content"]?.array?.filter { $0["type"]?.string == "image_url" }.count == 2)
            #expect(written[3]["content"]?[1]?["image_url"]?["url"]?.string == "data:image/png;base64,AAAA")
        }
    }

    /// Mistral answers `Unexpected role 'user' after role 'tool'` otherwise (its error 3230).
    @Test func theModelSpeaksBetweenResultsAndTheUserWhereItMust() throws {
        let image = Part(.image(Media(.base64("AAAA"), mediaType: "image/png")))
        let results = Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "a", content: [image])))])
        let written = try messages(request(question, results, question), kind: "mistral")
        #expect(written.map { $0["role"]?.string } == ["user", "tool", "assistant", "user", "user"])
        #expect(written[2]["content"]?.string?.isEmpty == false)
        let text = Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "a", content: [.text("1")])))])
        let plain = try messages(request(question, text, question), kind: "mistral")
        #expect(plain.map { $0["role"]?.string } == ["user", "tool", "assistant", "user"])
        #expect(try messages(request(question, text), kind: "mistral").count == 2)
    }

    /// OpenAI: models that think take `temperature` and its like only while they do not.
    @Test(arguments: [
        ("gpt-5.1", nil, true), ("gpt-5.1", Reasoning.Effort.low, false), ("gpt-5", nil, false),
        ("gpt-5.1-codex", nil, false), ("o4-mini", nil, false), ("gpt-4o", nil, true), ("gpt-5.2", .some(.none), true),
    ])
    func samplingIsLeftOutForModelsThatThink(model: String, effort: Reasoning.Effort?, isSent: Bool) throws {
        var request = request(question)
        request.sampling.temperature = "0.5"
        request.sampling.topP = "0.9"
        request.reasoning = effort.map { Reasoning(effort: $0) }
        for dialect in [GatehouseCore.Dialect.openAIChat, .openAIResponses] {
            let traits = TargetTraits(kind: "openai", model: model)
            let encoded = try dialect.codec.encodeRequest(request, for: traits)
            #expect((encoded.body["temperature"] != nil) == isSent, "\(dialect)")
            #expect(encoded.dropped == (isSent ? [] : ["temperature", "top_p"]), "\(dialect)")
        }
    }

    @Test func anErrorOfAToolIsToldToOtherGateways() throws {
        let result = Message(
            role: .tool, parts: [Part(.toolResult(ToolResult(callID: "a", content: [.text("x")], isError: true)))])
        #expect(try messages(request(result), kind: "openai-compatible")[0]["is_error"] == .bool(true))
        #expect(try messages(request(result))[0]["is_error"] == nil)
    }

    // MARK: Thoughts

    @Test func thoughtsOfOthersStayHere() throws {
        let assistant = Message(
            role: .assistant,
            parts: [
                Part(.thinking(Thinking("secret")), signature: Signature(.anthropic, "sig")),
                Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "data")), .text("a"),
                Part(
                    .toolCall(ToolCall(id: "c", name: "f", arguments: "{}")), signature: Signature(.gemini, "seal")),
            ])
        for kind in ["openai", "deepseek", "openrouter", "openai-compatible"] {
            let encoded = try Dialogue.encode(request(question, assistant), kind: kind)
            let text = encoded.body.text
            #expect(
                !text.contains("secret") && !text.contains("sig") && !text.contains("data") && !text.contains("seal"))
            #expect(encoded.dropped == ["thinking"])
        }
    }

    @Test func aMessageOfThoughtsAloneIsLeftOut() throws {
        let assistant = Message(role: .assistant, parts: [Part(.thinking(Thinking("x")))])
        #expect(try messages(request(question, assistant, question)).count == 2)
    }

    @Test(arguments: [
        ("openai", []), ("groq", ["reasoning"]), ("deepseek", ["reasoning_content"]),
        ("openrouter", ["reasoning_content", "reasoning_details"]),
        ("openai-compatible", ["reasoning_content", "reasoning_details", "thinking_blocks"]),
    ])
    func thoughtsOfThisDialectGoWhereTheyAreWanted(kind: String, members: [String]) throws {
        let request = try Dialogue.decode(
            #"""
            {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"t",
             "reasoning_details":[{"type":"reasoning.text","text":"t","index":0}],
             "thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]}]}
            """#)
        let encoded = try Dialogue.encode(request, kind: kind)
        let keys = Set(encoded.body["messages"]?[1]?.object?.map(\.key) ?? [])
        #expect(keys.subtracting(["role", "content"]) == Set(members))
        #expect(encoded.dropped == (members.isEmpty ? ["thinking"] : []))
    }

    // MARK: Names and ids

    @Test func longNamesAndIDsAreShortenedAndComeBack() throws {
        let long = "mcp__some_server_with_a_very_long_name__and_a_tool_with_a_longer_name_still"
        var request = request(
            question,
            Message(
                role: .assistant,
                parts: [Part(.toolCall(ToolCall(id: String(repeating: "i", count: 60), name: long, arguments: "{}")))]),
            Message(
                role: .tool,
                parts: [
                    Part(.toolResult(ToolResult(callID: String(repeating: "i", count: 60), content: [.text("r")])))
                ]))
        request.tools = [
            Tool(.function(parameters: nil), name: long), Tool(.function(parameters: nil), name: long + "2"),
            Tool(.function(parameters: nil), name: "with.dot"),
        ]
        request.toolChoice = .tool(name: long)
        let encoded = try Dialogue.encode(request)
        let tools = try #require(encoded.body["tools"]?.array)
        let names = tools.compactMap { $0["function"]?["name"]?.string }
        let legal = NameRule(1...64)
        #expect(Set(names).count == 3 && names.allSatisfy(legal.allows))
        #expect(names.map(encoded.names.original) == request.tools.map(\.name))
        #expect(encoded.body["tool_choice"]?["function"]?["name"]?.string == names[0])
        let call = encoded.body["messages"]?[1]?["tool_calls"]?[0]
        #expect(call?["function"]?["name"]?.string == names[0])
        let id = try #require(call?["id"]?.string)
        #expect(id.utf8.count <= 40 && encoded.body["messages"]?[2]?["tool_call_id"]?.string == id)
        #expect(try Dialogue.encode(request).body == encoded.body)
    }

    @Test func mistralsIDsHaveNineLettersAndDigits() throws {
        let request = request(
            Message(role: .assistant, parts: [Part(.toolCall(ToolCall(id: "toolu_01", name: "f", arguments: "{}")))]),
            Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "toolu_01", content: [.text("r")])))]))
        let written = try messages(request, kind: "mistral")
        let id = try #require(written[0]["tool_calls"]?[0]?["id"]?.string)
        #expect(NameRule(9...9, marks: "").allows(id) && written[1]["tool_call_id"]?.string == id)
        #expect(try messages(request, kind: "groq")[0]["tool_calls"]?[0]?["id"]?.string == "toolu_01")
    }

    // MARK: Options

    @Test func optionsFollowTheTarget() throws {
        var request = request(question)
        request.stream = true
        request.maxTokens = 9
        request.sampling.topK = 3
        request.sampling.seed = 4
        request.toolChoice = .required
        request.tools = [Tool(.function(parameters: nil), name: "f")]
        request.store = false
        request.serviceTier = "standard_only"
        request.extensions[.anthropic] = [.init("container", .string("x")), .init("$note", .null)]
        let openAI = try Dialogue.encode(request)
        #expect(openAI.body["max_completion_tokens"]?.int == 9 && openAI.body["max_tokens"] == nil)
        #expect(openAI.body["top_k"] == nil && openAI.body["store"] == .bool(false))
        #expect(openAI.body["stream_options"]?["include_usage"] == .bool(true))
        #expect(Set(openAI.dropped) == ["top_k", "service_tier", "container"])
        let mistral = try Dialogue.encode(request, kind: "mistral")
        #expect(mistral.body["max_tokens"]?.int == 9 && mistral.body["random_seed"]?.int == 4)
        #expect(mistral.body["stream_options"] == nil && mistral.body["tool_choice"]?.string == "any")
        let open = try Dialogue.encode(request, kind: "vllm")
        #expect(open.body["top_k"]?.int == 3 && open.body["store"] == nil && !open.dropped.contains("store"))
        request.store = true
        #expect(try Dialogue.encode(request, kind: "vllm").dropped.contains("store"))
    }

    @Test func theUsageOfAStreamIsAskedForInTheCallersFormToo() throws {
        var request = try Dialogue.decode(#"{"messages":[{"role":"user","content":"x"}],"stream":true}"#)
        #expect(try Dialogue.encode(request).body["stream_options"] == nil)
        request.wantsUsage = true
        #expect(try Dialogue.encode(request).body["stream_options"]?["include_usage"] == .bool(true))
    }

    @Test func effortIsNeverLowered() throws {
        var request = request(question)
        let expected: [(Reasoning, String)] = [
            (Reasoning(effort: .xhigh), "xhigh"), (Reasoning(effort: .max), "xhigh"),
            (Reasoning(effort: Reasoning.Effort.none), "none"), (Reasoning(budget: 1024), "low"),
            (Reasoning(budget: 4096), "medium"), (Reasoning(budget: 32_000), "high"),
        ]
        for (reasoning, word) in expected {
            request.reasoning = reasoning
            #expect(try Dialogue.encode(request).body["reasoning_effort"]?.string == word)
        }
        request.reasoning = Reasoning(budget: -1)
        #expect(try Dialogue.encode(request).body["reasoning_effort"] == nil)
        request.reasoning = Reasoning(effort: .max)
        #expect(try Dialogue.encode(request, kind: "vllm").body["reasoning_effort"]?.string == "max")
        #expect(try Dialogue.encode(request, kind: "deepseek").body["thinking"]?["type"]?.string == "enabled")
        #expect(try Dialogue.encode(request, kind: "alibaba").body["enable_thinking"] == .bool(true))
        request.reasoning = Reasoning(budget: 2000)
        #expect(try Dialogue.encode(request, kind: "openrouter").body["reasoning"]?["max_tokens"]?.int == 2000)
    }

    @Test func cacheMarkersGoWhereTheyAreTaken() throws {
        var part = Part.text("long")
        part.cache = CacheMarker(ttl: "1h")
        var request = request(Message(role: .system, parts: [part]), question)
        var tool = Tool(.function(parameters: nil), name: "f")
        tool.cache = CacheMarker()
        request.tools = [tool]
        let open = try Dialogue.encode(request, kind: "openrouter").body
        #expect(open["messages"]?[0]?["content"]?[0]?["cache_control"]?["ttl"]?.string == "1h")
        #expect(open["messages"]?[0]?["content"]?[0]?["cache_control"]?["type"]?.string == "ephemeral")
        #expect(open["tools"]?[0]?["cache_control"]?["type"]?.string == "ephemeral")
        let openAI = try Dialogue.encode(request)
        #expect(!openAI.body.text.contains("cache_control") && openAI.dropped == ["cache_control"])
        #expect(openAI.body["messages"]?[0]?["content"]?.string == "long")
    }

    @Test func aMarkerOnAMessageStandsBehindItsLastPart() throws {
        let body = try Dialogue.json(
            #"""
            {"model":"m","messages":[{"role":"system","content":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},
             {"role":"assistant","content":"b","cache_control":{"type":"ephemeral"},"tool_calls":[
              {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
             {"role":"tool","tool_call_id":"c","content":"r","cache_control":{"type":"ephemeral"}}]}
            """#)
        let request = try OpenAIChatCodec.decodeRequest(body)
        #expect(request.messages.map { $0.parts.last?.cache != nil } == [true, true, true])
        #expect(request.messages[0].parts[0].cache?.ttl == "1h")
        #expect(try body.difference(from: Dialogue.encode(request, kind: "openrouter").body) == nil)
        let openAI = try Dialogue.encode(request)
        #expect(!openAI.body.text.contains("cache_control") && openAI.dropped == ["cache_control"])
    }

    @Test func toolsOfOtherVendorsAreReported() throws {
        var request = request(question)
        request.tools = [
            Tool(.server(dialect: .anthropic, type: "web_search_20250305", definition: .object([])), name: "web_search")
        ]
        request.toolChoice = .auto
        request.parallelToolCalls = true
        let encoded = try Dialogue.encode(request)
        #expect(encoded.body["tools"] == nil && encoded.body["tool_choice"] == nil)
        #expect(encoded.body["parallel_tool_calls"] == nil && encoded.dropped == ["web_search_20250305"])
    }

    @Test func aChoiceAmongSomeBecomesFewerTools() throws {
        var request = request(question)
        request.tools = ["f", "g"].map { Tool(.function(parameters: nil), name: $0) }
        request.toolChoice = .allowed(names: ["g"], isRequired: true)
        let groq = try Dialogue.encode(request, kind: "groq").body
        #expect(groq["tools"]?.array?.count == 1 && groq["tool_choice"]?.string == "required")
        #expect(try Dialogue.encode(request).body["tool_choice"]?["type"]?.string == "allowed_tools")
    }

    @Test func schemasHaveALegalName() throws {
        var request = request(question)
        request.responseFormat = .jsonSchema(JSONSchemaFormat(schema: .object([])))
        #expect(try Dialogue.encode(request).body["response_format"]?["json_schema"]?["name"]?.string == "response")
        request.responseFormat = .jsonSchema(JSONSchemaFormat(name: "a b", schema: .object([])))
        let name = try Dialogue.encode(request).body["response_format"]?["json_schema"]?["name"]?.string
        #expect(name.map(NameRule(1...64).allows) == true)
    }

    // MARK: What cannot be said

    @Test func whatCannotBeSaidIsRefused() throws {
        let parts: [Part] = [
            Part(.video(Media(.url("https://x/y.mp4")))), Part(.image(Media(.file("f")))),
            Part(.document(Media(.url("https://x/y.pdf")))), Part(.audio(Media(.url("https://x/y.mp3")))),
        ]
        for part in parts {
            let request = request(Message(role: .user, parts: [.text("x"), part]))
            let error = #expect(throws: GatehouseError.self) { try Dialogue.encode(request) }
            #expect(error?.code == .unsupportedParameter && error?.param == "messages[0].content[1]")
        }
        var stored = request(question)
        stored.previousResponse = "resp_1"
        #expect(throws: GatehouseError.self) { try Dialogue.encode(stored) }
    }

    @Test func documentsFollowTheTarget() throws {
        let link = request(Message(role: .user, parts: [Part(.document(Media(.url("https://x/y.pdf"))))]))
        #expect(try messages(link, kind: "mistral")[0]["content"]?[0]?["document_url"]?.string == "https://x/y.pdf")
        #expect(
            try messages(link, kind: "openrouter")[0]["content"]?[0]?["file"]?["file_data"]?.string == "https://x/y.pdf"
        )
        let text = request(Message(role: .user, parts: [Part(.document(Media(.text("words"))))]))
        #expect(try messages(text)[0]["content"]?[0]?["text"]?.string == "words")
    }
}
