import GatehouseCore
import Testing

private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

private func encode(_ request: CanonicalRequest, model: String = "gpt-4.1") throws -> EncodedRequest {
    try ResponsesCodec.encodeRequest(request, for: TargetTraits(kind: "openai", model: model))
}

@Suite("Responses: requests of other dialects")
struct ResponsesForeignRequestTests {
    @Test func `nothing is kept at the vendor unasked`() throws {
        let request = CanonicalRequest(model: "a", messages: [Message(role: .user, parts: [.text("hi")])])
        let plain = try encode(request)
        #expect(plain.body["store"] == .bool(false) && plain.body["include"] == nil)
        #expect(plain.body["model"] == .string("gpt-4.1"))
        let thinking = try encode(request, model: "gpt-5-mini")
        #expect(thinking.body["include"]?.text == #"["reasoning.encrypted_content"]"#)
        #expect(try encode(request, model: "gpt-5-chat-latest").body["include"] == nil)
        var kept = request
        kept.store = true
        let stored = try encode(kept, model: "o3")
        #expect(stored.body["store"] == .bool(true) && stored.body["include"] == nil)
    }

    @Test func `a tool loop becomes items in order`() throws {
        var turn = Message(role: .assistant, parts: [.text("see")])
        turn.parts.append(Part(.toolCall(ToolCall(id: "toolu_1", name: "f", arguments: #"{"a":1}"#))))
        turn.parts.append(Part(.toolCall(ToolCall(id: "toolu_2", name: "g", arguments: ""))))
        turn.parts.append(Part(.toolCall(ToolCall(id: "toolu_3", name: "h", arguments: "raw", isCustom: true))))
        let image = Part(.image(Media(.base64("AA=="), mediaType: "image/png")))
        let results = Message(
            role: .tool,
            parts: [
                Part(.toolResult(ToolResult(callID: "toolu_1", content: [.text("one")]))),
                Part(.toolResult(ToolResult(callID: "toolu_2", content: [.text("two"), image], isError: true))),
                Part(.toolResult(ToolResult(callID: "toolu_3", content: []))), .text("and now?"),
            ])
        let system = Message(role: .system, parts: [.text("rules")])
        let encoded = try encode(CanonicalRequest(model: "a", messages: [system, turn, results]))
        let expected = try json(
            #"""
            [{"type":"message","role":"system","content":[{"type":"input_text","text":"rules"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"see"}]},
            {"type":"function_call","call_id":"toolu_1","name":"f","arguments":"{\"a\":1}"},
            {"type":"function_call","call_id":"toolu_2","name":"g","arguments":"{}"},
            {"type":"custom_tool_call","call_id":"toolu_3","name":"h","input":"raw"},
            {"type":"function_call_output","call_id":"toolu_1","output":"one"},
            {"type":"function_call_output","call_id":"toolu_2","output":[{"type":"input_text","text":"two"},
            {"type":"input_image","image_url":"data:image/png;base64,AA=="}]},
            {"type":"custom_tool_call_output","call_id":"toolu_3","output":""},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"and now?"}]}]
            """#)
        #expect(expected.difference(from: encoded.body["input"] ?? .null) == nil)
        #expect(encoded.dropped == ["is_error"])
    }

    @Test func `a tool's schema is not strict unless the caller says so`() throws {
        let grammar = #"{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}"#
        var request = CanonicalRequest(model: "a")
        request.tools = [
            Tool(.function(parameters: nil), name: "f"),
            Tool(.function(parameters: .object(["type": .string("object")])), name: "g", strict: true),
            Tool(.custom(format: try json(grammar)), name: "h"),
        ]
        request.toolChoice = .tool(name: "h")
        let body = try encode(request).body
        #expect(body["tools"]?[0]?["strict"] == .bool(false) && body["tools"]?[1]?["strict"] == .bool(true))
        #expect(body["tools"]?[0]?["parameters"]?.text == #"{"type":"object","properties":{}}"#)
        #expect(body["tools"]?[2]?["format"]?.text == #"{"type":"grammar","syntax":"lark","definition":"d"}"#)
        #expect(body["tool_choice"]?.text == #"{"type":"custom","name":"h"}"#)
    }

    @Test func `names and ids that break the rules are changed alike everywhere, and back`() throws {
        let long = String(repeating: "mcp__server__tool_", count: 6)
        let id = "call:" + String(repeating: "x", count: 80)
        var request = CanonicalRequest(model: "a")
        request.tools = [long, long + "2"].map { Tool(.function(parameters: nil), name: $0) }
        request.toolChoice = .allowed(names: [long], isRequired: false)
        request.messages = [
            Message(role: .assistant, parts: [Part(.toolCall(ToolCall(id: id, name: long, arguments: "{}")))]),
            Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: [.text("r")])))]),
        ]
        let encoded = try encode(request)
        let name = try #require(encoded.body["tools"]?[0]?["name"]?.string)
        #expect(name.utf8.count <= 64 && name != encoded.body["tools"]?[1]?["name"]?.string)
        #expect(encoded.body["input"]?[0]?["name"]?.string == name)
        #expect(encoded.body["tool_choice"]?["tools"]?[0]?["name"]?.string == name)
        let callID = try #require(encoded.body["input"]?[0]?["call_id"]?.string)
        #expect(callID.utf8.count <= 64 && encoded.body["input"]?[1]?["call_id"]?.string == callID)
        #expect(encoded.names.original(name) == long)
    }

    @Test func `what has no place is reported, or refused`() throws {
        var request = CanonicalRequest(model: "a", messages: [Message(role: .user, parts: [.text("hi")], name: "bob")])
        request.sampling.stop = ["x"]
        request.sampling.topK = 5
        request.sampling.minP = "0.1"
        request.sampling.frequencyPenalty = "1"
        request.sampling.presencePenalty = "1"
        request.sampling.seed = 7
        request.sampling.logprobs = true
        request.sampling.topLogprobs = 4
        request.messages[0].parts[0].cache = CacheMarker()
        request.serviceTier = "standard_only"
        request.maxTokens = 1
        request.extensions = Extensions(.anthropic, [.init("container", .string("c"))])
        let encoded = try encode(request)
        #expect(
            Set(encoded.dropped) == [
                "name", "stop", "top_k", "min_p", "frequency_penalty", "presence_penalty", "seed", "cache_control",
                "service_tier", "container",
            ])
        #expect(encoded.body["include"]?.text == #"["message.output_text.logprobs"]"#)
        #expect(encoded.body["top_logprobs"]?.int == 4)
        #expect(encoded.body["max_output_tokens"]?.int == 16)
        request.sampling.choices = 2
        let error = #expect(throws: GatehouseError.self) { try encode(request) }
        #expect(error?.code == .unsupportedParameter && error?.param == "n")
    }

    @Test func `models that think get no temperature, and the effort the caller meant`() throws {
        var request = CanonicalRequest(model: "a")
        request.sampling.temperature = "1"
        request.sampling.topP = "0.5"
        request.reasoning = Reasoning(budget: 4000)
        request.reasoning?.includeThoughts = true
        let encoded = try encode(request, model: "gpt-5")
        #expect(encoded.body["temperature"] == nil && encoded.dropped == ["temperature", "top_p"])
        #expect(encoded.body["reasoning"]?.text == #"{"effort":"medium","summary":"auto"}"#)
        request.reasoning = Reasoning(effort: .max)
        #expect(try encode(request, model: "gpt-5.5").body["reasoning"]?["effort"]?.string == "max")
        request.reasoning = Reasoning()
        request.reasoning?.enabled = false
        #expect(try encode(request, model: "gpt-5.1").body["reasoning"]?["effort"]?.string == "none")
        #expect(try encode(request, model: "gpt-5-mini").body["reasoning"]?["effort"]?.string == "minimal")
        #expect(try encode(request, model: "o3").dropped.contains("thinking"))
        #expect(try encode(request, model: "gpt-4.1").body["reasoning"] == nil)
        #expect(try encode(request, model: "gpt-4.1").body["temperature"]?.numberText == "1")
    }

    @Test func `thoughts go back to their own vendor only`() throws {
        let own = Part(.thinking(Thinking("mine", id: "rs_1")), signature: Signature(.openAIResponses, "seal/=="))
        let made = Part(
            .thinking(Thinking("made", id: "rs_gh_call1_0")), signature: Signature(.openAIResponses, "seal2"))
        let foreign = Part(.thinking(Thinking("theirs")), signature: Signature(.anthropic, "sig"))
        let plain = Part(.thinking(Thinking("plain")))
        let message = Message(role: .assistant, parts: [own, made, foreign, plain, .text("answer")])
        let encoded = try encode(CanonicalRequest(model: "a", messages: [message]), model: "gpt-5")
        let expected = try json(
            """
            [{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"mine"}],
            "encrypted_content":"seal/=="},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"made"}],"encrypted_content":"seal2"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"answer"}]}]
            """)
        #expect(expected.difference(from: encoded.body["input"] ?? .null) == nil)
        #expect(encoded.dropped == ["thinking"])
    }

    @Test func `a foreign seal travels through the caller and comes back byte for byte`() throws {
        let call = ToolCall(id: "c:1", name: "f", arguments: "{}")
        let sealed: [Part] = [
            Part(.thinking(Thinking("thought")), signature: Signature(.anthropic, "a:b/+==")),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "redacted")),
            .text("text"), Part(.text(""), signature: Signature(.gemini, "textseal")),
            Part(.toolCall(call), signature: Signature(.gemini, "callseal")),
        ]
        let response = CanonicalResponse(parts: sealed, finish: Finish(.toolCalls))
        let identity = AnswerIdentity(call: "k", model: "m", created: 1)
        let whole = ResponsesCodec.encodeResponse(response, as: identity)
        let output = try #require(whole["output"])
        let request = try ResponsesCodec.decodeRequest(.object(["model": .string("m"), "input": output]))
        let back = try #require(request.messages.first?.parts)
        #expect(back.map(\.signature) == sealed.map(\.signature))
        #expect(back.map(\.kindName) == sealed.map(\.kindName))
        #expect(back[1].thinking?.isRedacted == true && back[0].thinking?.text == "thought")
        let encoded = try encode(request, model: "gpt-5")
        #expect(encoded.body["input"]?.array?.compactMap { $0["type"]?.string } == ["message", "function_call"])
    }

    @Test func `a vendor's tool and a foreign choice are refused, foreign history is reported`() throws {
        var request = CanonicalRequest(model: "a")
        request.tools = [Tool(.server(dialect: .anthropic, type: "bash_20250124", definition: .null), name: "bash")]
        let error = #expect(throws: GatehouseError.self) { try encode(request) }
        #expect(error?.code == .unsupportedParameter && error?.param == "tools[0].type")
        request.tools = []
        request.toolChoice = .native(.gemini, .null)
        #expect(throws: GatehouseError.self) { try encode(request) }
        request.toolChoice = nil
        let native = Part(.native(.anthropic, type: "server_tool_use", .null))
        request.messages = [Message(role: .assistant, parts: [native, .text("x")])]
        #expect(try encode(request).dropped == ["server_tool_use"])
        request.messages = [Message(role: .user, parts: [Part(.video(Media(.url("https://x"))))])]
        #expect(throws: GatehouseError.self) { try encode(request) }
        request.messages = [Message(role: .user, parts: [Part(.image(Media(.url("gs://bucket/x"))))])]
        let media = #expect(throws: GatehouseError.self) { try encode(request) }
        #expect(media?.param == "messages[0].content[0]")
    }

    @Test func `members that OpenAI's two dialects share are kept`() throws {
        var request = CanonicalRequest(model: "a", messages: [Message(role: .user, parts: [.text("hi")])])
        request.extensions = Extensions(
            .openAIChat,
            [
                .init("prompt_cache_key", .string("k")), .init("verbosity", .string("low")),
                .init("logit_bias", .object(["1": .int(2)])),
            ])
        let encoded = try encode(request)
        #expect(encoded.body["prompt_cache_key"]?.string == "k")
        #expect(encoded.body["text"]?.text == #"{"verbosity":"low"}"#)
        #expect(encoded.dropped == ["logit_bias"])
    }

    @Test func `documents and sound take the vendor's forms`() throws {
        let parts = [
            Part(.document(Media(.base64("QQ=="), mediaType: "application/pdf", name: "a.pdf"))),
            Part(.document(Media(.base64("QQ=="), mediaType: "application/pdf"))),
            Part(.document(Media(.url("https://x/a.pdf")))), Part(.document(Media(.text("words")))),
            Part(.audio(Media(.base64("QQ=="), mediaType: "audio/mpeg"))),
            Part(.image(Media(.file("f1"), detail: "low"))),
        ]
        let request = CanonicalRequest(model: "a", messages: [Message(role: .user, parts: parts)])
        let expected = try json(
            """
            [{"type":"input_file","file_data":"data:application/pdf;base64,QQ==","filename":"a.pdf"},
            {"type":"input_file","file_data":"data:application/pdf;base64,QQ==","filename":"file.pdf"},
            {"type":"input_file","file_url":"https://x/a.pdf"},{"type":"input_text","text":"words"},
            {"type":"input_audio","input_audio":{"data":"QQ==","format":"mp3"}},
            {"type":"input_image","file_id":"f1","detail":"low"}]
            """)
        #expect(expected.difference(from: try encode(request).body["input"]?[0]?["content"] ?? .null) == nil)
    }

    @Test func `a backend that wants instructions gets them`() throws {
        let request = CanonicalRequest(
            model: "a",
            messages: [Message(role: .system, parts: [.text("rules")]), Message(role: .user, parts: [.text("hi")])])
        let traits = TargetTraits(kind: "chatgpt-codex", model: "gpt-5")
        let body = try ResponsesCodec.encodeRequest(request, for: traits).body
        #expect(body["instructions"]?.string == "rules" && body["input"]?.array?.count == 1)
    }
}
