import GatehouseCore
import NIOCore
import Testing

private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

private let caller = AnswerIdentity(call: "k", model: "m", created: 1)

@Suite("Responses: whole answers")
struct ResponsesAnswerTests {
    @Test(arguments: [
        (#"{"status":"completed","output":[]}"#, Failure.Kind.empty),
        (#"{"status":"queued","output":[]}"#, .protocol), (#"{"status":"in_progress","output":[]}"#, .protocol),
        (#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]}"#, .rate),
        (#"{"status":"failed","error":null,"output":[]}"#, .upstream), (#"{"status":"cancelled"}"#, .upstream),
        (#"{"object":"chat.completion","choices":[]}"#, .protocol), (#"[]"#, .protocol),
    ])
    func `what is no answer is a failure`(_ body: String, _ kind: Failure.Kind) throws {
        let failure = #expect(throws: Failure.self) { try ResponsesCodec.decodeResponse(json(body)) }
        #expect(failure?.kind == kind)
    }

    @Test func `a backend that forgets the status still answers`() throws {
        let call = #"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#
        let answer = try ResponsesCodec.decodeResponse(
            json(#"{"id":"r","status":"in_progress","output":[\#(call)]}"#))
        #expect(answer.finish.reason == .toolCalls && answer.start.id == "r")
    }

    @Test func `reasons and counts are read`() throws {
        let refused = try ResponsesCodec.decodeResponse(
            json(
                """
                {"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}],
                "usage":{"input_tokens":10,"output_tokens":5,
                "input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},
                "output_tokens_details":{"reasoning_tokens":2},"cost":0.00012}}
                """))
        #expect(refused.finish.reason == .refusal)
        #expect(refused.finish.usage?.counts == [10, 5, 4, 2, 3, 0, 0, 0])
        #expect(refused.finish.cost == Cost(unit: "usd", amount: "0.00012"))
        for (detail, reason) in [("max_output_tokens", FinishReason.length), ("content_filter", .contentFilter)] {
            let cut = try ResponsesCodec.decodeResponse(
                json(#"{"status":"incomplete","incomplete_details":{"reason":"\#(detail)"},"output":[]}"#))
            #expect(cut.finish.reason == reason)
            #expect(cut.finish.extensions[.openAIResponses, "$reason"]?.string == detail)
        }
    }

    @Test func `an odd item does not fail the answer`() throws {
        let body = try json(
            """
            {"status":"completed","output":[{"type":"function_call","call_id":5},"text",
            {"type":"message","role":"assistant"}]}
            """)
        let answer = try ResponsesCodec.decodeResponse(body)
        #expect(answer.parts.map(\.kindName) == ["function_call", "unknown", "message"])
        #expect(body.difference(from: ResponsesCodec.encodeResponse(answer, as: caller)) == nil)
    }

    @Test func `whole and streamed tell the same items`() throws {
        let parts: [Part] = [
            Part(.thinking(Thinking("hm")), signature: Signature(.anthropic, "s")), .text("a"), .text("b"),
            Part(.refusal("no")), Part(.toolCall(ToolCall(id: "c", name: "f", arguments: ""))),
            Part(.toolCall(ToolCall(id: "", name: "g", arguments: "raw", isCustom: true))),
            Part(.toolCall(ToolCall(id: "s", name: "h", arguments: "{}")), signature: Signature(.gemini, "x:y")),
        ]
        let response = CanonicalResponse(parts: parts, finish: Finish(.toolCalls, usage: Usage(input: 1, output: 1)))
        let whole = ResponsesCodec.encodeResponse(response, as: caller)
        var encoder = ResponsesCodec.streamEncoder(as: caller, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in response.events { encoder.encode(event, to: &buffer) }
        let line = try #require(String(buffer: buffer).split(separator: "\n").last)
        let last = try JSONValue(parsing: line.dropFirst("data: ".count).utf8)
        #expect(whole.difference(from: last["response"] ?? .null) == nil)
    }
}

@Suite("Responses: failures")
struct ResponsesFailureTests {
    @Test(arguments: [
        (
            400, #"{"error":{"message":"x","type":"invalid_request_error","param":"input","code":null}}"#,
            Failure.Kind.input
        ),
        (400, #"{"error":{"code":"previous_response_not_found","param":"previous_response_id"}}"#, .input),
        (400, #"{"error":{"code":"context_length_exceeded"}}"#, .contextLength),
        (400, #"{"error":{"code":"invalid_image_url","type":"invalid_request_error"}}"#, .input),
        (400, #"{"code":"invalid-argument","error":"Incorrect API key provided: xai-abc."}"#, .auth),
        (400, #"{"code":"x","error":"Model not found: y"}"#, .modelUnknown),
        (400, #"{"code":"x","error":"Something else"}"#, .input), (401, "nonsense", .auth), (402, "{}", .quota),
        (404, #"{"error":{"type":"invalid_request_error","param":"input","code":null}}"#, .input),
        (404, #"{"error":{"type":"invalid_request_error","param":"model","code":"model_not_found"}}"#, .modelUnknown),
        (404, #"{"error":{"type":"invalid_request_error","param":null,"code":null}}"#, .modelUnknown),
        (429, #"{"error":{"code":"rate_limit_exceeded"}}"#, .rate),
        (429, #"{"error":{"code":"insufficient_quota"}}"#, .quota),
        (500, #"{"error":{"code":"server_error"}}"#, .upstream),
        (503, #"{"error":{"code":"server_error"}}"#, .capacity), (504, "", .timeout(.own)),
    ])
    func `statuses and bodies have their class`(_ status: Int, _ body: String, _ kind: Failure.Kind) {
        let head = UpstreamHead(status: status, contentType: "application/json")
        #expect(ResponsesCodec.failure(head, body: ByteBuffer(string: body)).kind == kind)
    }

    @Test func `no text of an upstream gets through`() {
        let head = UpstreamHead(status: 400, contentType: "application/json")
        let text = #"{"error":{"message":"SECRET","type":"SECRET A","code":"SECRET B","param":"a b"}}"#
        let failure = ResponsesCodec.failure(head, body: ByteBuffer(string: text))
        #expect(!failure.detail.contains("SECRET") && failure.hint == nil)
        let inside = ResponsesFailure.classify(
            error: .object(["code": .string("SECRET C"), "message": .string("SECRET")]))
        #expect(!inside.detail.contains("SECRET") && inside.hint == nil && inside.kind == .upstream)
    }

    @Test func `an error is rendered as OpenAI does`() throws {
        let error = GatehouseError(.invalidValue, "The field x is bad.", param: "x")
        let body = try JSONValue(parsing: ResponsesCodec.render(error, requestID: "r").readableBytesView)
        #expect(body["error"]?["type"]?.string == "invalid_request_error" && body["error"]?["param"]?.string == "x")
    }
}

@Suite("Responses: history")
struct ResponsesHistoryTests {
    /// What is kept of an exchange, as it comes back from the store.
    private func kept(_ body: String, _ output: String...) throws -> [JSONValue] {
        let whole = ResponsesHistory.whole(
            try ResponsesHistory.said(in: json(body)), with: output.map { ByteBuffer(string: $0) }, summary: nil)
        return try #require(ResponsesHistory.items(ofKept: try JSONValue(parsing: whole.readableBytesView)))
    }

    private let call = #"{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}"#
    private let answer = #"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]}"#

    @Test func `what was said comes before what is new`() throws {
        let conversation = try kept(
            #"{"input":"a"}"#, #"{"type":"reasoning","id":"rs_1","summary":[]}"#,
            #"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"e"}"#,
            #"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"b"}]}"#, call,
            #"{"type":"web_search_call","id":"ws_1","status":"completed"}"#)
        let body = try json(#"{"model":"m","previous_response_id":"resp_1","input":"and?","store":true}"#)
        let joined = try ResponsesHistory.join(conversation, into: body)
        let expected = try json(
            """
            {"model":"m","store":true,"input":[{"type":"message","role":"user","content":"a"},
            {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"e"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"b"}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"type":"web_search_call","id":"ws_1","status":"completed"},
            {"type":"message","role":"user","content":"and?"}]}
            """)
        #expect(expected.difference(from: joined) == nil)
        let request = try ResponsesCodec.decodeRequest(joined)
        #expect(request.messages.map(\.role) == [.user, .assistant, .user] && request.previousResponse == nil)
    }

    @Test func `histories join one after another, and results find their calls`() throws {
        let question = #"{"input":[{"role":"user","content":"a"},{"type":"item_reference","id":"x"}]}"#
        let first = try ResponsesHistory.join(
            kept(question, call),
            into: json(#"{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"r"}]}"#))
        let second = try ResponsesHistory.join(
            kept(first.text, answer), into: json(#"{"model":"m","previous_response_id":"resp_2"}"#))
        let kinds = second["input"]?.array?.compactMap { ($0["type"] ?? $0["role"])?.string }
        #expect(kinds == ["user", "function_call", "function_call_output", "message"])
        #expect(second["previous_response_id"] == nil)
    }

    @Test func `nothing said and nothing answered is an empty conversation`() throws {
        #expect(try kept("{}").isEmpty)
        #expect(try kept("{}", answer).count == 1 && kept(#"{"input":[]}"#, answer, call).count == 2)
    }

    @Test func `an input of another kind is refused`() throws {
        #expect(throws: GatehouseError.self) { try ResponsesHistory.join([], into: json(#"{"input":7}"#)) }
        #expect(throws: GatehouseError.self) { try ResponsesHistory.join([], into: .null) }
        #expect(throws: GatehouseError.self) { try ResponsesHistory.said(in: json(#"{"input":7}"#)) }
    }

    @Test func `the head tells which answer is meant`() throws {
        func previous(_ value: String) throws -> String? {
            let body = ByteBuffer(string: #"{"model":"m","previous_response_id":\#(value)}"#)
            return try RequestHead(scanning: body, operation: .responses).previousResponse
        }
        #expect(try previous(#""resp_\u0067h_1""#) == "resp_gh_1")
        #expect(try previous("7") == nil)
        #expect(ResponsesHistory.isMade("resp_gh_1") && !ResponsesHistory.isMade("resp_0a1b"))
    }
}
