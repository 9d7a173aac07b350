import GatehouseCore
import NIOCore
import Testing

@Suite struct BedrockAnswerTests {
    private func decode(_ text: String) throws -> CanonicalResponse {
        try BedrockCodec.decodeResponse(Bedrock.json(text))
    }

    private func answer(_ content: String, stop: String = "end_turn", usage: String = "{}") -> String {
        #"{"output":{"message":{"role":"assistant","content":\#(content)}},"stopReason":"\#(stop)","usage":\#(usage)}"#
    }

    @Test(arguments: [
        ("end_turn", FinishReason.stop), ("tool_use", .toolCalls), ("max_tokens", .length),
        ("stop_sequence", .stopSequence), ("guardrail_intervened", .contentFilter),
        ("content_filtered", .contentFilter), ("model_context_window_exceeded", .contextLength),
        ("malformed_tool_use", .malformedCall), ("malformed_model_output", .malformedCall), ("brand_new", .stop),
    ])
    func stopReasons(word: String, reason: FinishReason) throws {
        let text = answer("[]", stop: word)
        let response = try decode(text)
        #expect(response.finish.reason == reason)
        let identity = AnswerIdentity(call: "c", model: "m", created: 0)
        #expect(BedrockCodec.encodeResponse(response, as: identity)["stopReason"]?.string == word)
    }

    @Test(
        arguments: [
            (
                #"{"inputTokens":3,"outputTokens":121,"totalTokens":2072,"#
                    + #""cacheReadInputTokens":1712,"cacheWriteInputTokens":236,"#
                    + #""cacheDetails":[{"ttl":"5m","inputTokens":236}]}"#,
                [1951, 121, 1712, 0, 236, 0, 0, 0]
            ),
            (
                #"{"inputTokens":3,"outputTokens":1,"totalTokens":104,"#
                    + #""cacheReadInputTokens":0,"cacheWriteInputTokens":100,"#
                    + #""cacheDetails":[{"ttl":"1h","inputTokens":60},{"ttl":"5m","inputTokens":40}]}"#,
                [103, 1, 0, 0, 40, 60, 0, 0]
            ),
            (
                #"{"inputTokens":100,"outputTokens":1,"totalTokens":101,"cacheReadInputTokens":40}"#,
                [100, 1, 40, 0, 0, 0, 0, 0]
            ),
            (
                #"{"inputTokens":5,"outputTokens":1,"totalTokens":15,"cacheReadInputTokenCount":9}"#,
                [14, 1, 9, 0, 0, 0, 0, 0]
            ),
            (#"{"inputTokens":-5,"outputTokens":"x"}"#, [0, 0, 0, 0, 0, 0, 0, 0]),
        ] as [(String, [Int])])
    func usage(text: String, counts: [Int]) throws {
        #expect(try decode(answer("[]", usage: text)).finish.usage?.counts == counts)
    }

    @Test func foreignUsageIsWrittenInBedrocksArithmetic() {
        var usage = Usage(input: 100, output: 7, cachedInput: 40)
        usage.cacheWrite = 10
        usage.cacheWriteHour = 20
        let response = CanonicalResponse(parts: [.text("x")], finish: Finish(.stop, usage: usage))
        let body = BedrockCodec.encodeResponse(response, as: AnswerIdentity(call: "c", model: "m", created: 0))
        #expect(
            body["usage"]?.text
                == #"{"inputTokens":30,"outputTokens":7,"totalTokens":107,"cacheReadInputTokens":40,"#
                + #""cacheWriteInputTokens":30,"cacheDetails":[{"ttl":"1h","inputTokens":20},"#
                + #"{"ttl":"5m","inputTokens":10}]}"#)
    }

    @Test func sealsAreClaudesOwn() throws {
        let response = try decode(
            answer(
                #"[{"reasoningContent":{"reasoningText":{"text":"t","signature":"Er+/="}}},"#
                    + #"{"reasoningContent":{"redactedContent":"RXRrRSsvPQ=="}},"#
                    + #"{"reasoningContent":{"redactedContent":"/w=="}},"#
                    + #"{"reasoningContent":{"reasoningText":{"text":"u"}}}]"#))
        #expect(
            response.parts.map(\.signature) == [
                Signature(.anthropic, "Er+/="), Signature(.anthropic, "EtkE+/="), Signature(.bedrock, "/w=="), nil,
            ])
        #expect(response.parts.map { $0.thinking?.isRedacted } == [false, true, true, false])
    }

    @Test func toolsThatBedrockRunsAreNotTheCallers() throws {
        let content =
            #"[{"toolUse":{"toolUseId":"a","name":"nova","input":{"s":1},"type":"server_tool_use"}},"#
            + #"{"toolResult":{"toolUseId":"a","content":[{"json":{}}],"type":"x"}},"#
            + #"{"toolUse":{"toolUseId":"b","name":"mine","input":{"n":7.0},"type":"tool_use"}}]"#
        let response = try decode(answer(content, stop: "tool_use"))
        #expect(response.parts.map(\.kindName) == ["toolUse", "toolResult", "tool call"])
        #expect(response.parts[2].toolCall?.arguments == #"{"n":7.0}"#)
    }

    @Test func citationsAreRead() throws {
        let content =
            #"[{"citationsContent":{"content":[{"text":"a"}],"citations":[{"title":"T","source":"s","#
            + #""sourceContent":[{"text":"q"}],"location":{"web":{"url":"https://e.org/","domain":"e.org"}}}]}}]"#
        let part = try #require(try decode(answer(content)).parts.first)
        #expect(part.text == "a")
        #expect(part.citations.first?.url == "https://e.org/")
        #expect(part.citations.first?.title == "T")
        #expect(part.citations.first?.quote == "q")
    }

    @Test func theStopSequenceIsTold() throws {
        let text =
            #"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"stop_sequence","#
            + #""additionalModelResponseFields":{"stop_sequence":"END"}}"#
        #expect(try decode(text).finish.stopSequence == "END")
    }

    @Test func oddBlocksDoNotFailAnAnswer() throws {
        let response = try decode(answer(#"[{"image":{"format":5}},{"fresh":{"x":1}},{"a":1,"b":2},{"text":"t"}]"#))
        #expect(response.parts.map(\.kindName) == ["image", "fresh", "a", "text"])
    }

    @Test(arguments: [
        "{}", #"{"output":{"message":{"content":[]}}}"#, #"{"output":{"message":{}},"stopReason":"end_turn"}"#,
        #"{"output":{"message":{"content":[{"text":1}]}},"stopReason":"end_turn"}"#,
        #"{"output":{"message":{"content":[{"toolUse":{"name":"f"}}]}},"stopReason":"tool_use"}"#, "[]",
    ])
    func whatIsNoAnswer(text: String) {
        #expect { try decode(text) } throws: { ($0 as? Failure)?.kind == .protocol }
    }

    @Test func anErrorInA200() {
        let text = #"{"Output":{"__type":"com.amazon.coral.service#ThrottlingException"},"Version":"1.0"}"#
        #expect { try decode(text) } throws: { ($0 as? Failure)?.kind == .rate }
    }

    // MARK: Failures

    @Test(arguments: [
        (400, #"{"message":"Input is too long for requested model."}"#, Failure.Kind.contextLength),
        (
            400,
            #"{"message":"The model returned: prompt is too long: 210000 tokens > 200000 maximum"}"#,
            .contextLength
        ),
        (400, #"{"message":"messages: text content blocks must be non-empty"}"#, .input),
        (400, #"{"message":"The provided model identifier is invalid."}"#, .modelUnknown),
        (400, #"{"__type":"ServiceQuotaExceededException","message":"x"}"#, .quota),
        (403, #"{"message":"The security token included in the request is expired"}"#, .auth),
        (403, #"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"x"}"#, .auth),
        (404, #"{"message":"Could not find model"}"#, .modelUnknown), (408, "{}", .timeout(.own)),
        (424, #"{"message":"x"}"#, .upstream), (429, #"{"message":"Too many requests, please wait"}"#, .rate),
        (429, #"{"message":"Too many tokens per day, please wait before trying again."}"#, .quota),
        (429, #"{"message":"The model is not ready for inference."}"#, .capacity), (500, "", .upstream),
        (503, "not json", .capacity), (504, "{}", .timeout(.own)), (413, "{}", .input), (302, "", .protocol),
    ])
    func statuses(status: Int, body: String, kind: Failure.Kind) {
        let head = UpstreamHead(status: status, contentType: "application/json", retryAfter: "7")
        let failure = BedrockCodec.failure(head, body: ByteBuffer(string: body))
        #expect(failure.kind == kind)
        #expect(failure.retryAfter == 7)
    }

    @Test func whatBedrockWritesGoesNowhere() {
        let head = UpstreamHead(status: 400, contentType: "application/json")
        let body = #"{"__type":"SecretException","message":"arn:aws:iam::123:user/bob"}"#
        let failure = BedrockCodec.failure(head, body: ByteBuffer(string: body))
        #expect(failure.detail == "status 400 type=")
        #expect(failure.hint == nil)
    }

    @Test func errorsAreRenderedAsExceptions() throws {
        let error = GatehouseError(.invalidValue, "The field x is wrong.", param: "x")
        let body = String(buffer: BedrockCodec.render(error, requestID: "r"))
        #expect(body == #"{"__type":"ValidationException","message":"The field x is wrong."}"#)
    }
}
