import GatehouseCore
import Testing

/// Requests of other dialects on their way to Anthropic: the shape of the conversation, its tools and media.
@Suite struct AnthropicTranslationTests {
    private func encode(_ request: CanonicalRequest, model: String = "claude-sonnet-4-5") throws -> EncodedRequest {
        try AnthropicCodec.encodeRequest(request, for: TargetTraits(kind: "anthropic", model: model))
    }

    private func refusal(_ request: CanonicalRequest, model: String = "claude-sonnet-4-5") -> GatehouseError? {
        #expect(throws: GatehouseError.self) { try encode(request, model: model) }
    }

    private func ask(_ messages: Message...) -> CanonicalRequest {
        CanonicalRequest(model: "alias", messages: messages)
    }

    private func user(_ text: String) -> Message { Message(role: .user, parts: [.text(text)]) }

    private func assistant(_ parts: Part...) -> Message { Message(role: .assistant, parts: parts) }

    private func call(_ id: String, _ name: String = "f", _ arguments: String = "{}") -> Part {
        Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
    }

    private func result(_ id: String, _ text: String = "ok") -> Message {
        Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: [.text(text)])))])
    }

    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    // MARK: Turns

    @Test func `leading system messages are gathered and later ones stay in place as words of the user`() throws {
        let encoded = try encode(
            ask(
                Message(role: .system, parts: [.text("a")]), Message(role: .system, parts: [.text("b")]), user("hi"),
                assistant(.text("yes")), Message(role: .system, parts: [.text("c")]), user("go")))
        #expect(try encoded.body["system"] == json(#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#))
        let expected = try json(
            #"[{"role":"user","content":[{"type":"text","text":"hi"}]},"#
                + #"{"role":"assistant","content":[{"type":"text","text":"yes"}]},"#
                + #"{"role":"user","content":[{"type":"text","text":"<system>\nc\n</system>"},"#
                + #"{"type":"text","text":"go"}]}]"#)
        #expect(encoded.body["messages"] == expected)
        #expect(encoded.dropped.isEmpty)
    }

    @Test func `messages of one side become one turn`() throws {
        let encoded = try encode(ask(user("a"), user("b"), assistant(.text("c")), user("d")))
        let roles = encoded.body["messages"]?.array?.map { $0["role"]?.string }
        #expect(roles == ["user", "assistant", "user"])
        #expect(encoded.body["messages"]?[0]?["content"]?.array?.count == 2)
    }

    @Test func `all results of a turn stand first in one message right behind the calls`() throws {
        let encoded = try encode(
            ask(user("go"), assistant(.text("wait"), call("a"), call("b")), result("a"), user("and"), result("b")))
        let last = encoded.body["messages"]?[2]
        #expect(encoded.body["messages"]?.array?.count == 3)
        #expect(last?["role"]?.string == "user")
        #expect(last?["content"]?.array?.map { $0["type"]?.string } == ["tool_result", "tool_result", "text"])
        #expect(last?["content"]?.array?.map { $0["tool_use_id"]?.string } == ["a", "b", nil])
    }

    @Test func `a call without a result is refused by its message`() {
        let error = refusal(ask(user("go"), assistant(call("a"), call("b")), result("a")))
        #expect(error?.code == .invalidValue)
        #expect(error?.param == "messages[1]")
        #expect(error?.message.contains("messages[1]") == true)
    }

    @Test func `a result without a call is refused by its message`() {
        #expect(refusal(ask(user("go"), result("x")))?.param == "messages[1]")
        let twice = ask(user("go"), assistant(call("a")), result("a"), result("a"))
        #expect(refusal(twice)?.param == "messages[3]")
        let late = ask(user("go"), assistant(call("a")), result("a"), assistant(.text("done")), result("a"))
        #expect(refusal(late)?.param == "messages[4]")
    }

    @Test func `a conversation of system messages alone is refused`() {
        #expect(refusal(ask(Message(role: .system, parts: [.text("a")])))?.param == "messages")
    }

    @Test func `texts of blanks are left out and an empty message with them`() throws {
        let last = Message(role: .user, parts: [.text(""), .text("b")])
        let encoded = try encode(ask(user("a"), assistant(.text(""), .text(" \n")), last))
        let expected = #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#
        #expect(try encoded.body["messages"] == json(expected))
    }

    @Test func `an answer to go on from is refused where the model cannot`() throws {
        let request = ask(user("a"), assistant(.text("{")))
        #expect(refusal(request, model: "claude-sonnet-5")?.code == .unsupportedParameter)
        #expect(try encode(request).body["messages"]?.array?.count == 2)
    }

    // MARK: Thoughts of earlier turns

    @Test func `own thoughts go back byte for byte and first, foreign ones are left out`() throws {
        let seal = "Eq+/\u{1F600}\\\"=="
        let turn = assistant(
            .text("so"), call("a"), Part(.thinking(Thinking("")), signature: Signature(.anthropic, seal)),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "Em")),
            Part(.thinking(Thinking("secret")), signature: Signature(.gemini, "g")),
            Part(.thinking(Thinking("unsealed"))))
        let encoded = try encode(ask(user("go"), turn, result("a")))
        let content = encoded.body["messages"]?[1]?["content"]
        #expect(content?.array?.map { $0["type"]?.string } == ["thinking", "redacted_thinking", "text", "tool_use"])
        #expect(content?[0]?["thinking"]?.string == "")
        #expect(content?[0]?["signature"]?.string == seal)
        #expect(content?[1]?["data"]?.string == "Em")
        #expect(!encoded.body.text.contains("secret") && !encoded.body.text.contains("unsealed"))
    }

    @Test func `the seal of another vendor comes back through an Anthropic caller`() throws {
        let thinking = Thinking("hm", id: "rs_1")
        let part = Part(.thinking(thinking), signature: Signature(.openAIResponses, "enc:rypted"))
        let answer = CanonicalResponse(parts: [part, .text("x")], finish: Finish(.stop))
        let content = AnthropicCodec.encodeResponse(answer, as: AnthropicStreams.identity)["content"]
        let turn = JSONValue.object([
            "model": .string("m"), "max_tokens": .int(5),
            "messages": .array([.object(["role": .string("assistant"), "content": content])]),
        ])
        let request = try AnthropicCodec.decodeRequest(turn)
        #expect(request.messages[0].parts[0].signature == Signature(.openAIResponses, "enc:rypted"))
        #expect(request.messages[0].parts[0].thinking == thinking)
        // And never reaches Anthropic.
        #expect(try encode(request).body["messages"]?[0]?["content"]?.array?.count == 1)
    }

    // MARK: Tools

    @Test func `tools keep their order, get an object as schema, and names that break the rule are mapped`() throws {
        var request = ask(user("go"))
        let bad = "mcp.server/" + String(repeating: "x", count: 140)
        request.tools = [
            Tool(.function(parameters: try json(#"{"properties":{}}"#)), name: bad, strict: true),
            Tool(.function(parameters: nil), name: "none"),
        ]
        request.toolChoice = .tool(name: bad)
        request.parallelToolCalls = false
        let encoded = try encode(request)
        let name = try #require(encoded.body["tools"]?[0]?["name"]?.string)
        #expect(name.utf8.count <= 128 && name != bad)
        #expect(encoded.names.original(name) == bad)
        #expect(try encoded.body["tools"]?[0]?["input_schema"] == json(#"{"properties":{},"type":"object"}"#))
        #expect(encoded.body["tools"]?[0]?["strict"] == .bool(true))
        #expect(try encoded.body["tools"]?[1]?["input_schema"] == json(#"{"type":"object","properties":{}}"#))
        let choice = JSONValue.object([
            "type": .string("tool"), "name": .string(name), "disable_parallel_tool_use": .bool(true),
        ])
        #expect(encoded.body["tool_choice"] == choice)
    }

    @Test func `ids that break the rule are mapped alike in call and result`() throws {
        let encoded = try encode(ask(user("go"), assistant(call("call:1/ü")), result("call:1/ü")))
        let id = encoded.body["messages"]?[1]?["content"]?[0]?["id"]?.string
        #expect(id?.utf8.allSatisfy { $0 < 128 && $0 != UInt8(ascii: ":") } == true)
        #expect(encoded.body["messages"]?[2]?["content"]?[0]?["tool_use_id"]?.string == id)
    }

    @Test func `allowed tools are the tools that are sent`() throws {
        var request = ask(user("go"))
        request.tools = ["a", "b", "c"].map { Tool(.function(parameters: nil), name: $0) }
        request.toolChoice = .allowed(names: ["c", "a"], isRequired: true)
        let encoded = try encode(request)
        #expect(encoded.body["tools"]?.array?.map { $0["name"]?.string } == ["a", "c"])
        #expect(encoded.body["tool_choice"]?["type"]?.string == "any")
    }

    @Test func `tools that another vendor runs are refused, and a choice without tools`() {
        var request = ask(user("go"))
        request.tools = [
            Tool(.server(dialect: .openAIResponses, type: "web_search", definition: .object([])), name: "")
        ]
        #expect(refusal(request)?.param == "tools[0].type")
        request.tools = []
        request.toolChoice = .required
        #expect(refusal(request)?.param == "tool_choice")
    }

    @Test func `arguments that are no object are kept whole`() throws {
        let turn = assistant(call("a", "f", ""), call("b", "f", "{\"x\": 1.50}"), call("c", "f", "{broken"))
        let encoded = try encode(ask(user("go"), turn, result("a"), result("b"), result("c")))
        let inputs = encoded.body["messages"]?[1]?["content"]?.array?.compactMap { $0["input"]?.text }
        #expect(inputs == ["{}", #"{"x":1.50}"#, #"{"input":"{broken"}"#])
    }

    // MARK: Media

    @Test func `an image survives, also in a result, and its true type is told`() throws {
        let image = Part(.image(Media(url: "data:image/jpeg;base64,iVBORw0KGgoAAA", detail: "low")))
        let answer = Part(.toolResult(ToolResult(callID: "a", content: [image], isError: true)))
        let encoded = try encode(
            ask(
                Message(role: .user, parts: [image, Part(.image(Media(url: "https://x/y.png")))]),
                assistant(call("a")), Message(role: .tool, parts: [answer])))
        let source = try json(#"{"type":"base64","data":"iVBORw0KGgoAAA","media_type":"image/png"}"#)
        #expect(encoded.body["messages"]?[0]?["content"]?[0]?["source"] == source)
        #expect(encoded.body["messages"]?[0]?["content"]?[1]?["source"]?["url"]?.string == "https://x/y.png")
        #expect(encoded.body["messages"]?[2]?["content"]?[0]?["content"]?[0]?["source"] == source)
        #expect(encoded.body["messages"]?[2]?["content"]?[0]?["is_error"] == .bool(true))
        #expect(encoded.dropped == ["detail"])
    }

    @Test func `media that Anthropic cannot take are refused by their message`() {
        let media = Media(.base64("AAAA"), mediaType: "audio/wav")
        let parts = [
            Part(.audio(media)), Part(.video(media)), Part(.image(Media(.url("gs://b/c")))),
            Part(.image(Media(.base64("AAAA"), mediaType: "image/tiff"))),
            Part(.document(Media(.base64("AAAA"), mediaType: "text/csv"))),
        ]
        for part in parts {
            let error = refusal(ask(Message(role: .user, parts: [part])))
            #expect(error?.code == .unsupportedParameter)
            #expect(error?.param == "messages[0]")
        }
    }

    // MARK: Cache markers

    @Test func `four cache markers are kept: of the tools, of the system, and the newest`() throws {
        func marked(_ text: String) -> Part {
            var part = Part.text(text)
            part.cache = CacheMarker(ttl: "1h")
            return part
        }
        var request = ask(
            Message(role: .system, parts: [marked("s1"), marked("s2")]),
            Message(role: .user, parts: [marked("u1"), marked("u2"), marked("u3")]))
        request.tools = ["a", "b"].map { name in
            var tool = Tool(.function(parameters: nil), name: name)
            tool.cache = CacheMarker()
            return tool
        }
        let encoded = try encode(request)
        func marks(_ list: JSONValue?) -> [Bool] { list?.array?.map { $0["cache_control"] != nil } ?? [] }
        #expect(marks(encoded.body["tools"]) == [false, true])
        #expect(marks(encoded.body["system"]) == [false, true])
        #expect(marks(encoded.body["messages"]?[0]?["content"]) == [false, true, true])
        #expect(encoded.dropped == ["cache_control"])
        request.tools = []
        request.messages[0].parts[0].cache = nil
        let within = try encode(request)
        #expect(within.dropped.isEmpty)
        #expect(within.body["system"]?[1]?["cache_control"]?["ttl"]?.string == "1h")
        #expect(within.body["system"]?[1]?["cache_control"]?["type"]?.string == "ephemeral")
        #expect(marks(within.body["messages"]?[0]?["content"]) == [true, true, true])
    }
}
