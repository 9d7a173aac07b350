import GatehouseCore
import Testing

@Suite struct BedrockMessageTests {
    @Test func turnsOfOneRoleBecomeOne() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Bedrock.user("a"), Bedrock.user("b"), Bedrock.assistant(.text("c")),
            Bedrock.assistant(Bedrock.call("1"), Bedrock.call("2")), Bedrock.result("1", "r"),
            Bedrock.result("2", "s"), Bedrock.user("d"),
        ]
        request.tools = [Bedrock.tool()]
        let body = try Bedrock.encode(request).body
        #expect(
            Bedrock.outline(body) == [
                "user: a, b", "assistant: c, toolUse, toolUse", "user: toolResult, toolResult, d",
            ])
    }

    @Test func resultsComeBeforeTextThatStoodBetween() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Bedrock.user("a"), Bedrock.assistant(Bedrock.call("1"), Bedrock.call("2")), Bedrock.user("wait"),
            Bedrock.result("1", "r"), Bedrock.result("2", "s"),
        ]
        request.tools = [Bedrock.tool()]
        let body = try Bedrock.encode(request).body
        #expect(Bedrock.outline(body).last == "user: toolResult, toolResult, wait")
        let blocks = try #require(body["messages"]?[2]?["content"]?.array)
        #expect(blocks.prefix(2).map { $0["toolResult"]?["toolUseId"]?.string } == ["1", "2"])
    }

    @Test func blankTextIsLeftOutAndTheUserBegins() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Bedrock.assistant(.text("hello")), Bedrock.user("", " \n"), Bedrock.assistant(.text("\n")),
            Bedrock.user("x"),
        ]
        #expect(Bedrock.outline(try Bedrock.encode(request).body) == ["user: .", "assistant: hello", "user: x"])
    }

    @Test func nothingToSendIsAnError() {
        var request = CanonicalRequest(model: "m")
        request.messages = [Bedrock.user(" ")]
        #expect { try Bedrock.encode(request) } throws: { error in
            (error as? GatehouseError)?.code == .invalidValue && (error as? GatehouseError)?.param == "messages"
        }
    }

    @Test func systemMessagesAreGathered() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Message(role: .system, parts: [.text("one")]), Bedrock.user("a"),
            Message(role: .system, parts: [.text("two")]), Bedrock.user("b"),
        ]
        let body = try Bedrock.encode(request).body
        #expect(body["system"] == (try Bedrock.json(#"[{"text":"one"},{"text":"two"}]"#)))
        #expect(Bedrock.outline(body) == ["user: a, b"])
    }

    // MARK: Cache points

    @Test func cachePointsStandBehindWhatTheyMark() throws {
        var request = CanonicalRequest(model: "m")
        var system = Part.text("s")
        system.cache = CacheMarker()
        var user = Part.text("u")
        user.cache = CacheMarker(ttl: "1h")
        var result = Part(.toolResult(ToolResult(callID: "1", content: [.text("r")])))
        result.cache = CacheMarker(ttl: "5m")
        var tool = Bedrock.tool()
        tool.cache = CacheMarker()
        request.messages = [
            Message(role: .system, parts: [system]), Message(role: .user, parts: [user]),
            Bedrock.assistant(Bedrock.call("1")), Message(role: .tool, parts: [result]),
        ]
        request.tools = [tool]
        let body = try Bedrock.encode(request).body
        let point = try Bedrock.json(#"{"cachePoint":{"type":"default"}}"#)
        #expect(body["system"]?[1] == point)
        #expect(body["toolConfig"]?["tools"]?[1] == point)
        let marked = try Bedrock.json(#"{"cachePoint":{"type":"default","ttl":"1h"}}"#)
        #expect(body["messages"]?[0]?["content"]?[1] == marked)
        #expect(body["messages"]?[2]?["content"]?[1] == point)
    }

    @Test func markersComeBackFromPoints() throws {
        let body = try Bedrock.json(
            #"{"messages":[{"role":"user","content":[{"cachePoint":{"type":"default"}},{"text":"a"},"#
                + #"{"cachePoint":{"type":"default","ttl":"5m"}},{"cachePoint":{"type":"default"}}]}],"#
                + #""system":[{"text":"s"},{"cachePoint":{"type":"default"}}]}"#)
        let request = try BedrockCodec.decodeRequest(body)
        #expect(request.messages[0].parts.map { $0.cache != nil } == [true])
        #expect(request.messages[1].parts.map { $0.cache?.ttl } == [nil, "5m", nil])
        #expect(request.messages[1].parts.map(\.kindName) == ["cachePoint", "text", "cachePoint"])
        let found = body.difference(from: try Bedrock.encode(request, "").body)
        #expect(found == nil)
    }

    @Test func modelsWithoutCacheGetNoPoints() throws {
        var part = Part.text("u")
        part.cache = CacheMarker()
        let request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: [part])])
        let encoded = try Bedrock.encode(request, "meta.llama3-2-1b-instruct-v1:0")
        #expect(Bedrock.outline(encoded.body) == ["user: u"])
        #expect(encoded.dropped == ["cache_control"])
    }

    @Test func aMarkerOfTheWholeRequestIsItsLastBlock() throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        request.cache = CacheMarker()
        #expect(Bedrock.outline(try Bedrock.encode(request).body) == ["user: a, cachePoint"])
    }

    // MARK: Thinking

    @Test func sealsOfClaudeGoBackByteForByteInOrder() throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        let redacted = Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "EtkE+/="))
        request.messages.append(
            Bedrock.assistant(
                Bedrock.thinking("t\u{2028}\"", Signature(.anthropic, "Er+/=")), redacted,
                Bedrock.thinking("", Signature(.anthropic, "x")), .text("u")))
        let content = try Bedrock.encode(request).body["messages"]?[1]?["content"]
        #expect(
            content
                == (try Bedrock.json(
                    #"[{"reasoningContent":{"reasoningText":{"text":"t\#u{2028}\"","signature":"Er+/="}}},"#
                        + #"{"reasoningContent":{"redactedContent":"RXRrRSsvPQ=="}},"#
                        + #"{"reasoningContent":{"reasoningText":{"text":"","signature":"x"}}},{"text":"u"}]"#)))
    }

    @Test(arguments: [Signature(.gemini, "g"), Signature(.openAIResponses, "o"), nil])
    func foreignThinkingIsLeftOut(signature: Signature?) throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        request.messages.append(Bedrock.assistant(Bedrock.thinking("secret", signature), .text("u")))
        let body = try Bedrock.encode(request).body
        #expect(Bedrock.outline(body) == ["user: a", "assistant: u"])
        #expect(!body.text.contains("secret"))
    }

    @Test func otherVendorsGetNoSealsOfClaude() throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        request.messages.append(Bedrock.assistant(Bedrock.thinking("t", Signature(.anthropic, "x")), .text("u")))
        let body = try Bedrock.encode(request, "us.amazon.nova-2-lite-v1:0").body
        #expect(Bedrock.outline(body) == ["user: a", "assistant: u"])
    }

    // MARK: Results, names and ids

    @Test func resultsKeepImagesErrorsAndJSON() throws {
        let image = Part(.image(Media(.base64("iVBORw0KGgo="), mediaType: "image/png")))
        var result = ToolResult(callID: "1", content: [.text(" "), .text("see"), image], isError: true)
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Bedrock.user("a"), Bedrock.assistant(Bedrock.call("1")),
            Message(role: .tool, parts: [Part(.toolResult(result))]),
        ]
        request.tools = [Bedrock.tool()]
        let block = try Bedrock.encode(request).body["messages"]?[2]?["content"]?[0]?["toolResult"]
        #expect(
            block
                == (try Bedrock.json(
                    #"{"toolUseId":"1","content":[{"text":"see"},{"image":{"format":"png","source":{"#
                        + #""bytes":"iVBORw0KGgo="}}}],"status":"error"}"#)))
        result.content = []
        request.messages[2].parts = [Part(.toolResult(result))]
        let empty = try Bedrock.encode(request).body["messages"]?[2]?["content"]?[0]?["toolResult"]?["content"]
        #expect(empty == .array([]))
    }

    @Test func argumentsAreObjects() throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        request.messages.append(
            Bedrock.assistant(
                Bedrock.call("1", "f", ""), Bedrock.call("2", "f", #"{"n":1.50}"#), Bedrock.call("3", "f", #"{"n":"#),
                Bedrock.call("4", "f", "7")))
        request.tools = [Bedrock.tool()]
        let blocks = try Bedrock.encode(request).body["messages"]?[1]?["content"]?.array ?? []
        #expect(
            blocks.map { $0["toolUse"]?["input"]?.text } == [
                "{}", #"{"n":1.50}"#, #"{"input":"{\"n\":"}"#, #"{"input":"7"}"#,
            ])
    }

    @Test func namesAndIdsThatBreakTheRulesAreReplaced() throws {
        let long = String(repeating: "mcp__server__tool.", count: 5)
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        request.messages += [
            Bedrock.assistant(Bedrock.call("call:1|x", long)), Bedrock.result("call:1|x", "r"),
        ]
        request.tools = [Bedrock.tool(long)]
        request.toolChoice = .tool(name: long)
        let encoded = try Bedrock.encode(request)
        let name = try #require(encoded.body["toolConfig"]?["tools"]?[0]?["toolSpec"]?["name"]?.string)
        #expect(name.utf8.count <= 64 && !name.contains("."))
        #expect(encoded.body["toolConfig"]?["toolChoice"]?["tool"]?["name"]?.string == name)
        let use = encoded.body["messages"]?[1]?["content"]?[0]?["toolUse"]
        #expect(use?["name"]?.string == name)
        let id = try #require(use?["toolUseId"]?.string)
        #expect(!id.contains(":") && !id.contains("|"))
        #expect(encoded.body["messages"]?[2]?["content"]?[0]?["toolResult"]?["toolUseId"]?.string == id)
        #expect(encoded.names.original(name) == long)
    }

    @Test(arguments: [
        ("us.mistral.pixtral-large-2502-v1:0", false, 9), ("moonshot.kimi-k2-thinking", true, 27),
        (Bedrock.claude45, false, 27),
    ])
    func idsFollowTheModelsVendor(model: String, isKept: Bool, length: Int) throws {
        var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])
        let id = "functions.get_temperature:0"
        request.messages += [Bedrock.assistant(Bedrock.call(id)), Bedrock.result(id, "r")]
        request.tools = [Bedrock.tool()]
        let sent = try Bedrock.encode(request, model).body["messages"]?[1]?["content"]?[0]?["toolUse"]?["toolUseId"]
        #expect((sent?.string == id) == isKept)
        #expect((sent?.string?.utf8.count ?? 0) <= max(length, 64))
        if length == 9 { #expect(sent?.string?.utf8.count == 9) }
    }
}
