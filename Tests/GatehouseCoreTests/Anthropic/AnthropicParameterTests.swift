import GatehouseCore
import Testing

/// Parameters of other dialects on their way to Anthropic: limits, thoughts, sampling, the form of the answer, headers.
@Suite struct AnthropicParameterTests {
    private func encode(
        _ request: CanonicalRequest, model: String = "claude-sonnet-4-5", kind: String = "anthropic",
        betas: [String] = []
    ) throws -> EncodedRequest {
        var target = TargetTraits(kind: kind, model: model)
        target.betas = betas
        return try AnthropicCodec.encodeRequest(request, for: target)
    }

    private func refusal(_ request: CanonicalRequest, model: String = "claude-sonnet-4-5") -> GatehouseError? {
        #expect(throws: GatehouseError.self) { try encode(request, model: model) }
    }

    private func ask() -> CanonicalRequest {
        CanonicalRequest(model: "alias", messages: [Message(role: .user, parts: [.text("hi")])])
    }

    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    // MARK: max_tokens

    @Test(arguments: [
        ("claude-opus-5-5", 128_000), ("claude-opus-4-6", 128_000), ("claude-sonnet-4-5", 64_000),
        ("claude-opus-4-1-20250805", 32_000), ("claude-3-5-haiku-20241022", 8_192), ("some-other-model", 32_000),
    ])
    func `without max_tokens the model's own maximum is asked for`(model: String, maximum: Int) throws {
        #expect(try encode(ask(), model: model).body["max_tokens"]?.int == maximum)
    }

    @Test func `more than the model can write is cut to its maximum and told`() throws {
        var request = ask()
        request.maxTokens = 500_000
        let encoded = try encode(request)
        #expect(encoded.body["max_tokens"]?.int == 64_000)
        #expect(encoded.dropped == ["max_tokens"])
    }

    // MARK: Thoughts

    @Test func `an effort is a budget for older models and stays below max_tokens`() throws {
        var request = ask()
        request.reasoning = Reasoning(effort: .high)
        #expect(try encode(request).body["thinking"] == json(#"{"type":"enabled","budget_tokens":32768}"#))
        request.maxTokens = 4_000
        #expect(try encode(request).body["thinking"]?["budget_tokens"]?.int == 3_200)
        request.maxTokens = 1_100
        #expect(try encode(request).body["thinking"]?["budget_tokens"]?.int == 1_024)
        request.maxTokens = 1_024
        let tight = try encode(request)
        #expect(tight.body["thinking"] == nil)
        #expect(tight.dropped == ["reasoning"])
        request.maxTokens = nil
        #expect(try encode(request, model: "claude-3-5-haiku-latest").dropped == ["reasoning"])
    }

    @Test(arguments: [
        ("claude-opus-4-6", Reasoning.Effort.xhigh, "max"), ("claude-opus-4-7", .xhigh, "xhigh"),
        ("claude-opus-4-7", .minimal, "low"), ("claude-sonnet-5-5", .max, "max"), ("claude-opus-4-6", .high, "high"),
    ])
    func `an effort is never lowered on the way to newer models`(
        model: String, effort: Reasoning.Effort, written: String
    ) throws {
        var request = ask()
        request.reasoning = Reasoning(effort: effort)
        let encoded = try encode(request, model: model)
        #expect(encoded.body["output_config"]?["effort"]?.string == written)
        #expect(encoded.body["thinking"]?["type"]?.string == "adaptive")
        #expect(encoded.dropped.isEmpty)
    }

    @Test func `a budget becomes an effort and thoughts are shown on demand`() throws {
        var request = ask()
        request.reasoning = Reasoning(budget: 10_000)
        request.reasoning?.includeThoughts = true
        let encoded = try encode(request, model: "claude-opus-4-7")
        #expect(try encoded.body["thinking"] == json(#"{"type":"adaptive","display":"summarized"}"#))
        #expect(encoded.body["output_config"]?["effort"]?.string == "medium")
        request.reasoning?.budget = -1
        #expect(try encode(request, model: "claude-opus-4-7").body["output_config"] == nil)
    }

    @Test(arguments: [
        ("claude-opus-4-6", nil, [String]()), ("claude-opus-5", "disabled", []),
        ("claude-sonnet-5-5", "between_tools", []), ("claude-opus-5-5", nil, ["reasoning"]),
    ])
    func `thinking is turned off in each model's own way`(model: String, word: String?, dropped: [String]) throws {
        var request = ask()
        request.reasoning = Reasoning(effort: Reasoning.Effort.none)
        let encoded = try encode(request, model: model)
        #expect(encoded.body["thinking"]?["type"]?.string == word)
        #expect(encoded.dropped == dropped)
    }

    @Test func `a forced tool drops the thoughts, or is refused where they cannot be dropped`() throws {
        var request = ask()
        request.tools = [Tool(.function(parameters: nil), name: "f")]
        request.toolChoice = .tool(name: "f")
        request.reasoning = Reasoning(effort: .high)
        for model in ["claude-sonnet-4-5", "claude-opus-4-6"] {
            let encoded = try encode(request, model: model)
            #expect(encoded.body["thinking"] == nil)
            #expect(encoded.body["tool_choice"]?["name"]?.string == "f")
            #expect(encoded.dropped == ["reasoning"])
        }
        #expect(refusal(request, model: "claude-opus-5-5")?.param == "tool_choice")
    }

    // MARK: Sampling

    @Test func `a temperature beyond Anthropic's scale is its end, and told`() throws {
        var request = ask()
        request.sampling.temperature = "1.70"
        request.sampling.topK = 5
        let encoded = try encode(request)
        #expect(encoded.body["temperature"] == .number("1"))
        #expect(encoded.body["top_k"]?.int == 5)
        #expect(encoded.dropped == ["temperature"])
    }

    @Test func `sampling that the model cannot take is left out and told`() throws {
        var request = ask()
        request.sampling.temperature = "0.30"
        request.sampling.topP = "0.5"
        request.sampling.topK = 5
        var encoded = try encode(request)
        #expect(encoded.body["temperature"] == .number("0.30"))
        #expect(encoded.body["top_p"] == nil)
        #expect(encoded.dropped == ["top_p"])
        for model in ["claude-opus-4-7", "claude-opus-5"] {
            encoded = try encode(request, model: model)
            #expect(encoded.dropped == ["temperature", "top_p", "top_k"])
        }
        request.reasoning = Reasoning(effort: .low)
        request.sampling.topP = "0.97"
        encoded = try encode(request)
        #expect(encoded.dropped == ["temperature", "top_k"])
        #expect(encoded.body["top_p"] == .number("0.97"))
    }

    @Test func `what Anthropic has no word for is told`() throws {
        var request = ask()
        request.sampling.frequencyPenalty = "0.5"
        request.sampling.presencePenalty = "0.5"
        request.sampling.seed = 1
        request.sampling.minP = "0.1"
        request.sampling.logprobs = true
        request.sampling.topLogprobs = 3
        request.sampling.stop = ["END", "\n"]
        request.metadata = [.init("k", .string("v"))]
        request.store = true
        request.serviceTier = "flex"
        request.responseFormat = .jsonObject
        request.user = "u1"
        request.extensions[.openAIChat, "prediction"] = .object([])
        let encoded = try encode(request)
        #expect(
            Set(encoded.dropped) == [
                "frequency_penalty", "presence_penalty", "seed", "min_p", "logprobs", "top_logprobs", "stop",
                "metadata",
                "store", "service_tier", "response_format", "prediction",
            ])
        #expect(encoded.body["stop_sequences"] == .array([.string("END")]))
        #expect(encoded.body["metadata"]?["user_id"]?.string == "u1")
    }

    @Test func `what would change the meaning is refused`() {
        var many = ask()
        many.sampling.choices = 2
        #expect(refusal(many)?.param == "n")
        var later = ask()
        later.previousResponse = "resp_1"
        #expect(refusal(later)?.param == "previous_response_id")
    }

    // MARK: The answer's form

    @Test func `a schema goes out as structured output with its objects closed`() throws {
        var request = ask()
        let schema =
            #"{"type":"object","properties":{"properties":{"type":"object","properties":{"a":{}}},"#
            + #""free":{"type":"object"}}}"#
        request.responseFormat = .jsonSchema(JSONSchemaFormat(name: "n", schema: try json(schema)))
        let closed =
            #"{"type":"object","properties":{"properties":{"type":"object","properties":{"a":{}},"#
            + #""additionalProperties":false},"free":{"type":"object"}},"additionalProperties":false}"#
        let format = try encode(request).body["output_config"]?["format"]
        #expect(try format == .object(["type": .string("json_schema"), "schema": json(closed)]))
        #expect(refusal(request, model: "claude-3-5-haiku-20241022")?.param == "response_format")
    }

    // MARK: Betas

    @Test func `betas are kept for Anthropic and filtered for other platforms`() throws {
        let betas = ["context-1m-2025-08-07", "files-api-2025-04-14", "advanced-tool-use-2025-11-20"]
        let all = try encode(ask(), betas: betas)
        #expect(all.headers == [.init("anthropic-beta", betas.joined(separator: ","))])
        #expect(all.dropped.isEmpty)
        for kind in ["bedrock", "vertex"] {
            let some = try encode(ask(), kind: kind, betas: betas)
            #expect(some.headers == [.init("anthropic-beta", "context-1m-2025-08-07,tool-search-tool-2025-10-19")])
            #expect(some.dropped == ["anthropic-beta"])
        }
        #expect(try encode(ask(), kind: "vertex", betas: ["unknown"]).headers.isEmpty)
        let body = #"{"model":"m","max_tokens":1,"messages":[],"anthropic_beta":["unknown","context-1m-2025-08-07"]}"#
        let request = try AnthropicCodec.decodeRequest(json(body))
        let kept = try encode(request, kind: "bedrock").body["anthropic_beta"]
        #expect(kept == .array([.string("context-1m-2025-08-07")]))
    }

    // MARK: Models

    @Test(arguments: [
        ("claude-opus-4-6", AnthropicModel.Family.opus, 406), ("claude-3-5-sonnet-20241022", .sonnet, 305),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", .sonnet, 400), ("anthropic/claude-opus-4.7", .opus, 407),
        ("claude-haiku-4-5@20251001", .haiku, 405), ("anthropic.claude-opus-4-6-v1", .opus, 406),
        ("claude-4-sonnet", .sonnet, 400), ("claude-fable-5-1", .fable, 501), ("claude-sonnet-latest", .sonnet, 505),
        ("claude-opus-4-1-20250805", .opus, 401), ("claude-3-opus-20240229", .opus, 300), ("claude-opus-6", .opus, 600),
    ])
    func `a model's name tells its family and version on every platform`(
        name: String, family: AnthropicModel.Family, version: Int
    ) {
        let model = AnthropicModel(name: name)
        #expect(model.family == family)
        #expect(model.version == version)
    }
}
