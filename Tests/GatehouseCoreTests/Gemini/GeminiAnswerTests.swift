import GatehouseCore
import NIOCore
import Testing

/// Whole answers of `generateContent`, and errors.
@Suite struct GeminiAnswerTests {
    private let identity = AnswerIdentity(call: "call1", model: "alias", created: 5)

    private func decode(_ text: String) throws -> CanonicalResponse {
        try GeminiCodec.decodeResponse(JSONValue(parsing: text.utf8))
    }

    private func answer(_ reason: String, _ parts: String = #"{"text":"a"}"#) throws -> CanonicalResponse {
        try decode(#"{"candidates":[{"content":{"parts":[\#(parts)],"role":"model"},"finishReason":"\#(reason)"}]}"#)
    }

    // MARK: Reading

    @Test(arguments: [
        ("STOP", FinishReason.stop), ("MAX_TOKENS", .length), ("SAFETY", .contentFilter),
        ("RECITATION", .contentFilter),
        ("LANGUAGE", .contentFilter), ("OTHER", .contentFilter), ("BLOCKLIST", .contentFilter),
        ("PROHIBITED_CONTENT", .contentFilter), ("SPII", .contentFilter), ("IMAGE_SAFETY", .contentFilter),
        ("MALFORMED_FUNCTION_CALL", .malformedCall), ("UNEXPECTED_TOOL_CALL", .malformedCall), ("A_NEW_WORD", .stop),
    ])
    func endsHaveTheirWords(word: String, reason: FinishReason) throws {
        let response = try answer(word)
        #expect(response.finish.reason == reason)
        let written = GeminiCodec.encodeResponse(response, as: identity)
        #expect(written["candidates"]?[0]?["finishReason"]?.string == word)
    }

    @Test func stopWithCallsMeansCalls() throws {
        let parts = #"{"text":"t"},{"functionCall":{"name":"f","args":{"a":1.0}}},{"functionCall":{"name":"f"}}"#
        let response = try decode(
            #"{"candidates":[{"content":{"parts":[\#(parts)]},"finishReason":"STOP"}],"responseId":"r/1_x"}"#)
        #expect(response.finish.reason == .toolCalls)
        let calls = response.parts.compactMap(\.toolCall)
        #expect(calls.map(\.id) == ["call_r1_x_0", "call_r1_x_1"])
        #expect(calls.map(\.arguments) == [#"{"a":1.0}"#, "{}"])
        #expect(try answer("MAX_TOKENS", parts).finish.reason == .length)
    }

    @Test func partsKeepTheirKindSignatureAndOrder() throws {
        let response = try answer(
            "STOP",
            #"""
            {"text":"hm","thought":true,"thoughtSignature":"A"},{"text":"well"},{"text":"","thoughtSignature":"B"},
            {"executableCode":{"code":"1","language":"PYTHON"},"thoughtSignature":"C"},
            {"inlineData":{"mimeType":"image/png","data":"AA=="},"thought":true},
            {"inlineData":{"mimeType":"image/png","data":"AA=="},"thoughtSignature":"D"},
            {"functionCall":{"name":"f"},"thoughtSignature":"E"}
            """#)
        #expect(
            response.parts.map(\.kindName) == [
                "thinking", "text", "text", "executableCode", "inlineData", "image", "tool call",
            ])
        #expect(response.parts.map { $0.signature?.value } == ["A", nil, "B", nil, nil, "D", "E"])
        #expect(response.parts[2].text?.isEmpty == true)
    }

    @Test func usageIsAddedUpInTheCanonicalWay() throws {
        let response = try decode(
            #"""
            {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{
             "promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":7,"thoughtsTokenCount":5,
             "toolUsePromptTokenCount":11,"totalTokenCount":123,
             "promptTokensDetails":[{"modality":"TEXT","tokenCount":90},{"modality":"AUDIO","tokenCount":10}]}}
            """#)
        let usage = try #require(response.finish.usage)
        #expect(usage.input == 111 && usage.output == 12 && usage.cachedInput == 40 && usage.reasoning == 5)
        #expect(usage.audioInput == 10 && usage.total == 123)
        var foreign = usage
        foreign.extensions = Extensions()
        var other = response
        other.finish.usage = foreign
        other.finish.extensions = Extensions()
        let written = GeminiCodec.encodeResponse(other, as: identity)["usageMetadata"]
        #expect(written?["promptTokenCount"]?.int == 111)
        #expect(written?["candidatesTokenCount"]?.int == 7)
        #expect(written?["thoughtsTokenCount"]?.int == 5)
        #expect(written?["cachedContentTokenCount"]?.int == 40)
        #expect(written?["totalTokenCount"]?.int == 123)
    }

    @Test func aBlockedPromptIsAFilteredAnswer() throws {
        let text =
            #"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4},"modelVersion":"m"}"#
        let response = try decode(text)
        #expect(response.finish.reason == .contentFilter && response.parts.isEmpty)
        #expect(response.finish.usage?.input == 4)
        let body = try JSONValue(parsing: text.utf8)
        #expect(body.difference(from: GeminiCodec.encodeResponse(response, as: identity)) == nil)
    }

    @Test(arguments: [
        (#"{}"#, Failure.Kind.empty), (#"{"candidates":[],"usageMetadata":{"promptTokenCount":1}}"#, .empty),
        (#"{"candidates":[{"finishReason":"STOP"}]}"#, .empty),
        (#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}"#, .empty), (#"[1]"#, .protocol),
        (#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#, .capacity),
        (#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#, .rate),
        (#"{"error":{"message":"m","status":"INTERNAL"}}"#, .upstream),
    ])
    func whatIsNoAnswerFails(text: String, kind: Failure.Kind) throws {
        let body = try JSONValue(parsing: text.utf8)
        #expect { try GeminiCodec.decodeResponse(body) } throws: { ($0 as? Failure)?.kind == kind }
    }

    @Test func otherCandidatesAndOddPartsStay() throws {
        let text = #"""
            {"candidates":[{"index":1,"content":{"parts":[{"text":"b"}]}},{"index":0,"content":{"parts":[{"text":7},
             {"text":"a"}],"role":"model"},"finishReason":"STOP"}],"createTime":"2026-05-27T16:53:45.443719Z"}
            """#
        let response = try decode(text)
        #expect(response.parts.compactMap(\.text) == ["a"])
        #expect(response.start.created == 1_779_900_825)
        let written = GeminiCodec.encodeResponse(response, as: identity)
        #expect(written["candidates"]?.array?.count == 2)
        #expect(written["candidates"]?[0]?["content"]?["parts"]?[0]?["text"]?.int == 7)
    }

    @Test func groundingBecomesCitations() throws {
        let response = try decode(
            #"""
            {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Rain today."}]},
             "finishReason":"STOP","groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://a","title":"A"}},
             {"retrievedContext":{"title":"B"}}],"groundingSupports":[{"segment":{"endIndex":4,"text":"Rain"},
             "groundingChunkIndices":[0,1,9]}]}}]}
            """#)
        let citations = response.parts[1].citations
        #expect(citations.map(\.title) == ["A", "B"])
        #expect(citations[0].url == "https://a" && citations[0].quote == "Rain")
        #expect(citations[0].start == 0 && citations[0].end == 4)
    }

    // MARK: Writing

    @Test func answersOfOthersAreWrittenAsGemini() throws {
        var text = Part.text("Rain.")
        text.citations = [
            Citation(url: "https://a", title: "A", quote: "Rain"), Citation(url: "https://a", title: "A"),
        ]
        let parts = [
            Part(.thinking(Thinking("hm")), signature: Signature(.anthropic, "no")),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "no")), text,
            Part(.refusal("I will not.")), Part(.toolCall(ToolCall(id: "t1", name: "f", arguments: #"{"a": 1}"#))),
            Part(.native(.openAIResponses, type: "web_search_call", .object([]))),
        ]
        let response = CanonicalResponse(
            start: AnswerStart(id: "msg_1", model: "claude"), parts: parts,
            finish: Finish(.toolCalls, usage: Usage(input: 3, output: 4)))
        let body = GeminiCodec.encodeResponse(response, as: identity)
        let written = body["candidates"]?[0]?["content"]?["parts"]?.array?.map(\.text)
        #expect(
            written == [
                #"{"text":"hm","thought":true}"#, #"{"text":"Rain."}"#, #"{"text":"I will not."}"#,
                #"{"functionCall":{"id":"t1","name":"f","args":{"a":1}}}"#,
            ])
        #expect(body["candidates"]?[0]?["finishReason"]?.string == "STOP")
        #expect(
            body["candidates"]?[0]?["groundingMetadata"]?.text
                == #"{"groundingChunks":[{"web":{"uri":"https://a","title":"A"}}],"#
                + #""groundingSupports":[{"segment":{"text":"Rain"},"groundingChunkIndices":[0]},"#
                + #"{"groundingChunkIndices":[0]}]}"#)
        #expect(body["modelVersion"]?.string == "alias")
        #expect(body["responseId"]?.string == "call1")
        #expect(body["usageMetadata"]?["totalTokenCount"]?.int == 7)
    }

    @Test func aCallWithoutAnObjectIsMalformed() {
        let call = Part(.toolCall(ToolCall(id: "t1", name: "f", arguments: #"{"a":"#)))
        let response = CanonicalResponse(parts: [.text("t"), call], finish: Finish(.toolCalls))
        let body = GeminiCodec.encodeResponse(response, as: identity)
        #expect(body["candidates"]?[0]?["finishReason"]?.string == "MALFORMED_FUNCTION_CALL")
        #expect(body["candidates"]?[0]?["content"]?["parts"]?.array?.count == 1)
    }

    // MARK: Errors

    @Test func errorsAreGoogles() throws {
        let error = GatehouseError(.upstreamRateLimited, "Slow down.", param: "contents[0]", retryAfter: 34)
        let body = try JSONValue(parsing: GeminiCodec.render(error, requestID: "req1").readableBytesView)["error"]
        #expect(body?["code"]?.int == 429)
        #expect(body?["status"]?.string == "RESOURCE_EXHAUSTED")
        #expect(body?["message"]?.string == "Slow down.")
        let details = body?["details"]?.array ?? []
        #expect(details[0]["@type"]?.string == "type.googleapis.com/google.rpc.ErrorInfo")
        #expect(details[0]["reason"]?.string == "upstream_rate_limited")
        #expect(details[0]["domain"]?.string == "gatehouse")
        #expect(details[1]["fieldViolations"]?[0]?["field"]?.string == "contents[0]")
        #expect(details[2]["retryDelay"]?.string == "34s")
        for code in GatehouseError.Code.allCases {
            let bytes = GeminiCodec.render(GatehouseError(code, "m"), requestID: "r").readableBytesView
            let word = try JSONValue(parsing: bytes)["error"]?["status"]?.string
            #expect(word?.isEmpty == false && (word == "INTERNAL") == [500, 502, 507].contains(code.status), "\(code)")
        }
    }

    private static let quotaPerDay = #"""
        [{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":
        "generativelanguage.googleapis.com/generate_content_free_tier_requests","quotaId":
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.074824224s"}]
        """#

    @Test(arguments: [
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "[]", Failure.Kind.auth),
        (
            400, "INVALID_ARGUMENT", "x",
            #"[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]"#,
            .auth
        ),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "[]", .auth),
        (
            400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "[]",
            .contextLength
        ),
        (400, "INVALID_ARGUMENT", "LogProbs is not supported", "[]", .input),
        (401, "UNAUTHENTICATED", "x", "[]", .auth),
        (403, "PERMISSION_DENIED", "x", "[]", .auth),
        (403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", "[]", .input),
        (404, "NOT_FOUND", "models/x is not found", "[]", .modelUnknown), (429, "RESOURCE_EXHAUSTED", "x", "[]", .rate),
        (429, "RESOURCE_EXHAUSTED", "x", GeminiAnswerTests.quotaPerDay, .quota),
        (499, "CANCELLED", "x", "[]", .upstream),
        (500, "INTERNAL", "x", "[]", .upstream), (503, "UNAVAILABLE", "overloaded", "[]", .capacity),
        (504, "DEADLINE_EXCEEDED", "x", "[]", .timeout(.own)), (302, "", "", "[]", .protocol),
    ])
    func failuresAreClassified(
        status: Int, word: String, message: String, details: String, kind: Failure.Kind
    ) {
        let body =
            #"{"error":{"code":\#(status),"message":"\#(message)","status":"\#(word)","details":\#(details)}}"#
        let head = UpstreamHead(status: status, contentType: "application/json")
        let failure = GeminiCodec.failure(head, body: ByteBuffer(string: body))
        #expect(failure.kind == kind)
        #expect(failure.retryAfter == (kind == .quota ? 35 : nil))
        #expect(GeminiCodec.failure(head, body: ByteBuffer(string: "[\(body)]")).kind == kind)
        #expect(!failure.detail.contains("LogProbs") && failure.hint?.contains(" supported") != true)
    }

    @Test func aFieldAtFaultIsNamedAndNothingElse() {
        let head = UpstreamHead(status: 400, contentType: "application/json", retryAfter: "7")
        let message = #"Invalid value at 'contents[0].role' (TYPE_STRING), secret-prompt"#
        let body = #"{"error":{"code":400,"message":"\#(message)","status":"INVALID_ARGUMENT"}}"#
        let failure = GeminiCodec.failure(head, body: ByteBuffer(string: body))
        #expect(failure.hint == "field contents[0].role")
        #expect(failure.retryAfter == 7)
        #expect(!failure.detail.contains("secret"))
        for junk in ["", "<html>", #"{"error":"x"}"#, #"{"error":{"details":{"a":1},"status":5}}"#] {
            #expect(GeminiCodec.failure(head, body: ByteBuffer(string: junk)).kind == .input)
        }
    }
}
