import GatehouseCore
import Testing

/// Requests of other dialects on their way to Cohere, and its own that are wrong.
@Suite struct CohereRequestTests {
    private let target = TargetTraits(kind: "cohere", model: "command-a")

    private func encode(_ request: CanonicalRequest) throws -> EncodedRequest {
        try CohereCodec.encodeRequest(request, for: target)
    }

    private func request(_ messages: Message...) -> CanonicalRequest {
        CanonicalRequest(model: "command-a", messages: messages)
    }

    private func decode(_ text: String) throws -> CanonicalRequest {
        try CohereCodec.decodeRequest(JSONValue(parsing: text.utf8))
    }

    private let user = Message(role: .user, parts: [.text("hi")])

    @Test func `a plain request has nothing that was not asked for`() throws {
        let encoded = try encode(request(user))
        #expect(encoded.body.text == #"{"model":"command-a","messages":[{"role":"user","content":"hi"}]}"#)
        #expect(encoded.dropped == [])
    }

    @Test func `every known parameter is mapped or reported`() throws {
        var request = request(user)
        request.maxTokens = 5
        request.sampling.temperature = "0.70"
        request.sampling.topP = "0.9"
        request.sampling.topK = 3
        request.sampling.minP = "0.1"
        request.sampling.seed = 7
        request.sampling.stop = ["a", "b"]
        request.sampling.topLogprobs = 2
        request.parallelToolCalls = false
        request.user = "u"
        request.metadata = [.init("k", .string("v"))]
        request.serviceTier = "flex"
        request.store = true
        request.cache = CacheMarker()
        request.extensions = Extensions(.openAIChat, [.init("logit_bias", .object([])), .init("$note", .null)])
        let encoded = try encode(request)
        #expect(
            encoded.body.text == #"{"model":"command-a","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"#
                + #""temperature":0.70,"p":0.9,"k":3,"seed":7,"stop_sequences":["a","b"]}"#)
        #expect(
            encoded.dropped == [
                "min_p", "top_logprobs", "parallel_tool_calls", "user", "metadata", "service_tier", "store",
                "cache_control", "logit_bias",
            ])
    }

    @Test func `what would change the meaning is refused by name`() {
        var several = request(user)
        several.sampling.choices = 2
        var continued = request(user)
        continued.previousResponse = "resp_1"
        var choice = request(user)
        choice.toolChoice = .tool(name: "f")
        let sound = request(Message(role: .user, parts: [Part(.audio(Media(.base64("AA"))))]))
        let file = request(Message(role: .user, parts: [Part(.image(Media(.file("f1"))))]))
        let pdf = request(Message(role: .user, parts: [Part(.document(Media(.base64("AA"))))]))
        let params = [several, continued, choice, sound, file, pdf].map { request in
            #expect(throws: GatehouseError.self) { try encode(request) }?.param
        }
        #expect(
            params == [
                "n", "previous_response_id", "tool_choice", "messages[0].content", "messages[0].content",
                "messages[0].content",
            ])
    }

    @Test func `one tool among others is demanded by sending no other`() throws {
        var request = request(user)
        request.tools = ["f", "g", "h"].map { Tool(.function(parameters: nil), name: $0) }
        request.toolChoice = .tool(name: "g")
        let one = try encode(request).body
        #expect(one["tools"]?.array?.map { $0["function"]?["name"]?.string } == ["g"])
        #expect(one["tool_choice"] == .string("REQUIRED"))
        #expect(one["tools"]?[0]?["function"]?["parameters"]?.text == #"{"type":"object","properties":{}}"#)
        request.toolChoice = .allowed(names: ["f", "h"], isRequired: false)
        let some = try encode(request).body
        #expect(some["tools"]?.array?.count == 2)
        #expect(some["tool_choice"] == nil)
        request.toolChoice = ToolChoice.none
        #expect(try encode(request).body["tool_choice"] == .string("NONE"))
        request.toolChoice = .required
        #expect(try encode(request).body["tool_choice"] == .string("REQUIRED"))
        request.toolChoice = .auto
        #expect(try encode(request).body["tool_choice"] == nil)
    }

    @Test func `names that break the rule are replaced everywhere, and come back`() throws {
        let name = "mcp__server__search-issues"
        var request = request(
            user,
            Message(role: .assistant, parts: [Part(.toolCall(ToolCall(id: "c1", name: name, arguments: "")))]),
            Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "c1", content: [.text("ok")])))]))
        request.tools = [Tool(.function(parameters: nil), name: name)]
        let encoded = try encode(request)
        let standIn = try #require(encoded.body["tools"]?[0]?["function"]?["name"]?.string)
        #expect(standIn != name && standIn.utf8.count <= 64 && !standIn.contains("-"))
        let call = encoded.body["messages"]?[1]?["tool_calls"]?[0]?["function"]
        #expect(call?["name"]?.string == standIn)
        #expect(call?["arguments"] == .string("{}"))
        #expect(encoded.names.original(standIn) == name)
    }

    @Test func `tools that only others have are left out and reported`() throws {
        var request = request(user)
        request.tools = [
            Tool(
                .server(dialect: .anthropic, type: "web_search_20250305", definition: .object([])), name: "web_search"),
            Tool(.custom(format: nil), name: "apply_patch"), Tool(.function(parameters: nil), name: "f", strict: true),
        ]
        let encoded = try encode(request)
        #expect(encoded.body["tools"]?.array?.count == 1)
        #expect(encoded.body["strict_tools"] == nil)
        #expect(encoded.dropped == ["web_search_20250305", "custom tool", "strict"])
        request.tools.removeFirst(2)
        #expect(try encode(request).body["strict_tools"] == .bool(true))
    }

    @Test func `thinking keeps its meaning`() throws {
        func thinking(_ change: (inout Reasoning) -> Void) throws -> (String?, [String]) {
            var request = request(user)
            var reasoning = Reasoning()
            change(&reasoning)
            request.reasoning = reasoning
            let encoded = try encode(request)
            return (encoded.body["thinking"]?.text, encoded.dropped)
        }
        #expect(try thinking { $0.budget = 100 } == (#"{"type":"enabled","token_budget":100}"#, []))
        #expect(try thinking { $0.budget = -1 } == (#"{"type":"enabled"}"#, []))
        #expect(try thinking { $0.budget = 0 } == (#"{"type":"disabled","token_budget":0}"#, []))
        #expect(try thinking { $0.enabled = false } == (#"{"type":"disabled"}"#, []))
        #expect(try thinking { $0.effort = Reasoning.Effort.none } == (#"{"type":"disabled"}"#, []))
        #expect(try thinking { $0.effort = .low } == (#"{"type":"enabled"}"#, ["reasoning_effort"]))
        #expect(try thinking { $0.summary = "auto" } == (nil, ["reasoning.summary"]))
    }

    @Test func `foreign seals stay out, with what they seal`() throws {
        let sealed = Part(.thinking(Thinking("secret")), signature: Signature(.anthropic, "s"))
        let redacted = Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "r"))
        let open = Part(.thinking(Thinking("plain")))
        let encoded = try encode(
            request(
                user, Message(role: .assistant, parts: [sealed, redacted]),
                Message(role: .assistant, parts: [sealed, open, .text("a")])))
        #expect(!encoded.body.text.contains("secret"))
        #expect(
            encoded.body["messages"]?[1]?.text
                == #"{"role":"assistant","content":[{"type":"thinking","thinking":"plain"},{"type":"text","#
                + #""text":"a"}]}"#
        )
        #expect(encoded.body["messages"]?.array?.count == 2)
        #expect(encoded.dropped == ["thinking"])
    }

    @Test func `results of a turn are a message each, and their images follow`() throws {
        let image = Part(.image(Media(.base64("AA"), mediaType: "image/png")))
        let encoded = try encode(
            request(
                user,
                Message(
                    role: .user,
                    parts: [
                        Part(.toolResult(ToolResult(callID: "c1", content: [.text("a"), image]))),
                        Part(.toolResult(ToolResult(callID: "c2", content: [.text("bad")], isError: true))),
                        .text("and?"),
                    ])))
        let messages = try #require(encoded.body["messages"]?.array)
        #expect(messages.map { $0["role"]?.string } == ["user", "tool", "tool", "user"])
        #expect(messages[1].text == #"{"role":"tool","tool_call_id":"c1","content":"a"}"#)
        #expect(messages[2]["content"]?.text == #"[{"type":"document","document":{"data":{"error":"bad"}}}]"#)
        #expect(messages[3]["content"]?[0]?["image_url"]?["url"] == .string("data:image/png;base64,AA"))
        #expect(messages[3]["content"]?[1]?["text"] == .string("and?"))
        let last = try encode(
            request(Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "c1", content: [image])))])))
        #expect(last.body["messages"]?.array?.map { $0["role"]?.string } == ["tool", "user"])
        #expect(last.body["messages"]?[0]?["content"] == .string(""))
    }

    @Test func `the plan before calls is thinking, and is written back as a plan`() throws {
        let text =
            #"{"model":"m","messages":[{"role":"assistant","tool_plan":"I will look.","tool_calls":"#
            + #"[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]}"#
        let request = try decode(text)
        #expect(request.messages[0].parts[0].thinking?.text == "I will look.")
        #expect(try encode(request).body.difference(from: JSONValue(parsing: text.utf8)) == nil)
    }

    @Test func `documents in results are text to others, and come back whole`() throws {
        let text =
            #"{"model":"m","messages":[{"role":"tool","tool_call_id":"c","content":[{"type":"document","#
            + #""document":{"id":"d1","data":{"sum":"3"}}}]}],"documents":[{"data":{"t":"x"}}],"citation_options":"#
            + #"{"mode":"FAST"},"safety_mode":"OFF","k":0,"tool_choice":"NONE","thinking":{"token_budget":5},"x":null}"#
        let request = try decode(text)
        guard case .document(let media) = request.messages[0].parts[0].toolResult?.content[0].content else {
            Issue.record("no document")
            return
        }
        #expect(media.source == .text(#"{"sum":"3"}"#))
        #expect(request.extensions.foreign(to: .openAIChat) == ["documents", "citation_options", "safety_mode"])
        #expect(try encode(request).body.difference(from: JSONValue(parsing: text.utf8)) == nil)
    }

    @Test(arguments: [
        (#"{"messages":[]}"#, "model"), (#"{"model":"m"}"#, "messages"), (#"{"model":"m","messages":[]}"#, "messages"),
        (#"{"model":"m","messages":[{"role":"x"}]}"#, "messages[0].role"),
        (#"{"model":"m","messages":[{"role":"user","content":[{"text":"a"}]}]}"#, "messages[0].content[0].type"),
        (#"{"model":"m","messages":[{"role":"user","content":5}]}"#, "messages[0].content"),
        (#"{"model":"m","messages":[{"role":"tool","content":"a"}]}"#, "messages[0].tool_call_id"),
        (
            #"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments"
        ),
        (#"{"model":"m","messages":[{"role":"user"}],"tool_choice":"AUTO"}"#, "tool_choice"),
        (#"{"model":"m","messages":[{"role":"user"}],"tools":[{"type":"function"}]}"#, "tools[0].function"),
        (#"{"model":"m","messages":[{"role":"user"}],"thinking":{"type":"maybe"}}"#, "thinking.type"),
        (#"{"model":"m","messages":[{"role":"user"}],"response_format":{"type":"xml"}}"#, "response_format.type"),
        (#"{"model":"m","messages":[{"role":"user"}],"max_tokens":1.5}"#, "max_tokens"),
    ]) func `errors name the field`(body: String, param: String) {
        let error = #expect(throws: GatehouseError.self) { try decode(body) }
        #expect(error?.param == param)
    }
}
