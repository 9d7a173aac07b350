import GatehouseCore
import Testing

/// Requests of other dialects on their way to Ollama, and its own that are wrong.
@Suite struct OllamaRequestTests {
    private func encode(_ request: CanonicalRequest) throws -> EncodedRequest {
        try OllamaCodec.encodeRequest(request, for: TargetTraits(kind: "ollama", model: "qwen3"))
    }

    private func request(_ messages: Message...) -> CanonicalRequest {
        CanonicalRequest(model: "qwen3", messages: messages)
    }

    private func decode(_ text: String) throws -> CanonicalRequest {
        try OllamaCodec.decodeRequest(JSONValue(parsing: text.utf8))
    }

    private let user = Message(role: .user, parts: [.text("hi")])

    @Test func `a caller who wants no stream gets none, as Ollama streams by itself`() throws {
        #expect(
            try encode(request(user)).body.text
                == #"{"model":"qwen3","messages":[{"role":"user","content":"hi"}],"stream":false}"#)
        #expect(try decode(#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#).stream)
    }

    @Test func `pieces of what a model said are one text, other texts stay apart`() throws {
        let pieces = Message(role: .assistant, parts: [.text("Four"), .text(" score")])
        let written = try encode(request(Message(role: .user, parts: [.text("a"), .text("b")]), pieces)).body
        #expect(written["messages"]?[0]?["content"]?.string == "a\nb")
        #expect(written["messages"]?[1]?["content"]?.string == "Four score")
    }

    @Test func `every known parameter is mapped or reported`() throws {
        var request = request(user)
        request.stream = true
        request.maxTokens = 5
        request.sampling.temperature = "0.70"
        request.sampling.topP = "0.9"
        request.sampling.topK = 3
        request.sampling.minP = "0.1"
        request.sampling.frequencyPenalty = "1"
        request.sampling.presencePenalty = "2"
        request.sampling.seed = 7
        request.sampling.stop = ["a", "b"]
        request.sampling.logprobs = true
        request.sampling.topLogprobs = 2
        request.responseFormat = .jsonObject
        request.parallelToolCalls = false
        request.user = "u"
        request.cache = CacheMarker()
        request.extensions = Extensions(.openAIChat, [.init("logit_bias", .object([]))])
        let encoded = try encode(request)
        #expect(
            encoded.body.text
                == #"{"model":"qwen3","messages":[{"role":"user","content":"hi"}],"stream":true,"format":"json","#
                + #""options":{"num_predict":5,"temperature":0.70,"top_p":0.9,"top_k":3,"min_p":0.1,"#
                + #""frequency_penalty":1,"presence_penalty":2,"seed":7,"stop":["a","b"]},"logprobs":true,"#
                + #""top_logprobs":2}"#
        )
        #expect(encoded.dropped == ["parallel_tool_calls", "user", "cache_control", "logit_bias"])
        request.responseFormat = .jsonSchema(
            JSONSchemaFormat(name: "n", schema: .object([.init("type", .string("object"))])))
        #expect(try encode(request).body["format"]?.text == #"{"type":"object"}"#)
    }

    @Test func `what would change the meaning is refused by name`() {
        var several = request(user)
        several.sampling.choices = 2
        var continued = request(user)
        continued.previousResponse = "resp_1"
        var required = request(user)
        required.toolChoice = .required
        let url = request(Message(role: .user, parts: [Part(.image(Media(.url("https://a/b.png"))))]))
        let sound = request(user, Message(role: .user, parts: [Part(.audio(Media(.base64("AA"))))]))
        let params = [several, continued, required, url, sound].map { request in
            #expect(throws: GatehouseError.self) { try encode(request) }?.param
        }
        #expect(
            params == ["n", "previous_response_id", "tool_choice", "messages[0].content", "messages[1].content"])
    }

    @Test func `no call is had by offering no tool`() throws {
        var request = request(user)
        request.tools = [Tool(.function(parameters: nil), name: "f"), Tool(.function(parameters: nil), name: "g")]
        request.toolChoice = ToolChoice.none
        #expect(try encode(request).body["tools"] == nil)
        request.toolChoice = .allowed(names: ["g"], isRequired: false)
        #expect(try encode(request).body["tools"]?.array?.count == 1)
        request.toolChoice = .auto
        #expect(try encode(request).body["tools"]?.array?.count == 2)
    }

    @Test func `levels of thinking keep their meaning`() throws {
        func think(_ change: (inout Reasoning) -> Void) throws -> (JSONValue?, [String]) {
            var request = request(user)
            var reasoning = Reasoning()
            change(&reasoning)
            request.reasoning = reasoning
            let encoded = try encode(request)
            return (encoded.body["think"], encoded.dropped)
        }
        #expect(try think { $0.effort = .minimal } == (.string("low"), []))
        #expect(try think { $0.effort = .medium } == (.string("medium"), []))
        #expect(try think { $0.effort = .xhigh } == (.string("high"), ["reasoning_effort"]))
        #expect(try think { $0.effort = Reasoning.Effort.none } == (.bool(false), []))
        #expect(try think { $0.enabled = true } == (.bool(true), []))
        #expect(try think { $0.budget = 0 } == (.bool(false), []))
        #expect(try think { $0.budget = 5 } == (.bool(true), ["thinking_budget"]))
        #expect(try think { _ in } == (nil, []))
    }

    @Test func `content is one text, images stand beside it, arguments are objects`() throws {
        let image = Part(.image(Media(.base64("AA"), mediaType: "image/png")))
        let call = ToolCall(id: "c1", name: "f", arguments: #"{"b":1.50,"a":[]}"#)
        let free = ToolCall(id: "c2", name: "g", arguments: "free\ntext", isCustom: true)
        let sealed = Part(.thinking(Thinking("secret")), signature: Signature(.anthropic, "s"))
        let encoded = try encode(
            request(
                Message(role: .system, parts: [.text("be brief")]),
                Message(role: .user, parts: [.text("a"), image, .text("b")]),
                Message(
                    role: .assistant,
                    parts: [sealed, Part(.thinking(Thinking("hm"))), Part(.toolCall(call)), Part(.toolCall(free))]),
                Message(
                    role: .tool,
                    parts: [
                        Part(.toolResult(ToolResult(callID: "c1", content: [.text("r"), image]))),
                        Part(.toolResult(ToolResult(callID: "c2", content: [], isError: true))),
                    ])))
        let messages = try #require(encoded.body["messages"]?.array).map(\.text)
        #expect(
            messages == [
                #"{"role":"system","content":"be brief"}"#, #"{"role":"user","content":"a\nb","images":["AA"]}"#,
                #"{"role":"assistant","content":"","thinking":"hm","tool_calls":["#
                    + #"{"id":"c1","function":{"name":"f","arguments":{"b":1.50,"a":[]}}},"#
                    + #"{"id":"c2","function":{"name":"g","arguments":{"input":"free\ntext"}}}]}"#,
                #"{"role":"tool","content":"r","images":["AA"],"tool_name":"f","tool_call_id":"c1"}"#,
                #"{"role":"tool","content":"","tool_name":"g","tool_call_id":"c2"}"#,
            ])
        #expect(encoded.dropped == ["thinking", "is_error"])
    }

    @Test func `calls without ids get stable ones, and results find theirs`() throws {
        let call = #"{"function":{"name":"NAME","arguments":{"x":1}}}"#
        func named(_ name: String) -> String { call.split(separator: "NAME").joined(separator: name) }
        let text =
            #"{"model":"m","messages":[{"role":"assistant","content":"","tool_calls":["#
            + [named("f"), named("g"), named("f")].joined(separator: ",")
            + #"]},{"role":"tool","content":"G","tool_name":"g"},{"role":"tool","content":"F1","tool_name":"f"},"#
            + #"{"role":"tool","content":"F2"},{"role":"tool","content":"?","tool_name":"h"}]}"#
        let request = try decode(text)
        let ids = request.messages[0].parts.compactMap(\.toolCall?.id)
        #expect(Set(ids).count == 3)
        #expect(ids.allSatisfy { $0.utf8.count <= 40 && NameRule(1...40).allows($0) })
        #expect(try decode(text) == request)
        let results = request.messages.dropFirst().compactMap { $0.parts[0].toolResult }
        #expect(results.map(\.callID).prefix(3) == [ids[1], ids[0], ids[2]])
        #expect(results.map(\.name) == ["g", "f", "f", "h"])
        #expect(!ids.contains(results[3].callID))
        #expect(try encode(request).body.difference(from: JSONValue(parsing: text.utf8)) == nil)
    }

    @Test func `options that only Ollama knows come back, and are reported to others`() throws {
        let text =
            #"{"model":"m","messages":[{"role":"user","content":"a"}],"options":{"num_ctx":8192,"num_predict":-1,"#
            + #""temperature":0,"stop":[]},"keep_alive":"5m","think":"high","stream":true}"#
        let request = try decode(text)
        #expect(request.maxTokens == nil)
        #expect(request.sampling.temperature == "0")
        #expect(request.reasoning?.effort == .high)
        #expect(request.extensions.foreign(to: .anthropic) == ["keep_alive", "options"])
        #expect(try encode(request).body.difference(from: JSONValue(parsing: text.utf8)) == nil)
    }

    @Test(arguments: [
        (#"{"messages":[]}"#, "model"), (#"{"model":"m"}"#, "messages"), (#"{"model":"m","messages":[]}"#, "messages"),
        (#"{"model":"m","messages":[{"role":"x"}]}"#, "messages[0].role"),
        (#"{"model":"m","messages":[{"role":"user","content":["a"]}]}"#, "messages[0].content"),
        (#"{"model":"m","messages":[{"role":"user","images":[1]}]}"#, "messages[0].images[0]"),
        (
            #"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","#
                + #""arguments":"{}"}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments"
        ),
        (#"{"model":"m","messages":[{"role":"user"}],"format":"xml"}"#, "format"),
        (#"{"model":"m","messages":[{"role":"user"}],"think":"hard"}"#, "think"),
        (#"{"model":"m","messages":[{"role":"user"}],"options":{"top_k":"a"}}"#, "options.top_k"),
        (#"{"model":"m","messages":[{"role":"user"}],"options":{"stop":[1]}}"#, "options.stop[0]"),
    ]) func `errors name the field`(body: String, param: String) {
        let error = #expect(throws: GatehouseError.self) { try decode(body) }
        #expect(error?.param == param)
    }
}
