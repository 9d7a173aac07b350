import GatehouseCore
import Testing

@Suite struct BedrockParameterTests {
    private var request = CanonicalRequest(model: "m", messages: [Bedrock.user("a")])

    private func additional(_ request: CanonicalRequest, _ model: String) throws -> JSONValue? {
        try Bedrock.encode(request, model).body["additionalModelRequestFields"]
    }

    // MARK: Refused and dropped

    @Test mutating func whatWouldChangeTheMeaningIsRefused() {
        func param(_ change: (inout CanonicalRequest) -> Void) -> String? {
            var changed = request
            change(&changed)
            do {
                _ = try Bedrock.encode(changed)
                return nil
            } catch {
                #expect((error as? GatehouseError)?.code == .unsupportedParameter)
                return (error as? GatehouseError)?.param
            }
        }
        #expect(param { $0.sampling.choices = 2 } == "n")
        #expect(param { $0.responseFormat = .jsonObject } == "response_format")
        #expect(param { $0.previousResponse = "r" } == "previous_response_id")
        #expect(param { $0.tools = [Tool(.custom(format: nil), name: "c")] } == "tools[0]")
        let search = Tool(.server(dialect: .anthropic, type: "web_search", definition: .object([])), name: "w")
        #expect(param { $0.tools = [Bedrock.tool(), search] } == "tools[1]")
        #expect(
            param {
                $0.tools = [Bedrock.tool()]
                $0.toolChoice = ToolChoice.none
                $0.messages += [Bedrock.assistant(Bedrock.call("1")), Bedrock.result("1", "r")]
            } == "tool_choice")
        #expect(param { $0.sampling.choices = 1 } == nil)
    }

    @Test mutating func whatIsLeftOutIsReported() throws {
        request.sampling.seed = 1
        request.sampling.frequencyPenalty = "0.5"
        request.sampling.presencePenalty = "0.5"
        request.sampling.minP = "0.1"
        request.sampling.logprobs = true
        request.user = "u"
        request.store = true
        request.serviceTier = "standard_only"
        request.metadata = [.init("good", .string("v")), .init("bad", .string("ü"))]
        request.tools = [Bedrock.tool()]
        request.parallelToolCalls = false
        request.extensions = Extensions(.openAIChat, [.init("logit_bias", .object([])), .init("$form", .null)])
        let encoded = try Bedrock.encode(request)
        #expect(
            Set(encoded.dropped) == [
                "seed", "frequency_penalty", "presence_penalty", "min_p", "logprobs", "user", "store", "service_tier",
                "metadata", "parallel_tool_calls", "logit_bias",
            ])
        #expect(encoded.body["requestMetadata"] == (try Bedrock.json(#"{"good":"v"}"#)))
        #expect(encoded.body["serviceTier"] == nil)
    }

    // MARK: Tools

    @Test mutating func toolsWithoutParametersOrDescription() throws {
        request.tools = [Tool(.function(parameters: nil), name: "f", description: "")]
        request.tools[0].strict = true
        let config = try Bedrock.encode(request).body["toolConfig"]
        #expect(
            config
                == (try Bedrock.json(
                    #"{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}},"#
                        + #""strict":true}}]}"#)))
        let nova = try Bedrock.encode(request, "amazon.nova-lite-v1:0")
        #expect(nova.body["toolConfig"]?["tools"]?[0]?["toolSpec"]?["strict"] == nil)
        #expect(nova.dropped == ["strict"])
    }

    @Test(arguments: [
        (ToolChoice.required, #"{"any":{}}"#), (.tool(name: "f"), #"{"tool":{"name":"f"}}"#), (.auto, #"{"auto":{}}"#),
        (.allowed(names: ["g"], isRequired: true), #"{"any":{}}"#),
    ])
    func choices(choice: ToolChoice, text: String) throws {
        var request = request
        request.tools = [Bedrock.tool("f"), Bedrock.tool("g")]
        request.toolChoice = choice
        let config = try Bedrock.encode(request).body["toolConfig"]
        #expect(config?["toolChoice"] == (try Bedrock.json(text)))
        let names = (config?["tools"]?.array ?? []).compactMap { $0["toolSpec"]?["name"]?.string }
        if case .allowed(let allowed, _) = choice {
            #expect(names == allowed)
        } else {
            #expect(names == ["f", "g"])
        }
    }

    @Test mutating func noChoiceMeansNoTools() throws {
        request.tools = [Bedrock.tool()]
        request.toolChoice = ToolChoice.none
        #expect(try Bedrock.encode(request).body["toolConfig"] == nil)
    }

    /// Bedrock refuses calls in a conversation without tools.
    @Test mutating func callsOfThePastAreDeclared() throws {
        request.messages += [Bedrock.assistant(Bedrock.call("1", "gone")), Bedrock.result("1", "r")]
        let tools = try Bedrock.encode(request).body["toolConfig"]?["tools"]?.array ?? []
        #expect(tools.map { $0["toolSpec"]?["name"]?.string } == ["gone"])
    }

    @Test mutating func schemasOfTheAnswerGoAsText() throws {
        let schema = try Bedrock.json(#"{"type":"object"}"#)
        request.responseFormat = .jsonSchema(JSONSchemaFormat(name: "n", schema: schema, strict: true))
        #expect(
            try Bedrock.encode(request).body["outputConfig"]
                == (try Bedrock.json(
                    #"{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"#
                        + #""schema":"{\"type\":\"object\"}","name":"n"}}}}"#)))
    }

    // MARK: Sampling

    @Test mutating func samplingFitsTheModel() throws {
        request.sampling.temperature = "1.3"
        request.sampling.topP = "0.9"
        request.sampling.topK = 7
        request.sampling.stop = ["x", ""]
        request.maxTokens = 100
        let old = try Bedrock.encode(request, Bedrock.claude37)
        #expect(
            old.body["inferenceConfig"]
                == (try Bedrock.json(#"{"maxTokens":100,"temperature":1,"topP":0.9,"stopSequences":["x"]}"#)))
        #expect(old.body["additionalModelRequestFields"] == (try Bedrock.json(#"{"top_k":7}"#)))
        #expect(old.body["additionalModelResponseFieldPaths"] == (try Bedrock.json(#"["/stop_sequence"]"#)))
        #expect(old.dropped == ["temperature"])
        let newer = try Bedrock.encode(request, Bedrock.claude45)
        #expect(newer.body["inferenceConfig"]?["topP"] == nil)
        #expect(Set(newer.dropped) == ["temperature", "top_p"])
        let newest = try Bedrock.encode(request, "global.anthropic.claude-opus-4-7")
        #expect(Set(newest.dropped) == ["temperature", "top_p", "top_k"])
        #expect(newest.body["inferenceConfig"]?["temperature"] == .number("1"))
        let nova = try additional(request, "us.amazon.nova-micro-v1:0")
        #expect(nova == (try Bedrock.json(#"{"inferenceConfig":{"topK":7}}"#)))
        #expect(try Bedrock.encode(request, "us.deepseek.r1-v1:0").dropped.contains("top_k"))
    }

    // MARK: Thinking

    @Test(arguments: [
        (Bedrock.claude37, #"{"thinking":{"type":"enabled","budget_tokens":30000}}"#),
        (
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
            #"{"thinking":{"type":"enabled","budget_tokens":30000}}"#
        ),
        ("us.anthropic.claude-sonnet-4-6", #"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#),
        ("anthropic.claude-opus-5", #"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#),
        ("anthropic.claude-mythos-preview", #"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#),
        ("us.amazon.nova-2-lite-v1:0", #"{"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}}"#),
        ("openai.gpt-oss-120b-1:0", #"{"reasoning_effort":"high"}"#),
        ("qwen.qwen3-32b-v1:0", #"{"reasoning_config":"high"}"#),
    ])
    func effortIsSaidInTheModelsWords(model: String, text: String) throws {
        var request = request
        request.reasoning = Reasoning(effort: .high)
        #expect(try additional(request, model) == (try Bedrock.json(text)))
    }

    @Test(arguments: [
        "anthropic.claude-3-5-sonnet-20240620-v1:0", "anthropic.claude-v2:1", "us.amazon.nova-pro-v1:0",
        "us.meta.llama4-maverick-17b-instruct-v1:0", "us.deepseek.r1-v1:0",
    ])
    func modelsThatCannotBeToldToThink(model: String) throws {
        var request = request
        request.reasoning = Reasoning(effort: .high)
        let encoded = try Bedrock.encode(request, model)
        #expect(encoded.dropped == ["reasoning"])
        #expect(encoded.body["additionalModelRequestFields"] == nil)
    }

    @Test mutating func budgetsStayBelowTheLimit() throws {
        request.reasoning = Reasoning(budget: 4000)
        #expect(try additional(request, Bedrock.claude37)?["thinking"]?["budget_tokens"]?.int == 4000)
        request.maxTokens = 2000
        let encoded = try Bedrock.encode(request, Bedrock.claude37)
        let thinking = encoded.body["additionalModelRequestFields"]?["thinking"]
        #expect(thinking?["budget_tokens"]?.int == 1600)
        #expect(encoded.dropped == ["budget_tokens"])
        request.maxTokens = 1000
        #expect(try Bedrock.encode(request, Bedrock.claude37).dropped == ["reasoning"])
    }

    @Test mutating func whatCannotStandBesideThinkingIsTakenAway() throws {
        request.reasoning = Reasoning(effort: .low)
        request.sampling.temperature = "0.5"
        request.sampling.topK = 3
        let encoded = try Bedrock.encode(request)
        #expect(Set(encoded.dropped) == ["temperature", "top_k"])
        #expect(encoded.body["inferenceConfig"] == nil)
        request.tools = [Bedrock.tool()]
        request.toolChoice = .required
        let forced = try Bedrock.encode(request)
        #expect(forced.dropped == ["reasoning"])
        #expect(forced.body["inferenceConfig"]?["temperature"] == .number("0.5"))
    }

    @Test(arguments: [
        (Signature(.anthropic, "s"), true), (Signature(.gemini, "s"), false), (nil, false),
    ])
    func thinkingGoesOnOnlyBehindThinking(signature: Signature?, isKept: Bool) throws {
        var request = request
        request.reasoning = Reasoning(effort: .low)
        request.tools = [Bedrock.tool()]
        request.messages += [
            Bedrock.assistant(Bedrock.thinking("t", signature), Bedrock.call("1")), Bedrock.result("1", "r"),
            Bedrock.user("and?"),
        ]
        let encoded = try Bedrock.encode(request)
        #expect((encoded.body["additionalModelRequestFields"]?["thinking"] != nil) == isKept)
        #expect(encoded.dropped == (isKept ? [] : ["reasoning"]))
    }

    @Test mutating func noThinking() throws {
        request.reasoning = Reasoning(effort: Reasoning.Effort.none)
        #expect(try additional(request, Bedrock.claude45) == nil)
        let disabled = try Bedrock.json(#"{"thinking":{"type":"disabled"}}"#)
        #expect(try additional(request, "anthropic.claude-opus-5") == disabled)
        #expect(try Bedrock.encode(request, "anthropic.claude-fable-5-1").dropped == ["reasoning"])
    }

    // MARK: Errors name the place

    @Test(arguments: [
        (#"{"messages":[{"content":[]}]}"#, "messages[0].role"),
        (#"{"messages":[{"role":"user","content":[{"text":1}]}]}"#, "messages[0].content[0].text"),
        (#"{"messages":[{"role":"user","content":[{}]}]}"#, "messages[0].content[0]"),
        (
            #"{"messages":[{"role":"assistant","content":[{"toolUse":{"name":"f","input":{}}}]}]}"#,
            "messages[0].content[0].toolUse.toolUseId"
        ),
        (#"{"inferenceConfig":{"maxTokens":0}}"#, "inferenceConfig.maxTokens"),
        (#"{"inferenceConfig":{"stopSequences":[1]}}"#, "inferenceConfig.stopSequences[0]"),
        (#"{"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]}}"#, "toolConfig.tools[0].toolSpec.inputSchema"),
        (
            #"{"messages":[{"role":"user","content":[{"image":{"format":"png"}}]}]}"#,
            "messages[0].content[0].image.source"
        ),
    ])
    func badRequests(text: String, param: String) throws {
        let body = try Bedrock.json(text)
        #expect { try BedrockCodec.decodeRequest(body) } throws: { ($0 as? GatehouseError)?.param == param }
    }
}
