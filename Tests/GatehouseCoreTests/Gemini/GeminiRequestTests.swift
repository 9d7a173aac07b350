import GatehouseCore
import Testing

/// What other dialects' requests become for Gemini, and what a Gemini caller's request means.
@Suite struct GeminiRequestTests {
    private func target(_ model: String = "gemini-3-flash-preview", kind: String = "gemini") -> TargetTraits {
        TargetTraits(kind: kind, model: model)
    }

    private func encode(
        _ request: CanonicalRequest, _ target: TargetTraits? = nil
    ) throws(GatehouseError) -> EncodedRequest {
        try GeminiCodec.encodeRequest(request, for: target ?? self.target())
    }

    private func call(_ id: String, _ name: String, _ arguments: String = "{}") -> Part {
        Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
    }

    private func result(_ id: String, _ text: String, isError: Bool = false) -> Message {
        Message(
            role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: [.text(text)], isError: isError)))])
    }

    private func user(_ text: String) -> Message { Message(role: .user, parts: [.text(text)]) }

    private func decode(_ text: String) throws -> CanonicalRequest {
        try GeminiCodec.decodeRequest(JSONValue(parsing: text.utf8))
    }

    // MARK: Turns

    @Test func turnsAlternateAndResultsStandTogether() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Message(role: .system, parts: [.text("be brief")]), user("a"), user("b"),
            Message(role: .assistant, parts: [.text("well"), call("c1", "f"), call("c2", "g")]),
            result("c2", "two"), result("c1", "one"), user("go on"),
            Message(role: .system, parts: [.text("and kind")]),
        ]
        let body = try encode(request).body
        let contents = body["contents"]?.array ?? []
        #expect(contents.map { $0["role"]?.string } == ["user", "model", "user"])
        #expect(contents[0]["parts"]?.array?.count == 2)
        let last = contents[2]["parts"]?.array ?? []
        #expect(last.map { $0["functionResponse"]?["name"]?.string } == ["g", "f", nil])
        #expect(last[0]["functionResponse"]?["id"]?.string == "c2")
        #expect(last[2]["text"]?.string == "go on")
        #expect(
            body["systemInstruction"]?["parts"]?.array?.compactMap { $0["text"]?.string } == ["be brief", "and kind"])
    }

    @Test func aPromptOfSystemMessagesAloneIsTheUsers() throws {
        let request = CanonicalRequest(model: "m", messages: [Message(role: .system, parts: [.text("hello")])])
        let body = try encode(request).body
        #expect(body["systemInstruction"] == nil)
        #expect(body["contents"]?[0]?["role"]?.string == "user")
        #expect(body["contents"]?[0]?["parts"]?[0]?["text"]?.string == "hello")
    }

    @Test func resultsAreObjects() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            user("x"),
            Message(role: .assistant, parts: [call("1", "f"), call("2", "f"), call("3", "f"), call("4", "f")]),
            result("1", "plain"), result("2", #"{"a": 1.50}"#), result("3", "broke", isError: true), result("4", "[1]"),
        ]
        let parts = try encode(request).body["contents"]?[2]?["parts"]?.array ?? []
        let responses = parts.compactMap { $0["functionResponse"]?["response"]?.text }
        #expect(responses == [#"{"result":"plain"}"#, #"{"a":1.50}"#, #"{"error":"broke"}"#, #"{"result":"[1]"}"#])
    }

    @Test func aResultWithoutItsCallIsRefused() {
        let request = CanonicalRequest(model: "m", messages: [user("x"), result("gone", "y")])
        #expect {
            try encode(request)
        } throws: { error in
            let error = error as? GatehouseError
            return error?.code == .invalidValue && error?.param == "messages[1].tool_call_id"
        }
    }

    @Test func picturesInResultsGoWhereTheModelSeesThem() throws {
        let picture = Part(.image(Media(.base64("iVBORw0KGgo="), mediaType: "image/png")))
        var request = CanonicalRequest(model: "m")
        request.messages = [
            user("x"), Message(role: .assistant, parts: [call("1", "f"), call("2", "g")]),
            Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: "1", content: [.text("t"), picture])))]),
            result("2", "two"),
        ]
        let new = try encode(request).body["contents"]?[2]?["parts"]?.array ?? []
        #expect(new.count == 2)
        #expect(new[0]["functionResponse"]?["parts"]?[0]?["inlineData"]?["mimeType"]?.string == "image/png")
        let old = try encode(request, target("gemini-2.5-flash")).body["contents"]?[2]?["parts"]?.array ?? []
        #expect(old.map { $0["functionResponse"] != nil } == [true, true, false])
        #expect(old[2]["inlineData"]?["data"]?.string == "iVBORw0KGgo=")
    }

    @Test func callsWithoutObjectsKeepWhatTheModelWrote() throws {
        var custom = ToolCall(id: "2", name: "f", arguments: "free text")
        custom.isCustom = true
        var request = CanonicalRequest(model: "m")
        request.messages = [
            user("x"),
            Message(role: .assistant, parts: [call("1", "f", #"{"a":"#), Part(.toolCall(custom)), call("3", "f", "")]),
            result("1", ""), result("2", ""), result("3", ""),
        ]
        let parts = try encode(request).body["contents"]?[1]?["parts"]?.array ?? []
        #expect(
            parts.compactMap { $0["functionCall"]?["args"]?.text } == [
                #"{"input":"{\"a\":"}"#, #"{"input":"free text"}"#, "{}",
            ])
    }

    // MARK: Signatures

    @Test func signaturesOfGeminiGoBackAndForeignOnesDoNot() throws {
        var own = call("1", "f")
        own.signature = Signature(.gemini, "c2ln+/==")
        var foreign = call("2", "f")
        foreign.signature = Signature(.openAIResponses, "theirs")
        let thinking = Part(.thinking(Thinking("hm")), signature: Signature(.anthropic, "sealed"))
        let empty = Part(.text(""), signature: Signature(.gemini, "tail"))
        var request = CanonicalRequest(model: "m")
        request.messages = [
            user("x"), Message(role: .assistant, parts: [thinking, own, foreign]), result("1", "a"), result("2", "b"),
            Message(role: .assistant, parts: [.text("done"), empty, .text("")]),
        ]
        let contents = try encode(request).body["contents"]?.array ?? []
        let calls = contents[1]["parts"]?.array ?? []
        #expect(calls.count == 2)
        #expect(calls[0]["thoughtSignature"]?.string == "c2ln+/==")
        #expect(calls[1]["thoughtSignature"] == nil)
        let last = contents[3]["parts"]?.array ?? []
        #expect(last.map(\.text) == [#"{"text":"done"}"#, #"{"text":"","thoughtSignature":"tail"}"#])
    }

    @Test(arguments: [
        ("gemini-3-pro-preview", true), ("gemini-3.5-flash", true), ("gemini-flash-latest", true),
        ("gemini-2.5-pro", false), ("gemini-2.0-flash", false),
    ])
    func stepsThatNoGeminiModelMadeGetThePlaceholder(model: String, has: Bool) throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            user("x"), Message(role: .assistant, parts: [.text("t"), call("1", "f"), call("2", "f")]),
            result("1", "a"), result("2", "b"), Message(role: .assistant, parts: [call("3", "f")]), result("3", "c"),
        ]
        let contents = try encode(request, target(model)).body["contents"]?.array ?? []
        let signatures = [contents[1], contents[3]].map { content in
            (content["parts"]?.array ?? []).map { $0["thoughtSignature"]?.string }
        }
        let word = has ? "skip_thought_signature_validator" : nil
        #expect(signatures == [[nil, word, nil], [word]])
    }

    @Test func idsGoOnlyWhereTheyAreTaken() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [user("x"), Message(role: .assistant, parts: [call("1", "f")]), result("1", "a")]
        let taken: [(String, String, Bool)] = [
            ("gemini", "gemini-2.5-flash", true), ("vertex", "gemini-2.5-flash", false),
            ("vertex", "gemini-3-pro", true),
        ]
        for (kind, model, has) in taken {
            let contents = try encode(request, target(model, kind: kind)).body["contents"]?.array ?? []
            #expect((contents[1]["parts"]?[0]?["functionCall"]?["id"] != nil) == has, "\(kind) \(model)")
            #expect((contents[2]["parts"]?[0]?["functionResponse"]?["id"] != nil) == has, "\(kind) \(model)")
        }
    }

    // MARK: Tools

    @Test func namesAreMadeLegalEverywhere() throws {
        let long = "mcp__a-server-with-a-name__" + String(repeating: "x", count: 60)
        var request = CanonicalRequest(model: "m")
        request.tools = [
            Tool(.function(parameters: nil), name: long), Tool(.function(parameters: nil), name: long + "y"),
            Tool(.function(parameters: nil), name: "1st tool"), Tool(.function(parameters: nil), name: "a.b:c-d_e"),
        ]
        request.toolChoice = .tool(name: long)
        request.messages = [user("x"), Message(role: .assistant, parts: [call("1", long)]), result("1", "a")]
        let encoded = try encode(request)
        let names = (encoded.body["tools"]?[0]?["functionDeclarations"]?.array ?? []).compactMap { $0["name"]?.string }
        #expect(Set(names).count == 4)
        #expect(names.allSatisfy { $0.utf8.count <= 64 && $0.first?.isLetter == true })
        #expect(names[3] == "a.b:c-d_e")
        let allowed = encoded.body["toolConfig"]?["functionCallingConfig"]?["allowedFunctionNames"]?[0]?.string
        #expect(allowed == names[0])
        #expect(encoded.body["contents"]?[1]?["parts"]?[0]?["functionCall"]?["name"]?.string == names[0])
        #expect(encoded.body["contents"]?[2]?["parts"]?[0]?["functionResponse"]?["name"]?.string == names[0])
        #expect(encoded.names.original(names[0]) == long)
        #expect(encoded.names.original(names[1]) == long + "y")
    }

    @Test func schemasGoAsTheyAreToModelsThatTakeThem() throws {
        let schema = try JSONValue(parsing: #"{"type":"object","properties":{"a":{"type":["string","null"]}}}"#.utf8)
        var request = CanonicalRequest(model: "m", messages: [user("x")])
        request.tools = [Tool(.function(parameters: schema), name: "f", description: "d")]
        request.responseFormat = .jsonSchema(JSONSchemaFormat(name: "n", schema: schema))
        let new = try encode(request).body
        #expect(new["tools"]?[0]?["functionDeclarations"]?[0]?["parametersJsonSchema"] == schema)
        #expect(new["generationConfig"]?["responseJsonSchema"] == schema)
        #expect(new["generationConfig"]?["responseMimeType"]?.string == "application/json")
        let old = try encode(request, target("gemini-1.5-pro")).body
        let parameters = old["tools"]?[0]?["functionDeclarations"]?[0]?["parameters"]
        #expect(parameters?["properties"]?["a"]?.sorted.text == #"{"nullable":true,"type":"STRING"}"#)
        #expect(old["generationConfig"]?["responseSchema"]?["type"]?.string == "OBJECT")
    }

    @Test func choicesOfToolsHaveTheirWords() throws {
        let words: [(ToolChoice, String)] = [
            (.auto, #"{"mode":"AUTO"}"#), (.none, #"{"mode":"NONE"}"#), (.required, #"{"mode":"ANY"}"#),
            (.tool(name: "f"), #"{"mode":"ANY","allowedFunctionNames":["f"]}"#),
            (.allowed(names: ["f", "g"], isRequired: true), #"{"mode":"ANY","allowedFunctionNames":["f","g"]}"#),
            (.allowed(names: ["f"], isRequired: false), #"{"mode":"VALIDATED","allowedFunctionNames":["f"]}"#),
        ]
        for (choice, text) in words {
            var request = CanonicalRequest(model: "m", messages: [user("x")])
            request.toolChoice = choice
            #expect(try encode(request).body["toolConfig"]?["functionCallingConfig"]?.text == text)
        }
    }

    @Test func whatGeminiCannotDoIsRefusedOrReported() throws {
        var request = CanonicalRequest(model: "m", messages: [user("x")])
        request.user = "u"
        request.store = true
        request.metadata = [.init("a", .string("b"))]
        request.parallelToolCalls = false
        request.sampling.minP = "0.1"
        request.extensions[.openAIChat] = [.init("logit_bias", .object([]))]
        request.messages[0].parts[0].cache = CacheMarker()
        let dropped = try encode(request).dropped
        #expect(
            Set(dropped) == [
                "user", "store", "metadata", "parallel_tool_calls", "min_p", "logit_bias", "cache_control",
            ])
        request.tools = [Tool(.custom(format: nil), name: "f")]
        #expect(throws: GatehouseError.self) { try encode(request) }
        request.tools = [Tool(.server(dialect: .anthropic, type: "web_search", definition: .object([])), name: "w")]
        #expect(throws: GatehouseError.self) { try encode(request) }
        request.tools = []
        request.previousResponse = "resp_1"
        #expect { try encode(request) } throws: { ($0 as? GatehouseError)?.param == "previous_response_id" }
    }

    // MARK: Media

    @Test func picturesByURLGoWhereTheyAreFetched() throws {
        func media(_ url: String, _ target: TargetTraits) throws(GatehouseError) -> JSONValue? {
            let part = Part(.image(Media(url: url)))
            let request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: [part])])
            return try encode(request, target).body["contents"]?[0]?["parts"]?[0]
        }
        let web = "https://example.com/a.png?size=2"
        #expect(
            try media(web, target())?.sorted.text
                == #"{"fileData":{"fileUri":"https://example.com/a.png?size=2","mimeType":"image/png"}}"#)
        let vertex = try media("https://example.com/a", target("gemini-2.0-flash", kind: "vertex"))
        #expect(vertex?["fileData"]?["mimeType"]?.string == "image/jpeg")
        #expect(throws: GatehouseError.self) { try media(web, target("gemini-2.0-flash")) }
        #expect(throws: GatehouseError.self) { try media("http://example.com/a.png", target()) }
        #expect(try media("gs://bucket/a.png", target("gemini-2.0-flash"))?["fileData"] != nil)
        let inline = try media("data:image/webp;base64,UklGRg==", target())
        #expect(inline?["inlineData"]?.sorted.text == #"{"data":"UklGRg==","mimeType":"image/webp"}"#)
    }

    @Test func soundAndFilesKeepTheirKind() throws {
        let parts = [
            Part(.audio(Media(.base64("UklGRg=="), mediaType: "audio/wav"))), Part(.audio(Media(.base64("UklGRg==")))),
            Part(.document(Media(.text("a plain document")))), Part(.document(Media(.file("files/abc")))),
        ]
        let request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: parts)])
        let written = try encode(request).body["contents"]?[0]?["parts"]?.array ?? []
        #expect(written[0]["inlineData"]?["mimeType"]?.string == "audio/wav")
        #expect(written[1]["inlineData"]?["mimeType"]?.string == "audio/wav")
        #expect(written[2]["text"]?.string == "a plain document")
        let uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
        #expect(written[3]["fileData"]?["fileUri"]?.string == uri)
        var foreign = request
        foreign.messages[0].parts = [Part(.document(Media(.file("file-openai"))))]
        #expect(throws: GatehouseError.self) { try encode(foreign) }
    }

    // MARK: Sampling and thinking

    @Test func samplingKeepsItsNumbers() throws {
        var request = CanonicalRequest(model: "m", messages: [user("x")])
        request.maxTokens = 10
        request.sampling.temperature = "0.70"
        request.sampling.topP = "1"
        request.sampling.topK = 3
        request.sampling.seed = 4
        request.sampling.stop = ["a"]
        request.sampling.choices = 2
        request.sampling.logprobs = true
        request.sampling.topLogprobs = 5
        request.sampling.frequencyPenalty = "0.1"
        request.sampling.presencePenalty = "-0.1"
        let expected = #"""
            {"candidateCount":2,"frequencyPenalty":0.1,"logprobs":5,"maxOutputTokens":10,"presencePenalty":-0.1,
             "responseLogprobs":true,"seed":4,"stopSequences":["a"],"temperature":0.70,"topK":3,"topP":1}
            """#
        #expect(
            try encode(request).body["generationConfig"]?.sorted.text
                == JSONValue(parsing: expected.utf8).sorted.text)
    }

    @Test(arguments: [
        (Reasoning.Effort.none, "gemini-3-flash-preview", #"{"thinkingLevel":"minimal"}"#, true),
        (.minimal, "gemini-3-flash-preview", #"{"thinkingLevel":"minimal"}"#, false),
        (.minimal, "gemini-3.1-pro-preview", #"{"thinkingLevel":"low"}"#, false),
        (.medium, "gemini-3.1-pro-preview", #"{"thinkingLevel":"medium"}"#, false),
        (.medium, "gemini-3-pro-preview", #"{"thinkingLevel":"high"}"#, false),
        (.high, "gemini-3-pro-preview", #"{"thinkingLevel":"high"}"#, false),
        (.xhigh, "gemini-3-pro-preview", #"{"thinkingLevel":"high"}"#, true),
        (.none, "gemini-2.5-flash", #"{"thinkingBudget":0}"#, false),
        (.none, "gemini-2.5-pro", #"{"thinkingBudget":128}"#, true),
        (.low, "gemini-2.5-pro", #"{"thinkingBudget":1024}"#, false),
        (.medium, "gemini-2.5-flash-lite", #"{"thinkingBudget":8192}"#, false),
        (.high, "gemini-2.5-flash", #"{"thinkingBudget":24576}"#, false),
        (.max, "gemini-2.5-pro", #"{"thinkingBudget":32768}"#, false),
        (.max, "gemini-2.5-flash", #"{"thinkingBudget":24576}"#, true),
    ])
    func effortsAreNeverLoweredSilently(
        effort: Reasoning.Effort, model: String, config: String, isReported: Bool
    ) throws {
        var request = CanonicalRequest(model: "m", messages: [user("x")])
        request.reasoning = Reasoning(effort: effort)
        let encoded = try encode(request, target(model))
        #expect(encoded.body["generationConfig"]?["thinkingConfig"]?.text == config)
        #expect(encoded.dropped.contains("reasoning_effort") == isReported)
    }

    @Test func budgetsStayInTheModelsBounds() throws {
        let cases: [(Int, String, String, Bool)] = [
            (10000, "gemini-3-flash", #"{"thinkingBudget":10000,"includeThoughts":true}"#, false),
            (60000, "gemini-2.5-flash", #"{"thinkingBudget":24576,"includeThoughts":true}"#, true),
            (100, "gemini-2.5-flash-lite", #"{"thinkingBudget":512,"includeThoughts":true}"#, false),
            (-1, "gemini-2.5-pro", #"{"thinkingBudget":-1,"includeThoughts":true}"#, false),
        ]
        for (budget, model, config, isReported) in cases {
            var request = CanonicalRequest(model: "m", messages: [user("x")])
            request.reasoning = Reasoning(budget: budget)
            let encoded = try encode(request, target(model))
            #expect(encoded.body["generationConfig"]?["thinkingConfig"]?.text == config)
            #expect(encoded.dropped.contains("reasoning_budget") == isReported)
        }
        var request = CanonicalRequest(model: "m", messages: [user("x")])
        request.reasoning = Reasoning(effort: .high)
        let old = try encode(request, target("gemini-2.0-flash"))
        #expect(old.body["generationConfig"] == nil)
        #expect(old.dropped == ["reasoning_effort"])
    }

    // MARK: A caller's own requests

    @Test func bothSpellingsMeanTheSame() throws {
        let snake = try decode(
            #"""
            {"system_instruction":{"parts":[{"text":"s"}]},"generation_config":{"max_output_tokens":5,
             "thinking_config":{"thinking_level":"LOW"}},"tools":[{"function_declarations":[{"name":"f",
             "parameters_json_schema":{"type":"object","properties":{"max_items":{"type":"string"}}}}]}],
             "contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"AA=="}}]},
             {"role":"model","parts":[{"function_call":{"name":"f","args":{"mime_type":1}},"thought_signature":"S"}]}]}
            """#)
        #expect(snake.messages.first?.text() == "s")
        #expect(snake.maxTokens == 5)
        #expect(snake.reasoning?.effort == .low)
        #expect(snake.tools.first?.name == "f")
        let call = snake.messages.last?.parts.first
        #expect(call?.signature == Signature(.gemini, "S"))
        #expect(call?.toolCall?.arguments == #"{"mime_type":1}"#)
        let written = try GeminiCodec.encodeRequest(snake, for: target("gemini-3-flash")).body
        #expect(written["generation_config"]?["thinking_config"]?["thinking_level"]?.string == "LOW")
        // From any other dialect only lowerCamelCase goes out.
        var foreign = snake
        foreign.extensions = Extensions()
        let plain = try GeminiCodec.encodeRequest(foreign, for: target("gemini-3-flash")).body
        #expect(plain["systemInstruction"] != nil && plain["system_instruction"] == nil)
    }

    @Test func callsWithoutIDsAreMatchedByNameAndOrder() throws {
        let request = try decode(
            #"""
            {"contents":[{"parts":[{"text":"x"}]},
             {"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}},{"functionCall":{"name":"g"}},
              {"functionCall":{"name":"f","args":{"n":2}}}]},
             {"role":"user","parts":[{"functionResponse":{"name":"g","response":{"output":"G"}}},
              {"functionResponse":{"name":"f","response":{"a":1}}},{"functionResponse":{"name":"f","response":{"error":"E"}}},
              {"text":"and now?"}]}]}
            """#)
        #expect(request.messages.map(\.role) == [.user, .assistant, .tool, .user])
        let calls = request.messages[1].parts.compactMap(\.toolCall)
        #expect(calls.map(\.id) == ["call_0", "call_1", "call_2"])
        let results = request.messages[2].parts.compactMap(\.toolResult)
        #expect(results.map(\.callID) == ["call_1", "call_0", "call_2"])
        #expect(results.map { $0.content.texts.joined() } == ["G", #"{"a":1}"#, "E"])
        #expect(results.map(\.isError) == [false, false, true])
        // Ids that were made up do not go out, and the split content is one again.
        let body = try GeminiCodec.encodeRequest(request, for: TargetTraits(kind: "gemini", model: "")).body
        #expect(body["contents"]?.array?.count == 3)
        #expect(body["contents"]?[2]?["parts"]?.array?.count == 4)
        #expect(!body.text.contains("call_"))
    }

    @Test func formsOfTheBodySurvive() throws {
        let bodies = [
            #"{"contents":{"parts":{"text":"a"}},"systemInstruction":"s","tools":{"googleSearch":{}}}"#,
            #"""
            {"contents":[{"role":"user","parts":[{"text":"a","videoMetadata":{"fps":1}},{"thoughtSignature":"x"},
             {"executableCode":{"code":"1","language":"PYTHON"}}]}],"tools":[{"codeExecution":{}},{"functionDeclarations":[]},
             {},{"functionDeclarations":[{"name":"f","behavior":"BLOCKING","parameters":{"type":"OBJECT"}}],
             "googleMaps":{"enableWidget":true}}],"labels":{"a_b":"c"},"cachedContent":"cachedContents/1",
             "generationConfig":{"topK":40.0,"stopSequences":[],"speechConfig":{"languageCode":"de"},
             "responseMimeType":"text/x.enum","responseSchema":{"type":"STRING","enum":["a"]}},
             "toolConfig":{"retrievalConfig":{"languageCode":"de"},
             "functionCallingConfig":{"mode":"any","allowedFunctionNames":["f"],"streamFunctionCallArguments":true}}}
            """#,
            #"{"contents":[{"role":"model"},{"role":"user","parts":[]}],"generationConfig":{},"toolConfig":{}}"#,
            #"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":null,"safetySettings":null,"serviceTier":"flex"}"#,
        ]
        for text in bodies {
            let body = try JSONValue(parsing: text.utf8)
            let request = try GeminiCodec.decodeRequest(body)
            let encoded = try GeminiCodec.encodeRequest(request, for: TargetTraits(kind: "gemini", model: ""))
            #expect(body.difference(from: encoded.body) == nil)
        }
    }

    @Test(arguments: [
        (#"{}"#, "contents"), (#"{"contents":[]}"#, "contents"), (#"{"contents":"a"}"#, "contents"),
        (#"{"contents":[{"role":"system","parts":[]}]}"#, "contents[0].role"),
        (#"{"contents":[{"parts":[{"text":1}]}]}"#, "contents[0].parts[0].text"),
        (#"{"contents":[{"parts":[{"inlineData":{"mimeType":"a/b"}}]}]}"#, "contents[0].parts[0].inlineData.data"),
        (
            #"{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}"#,
            "contents[0].parts[0].functionCall.args"
        ),
        (#"{"contents":[{}],"generationConfig":{"maxOutputTokens":"5"}}"#, "generationConfig.maxOutputTokens"),
        (#"{"contents":[{}],"tools":[{"functionDeclarations":[{}]}]}"#, "tools[0].functionDeclarations[0].name"),
        (
            #"{"contents":[{}],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}"#,
            "toolConfig.functionCallingConfig.mode"
        ),
    ])
    func wrongFieldsAreNamed(text: String, field: String) throws {
        let body = try JSONValue(parsing: text.utf8)
        #expect { try GeminiCodec.decodeRequest(body) } throws: { ($0 as? GatehouseError)?.param == field }
    }

    @Test func fieldsWithoutWordsAreReportedByPath() throws {
        let request = try decode(
            #"""
            {"contents":[{"parts":[{"text":"a"}]}],"safetySettings":[],"generationConfig":{"speechConfig":{},
             "responseModalities":["TEXT"]},"toolConfig":{"retrievalConfig":{}}}
            """#)
        let foreign = request.extensions.foreign(to: .anthropic)
        #expect(
            Set(foreign) == ["safetySettings", "generationConfig.speechConfig", "toolConfig.retrievalConfig"])
    }

    @Test func theBodysModelFollowsTheTarget() throws {
        let request = try decode(#"{"model":"models/alias","contents":[{"parts":[{"text":"a"}]}]}"#)
        #expect(request.model.isEmpty)
        #expect(try encode(request, target("gemini-2.5-pro")).body["model"]?.string == "models/gemini-2.5-pro")
        #expect(try encode(request, TargetTraits(kind: "gemini", model: "")).body["model"]?.string == "models/alias")
    }
}
