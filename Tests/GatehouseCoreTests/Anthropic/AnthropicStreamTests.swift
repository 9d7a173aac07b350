import GatehouseCore
import NIOCore
import Testing

/// Streams in Anthropic's dialect, written for callers and read from providers.
@Suite struct AnthropicStreamTests {
    private func payloads(_ events: [CanonicalEvent]) -> [JSONValue] {
        let buffer = AnthropicStreams.written(events)
        #expect(AnthropicStreams.grammarFault(buffer) == nil)
        return AnthropicStreams.payloads(buffer)
    }

    private func answer(_ events: [CanonicalEvent]) throws -> CanonicalResponse {
        let buffer = AnthropicStreams.written(events)
        #expect(AnthropicStreams.grammarFault(buffer) == nil)
        let (events, failure) = Laws.events(AnthropicCodec.self, [buffer])
        #expect(failure == nil)
        return try #require(Laws.answer(events))
    }

    private func decode(_ payloads: String...) -> (events: [CanonicalEvent], failure: Failure?) {
        Laws.events(AnthropicCodec.self, [AnthropicStreams.stream(payloads)])
    }

    private static let start =
        #"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":10,"#
        + #""cache_read_input_tokens":5,"cache_creation_input_tokens":7,"cache_creation":"#
        + #"{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":1}}}"#
    private static let stop = #"{"type":"message_stop"}"#
    private static func finish(_ reason: String = "end_turn", usage: String = #"{"output_tokens":9}"#) -> String {
        #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)","stop_sequence":null},"usage":\#(usage)}"#
    }

    // MARK: Writing

    @Test func `pieces of several calls that come interleaved are put in order`() throws {
        let events: [CanonicalEvent] = [
            .textDelta("hi"), .toolCallDelta(index: 0, id: "a", name: "f", arguments: #"{"x""#),
            .toolCallDelta(index: 1, id: "b", name: "g", arguments: ""),
            .toolCallDelta(index: 2, id: nil, name: "h", arguments: "{}"),
            .toolCallDelta(index: 1, id: nil, name: nil, arguments: #"{"y":2}"#),
            .toolCallDelta(index: 0, id: nil, name: nil, arguments: ":1}"), .finished(Finish(.toolCalls)),
        ]
        let calls = try answer(events).parts.compactMap(\.toolCall)
        #expect(calls.map(\.name) == ["f", "g", "h"])
        #expect(calls.map(\.arguments) == [#"{"x":1}"#, #"{"y":2}"#, "{}"])
        #expect(calls.map(\.id) == ["a", "b", "toolu_call1_2"])
        #expect(payloads(events).filter { $0["type"]?.string == "content_block_start" }.count == 4)
    }

    @Test func `the end of a call is that of the call that was spoken of`() throws {
        let answer = try answer([
            .toolCallDelta(index: 0, id: "a", name: "f", arguments: "{"),
            .toolCallDelta(index: 1, id: "b", name: "g", arguments: "{}"), .partEnded,
            .toolCallDelta(index: 0, id: nil, name: nil, arguments: "}"), .partEnded,
            .toolCallDelta(index: 2, id: "c", name: "h", arguments: "{}"), .textDelta("end"), .finished(Finish(.stop)),
        ])
        #expect(answer.parts.compactMap(\.toolCall).map(\.arguments) == ["{}", "{}", "{}"])
        #expect(answer.parts.last?.text == "end")
        #expect(answer.finish.reason == .toolCalls)
    }

    @Test func `a call's input begins empty and a call without arguments has none`() {
        let payloads = payloads([
            .toolCallDelta(index: 0, id: "a", name: "f", arguments: ""), .finished(Finish(.toolCalls)),
        ])
        #expect(payloads[1]["content_block"]?["input"] == .object([]))
        #expect(payloads[2]["type"]?.string == "content_block_stop")
    }

    @Test func `a signature closes its thinking, and no empty text leads`() {
        let seal = Signature(.anthropic, "Eq\"\\/==")
        let payloads = payloads([
            .started(AnswerStart(id: "chatcmpl-1", model: "other")), .textDelta(""), .reasoningDelta("hm"),
            .signature(seal), .reasoningDelta("again"), .textDelta("x"), .textDelta("y"), .finished(Finish(.stop)),
        ])
        let deltas = payloads.compactMap { $0["delta"]?["type"]?.string }
        #expect(deltas == ["thinking_delta", "signature_delta", "thinking_delta", "text_delta", "text_delta"])
        #expect(payloads.compactMap { $0["delta"]?["signature"]?.string } == [seal.value])
        #expect(payloads[0]["message"]?["id"]?.string == "msg_call1")
        #expect(payloads[0]["message"]?["model"]?.string == "alias")
    }

    @Test func `input is told first when it is known, and usage at the end excludes the cache`() {
        var usage = Usage(input: 100, output: 1, cachedInput: 30)
        usage.cacheWriteHour = 20
        var last = usage
        last.output = 40
        let payloads = payloads([
            .started(AnswerStart(usage: usage)), .textDelta("x"), .usage(last), .finished(Finish(.length)),
        ])
        #expect(payloads[0]["message"]?["usage"]?["input_tokens"]?.int == 50)
        let end = payloads[payloads.count - 2]
        #expect(end["usage"]?["cache_read_input_tokens"]?.int == 30)
        #expect(end["usage"]?["cache_creation_input_tokens"]?.int == 20)
        #expect(end["usage"]?["cache_creation"]?["ephemeral_1h_input_tokens"]?.int == 20)
        #expect(end["usage"]?["output_tokens"]?.int == 40)
        #expect(end["delta"]?["stop_reason"]?.string == "max_tokens")
    }

    @Test func `every kind of part is taken, and what has no place is left out`() throws {
        let server = #"{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}}"#
        let native = try JSONValue(parsing: server.utf8)
        let media = Media(.base64("AA"))
        let parts: [Part] = [
            .text("a"), .text(""), Part(.refusal("no")), Part(.image(media)), Part(.audio(media)), Part(.video(media)),
            Part(.document(media)), Part(.thinking(Thinking("")), signature: Signature(.anthropic, "E")),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "R")),
            Part(.thinking(Thinking("", isRedacted: true))),
            Part(.toolCall(ToolCall(id: "t", name: "f", arguments: ""))),
            Part(.toolResult(ToolResult(callID: "t", content: []))),
            Part(.native(.anthropic, type: "server_tool_use", native)), Part(.native(.gemini, type: "x", .object([]))),
        ]
        let others: [CanonicalEvent] = [
            .toolStarted(id: "1", name: "n", input: nil), .notice(Notice(.info, "i")), .limit(UsageLimit(kind: "5h")),
            .toolFinished(id: "1", succeeded: true, denied: false), .signature(Signature(.gemini, "g")),
            .toolCallSignature(index: 0, Signature(.gemini, "g")), .finished(Finish(.stop)),
        ]
        let answer = try answer([.started(AnswerStart())] + parts.map { .part($0) } + others)
        let kinds = ["text", "text", "thinking", "thinking", "tool call", "server_tool_use"]
        try #require(answer.parts.map(\.kindName) == kinds)
        #expect(answer.parts[2].signature?.value == "E")
        #expect(answer.parts[3].signature?.value == "R")
        #expect(answer.parts[4].toolCall?.arguments == "{}")
        #expect(answer.parts[5].content == .native(.anthropic, type: "server_tool_use", native))
    }

    @Test func `foreign citations become pages, and texts they are not in are opened`() throws {
        let citation = Citation(url: "https://x", title: "X", quote: "q")
        let answer = try answer([.citation(citation), .citation(Citation()), .textDelta("t"), .finished(Finish(.stop))])
        try #require(answer.parts.count == 1)
        #expect(answer.parts[0].citations.map(\.url) == ["https://x"])
        #expect(answer.parts[0].citations[0].quote == "q")
    }

    @Test(arguments: FinishReason.allCases)
    func `every reason to end has a word`(reason: FinishReason) {
        let words: [FinishReason: String] = [
            .stop: "end_turn", .stopSequence: "stop_sequence", .length: "max_tokens",
            .contextLength: "model_context_window_exceeded", .toolCalls: "tool_use", .contentFilter: "refusal",
            .refusal: "refusal", .pause: "pause_turn", .malformedCall: "end_turn",
        ]
        let streamed = payloads([.textDelta("x"), .finished(Finish(reason))])
        #expect(streamed[streamed.count - 2]["delta"]?["stop_reason"]?.string == words[reason])
        let whole = CanonicalResponse(parts: [.text("x")], finish: Finish(reason))
        let body = AnthropicCodec.encodeResponse(whole, as: AnthropicStreams.identity)
        #expect(body["stop_reason"]?.string == words[reason])
        #expect(body["id"]?.string == "msg_call1")
    }

    @Test func `an error is the last event and no stop follows it`() {
        var encoder = AnthropicCodec.streamEncoder(as: AnthropicStreams.identity, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("x"), to: &buffer)
        encoder.fail(GatehouseError(.upstreamOverloaded, "Later."), requestID: "req_1", to: &buffer)
        encoder.encode(.finished(Finish(.stop)), to: &buffer)
        let text = String(buffer: buffer)
        #expect(!text.contains("message_stop"))
        let last =
            "event: error\n" + #"data: {"type":"error","error":{"type":"overloaded_error","message":"Later.","#
            + #""code":"upstream_overloaded"},"request_id":"req_1"}"# + "\n\n"
        #expect(text.hasSuffix(last))
        #expect(Laws.events(AnthropicCodec.self, [buffer]).failure?.kind == .capacity)
    }

    // MARK: Reading

    @Test func `usage that comes later stands for what came before and is never added`() throws {
        let restated =
            #"{"input_tokens":8,"cache_read_input_tokens":0,"cache_creation_input_tokens":null,"output_tokens":9,"#
            + #""output_tokens_details":{"thinking_tokens":4},"server_tool_use":{"web_search_requests":2}}"#
        let (events, failure) = decode(Self.start, Self.finish(usage: restated), Self.stop)
        #expect(failure == nil)
        guard case .started(let start) = events.first else { throw Failure(.protocol) }
        #expect(start.usage?.input == 22)
        #expect(start.usage?.cachedInput == 5)
        #expect(start.usage?.cacheWrite == 4)
        #expect(start.usage?.cacheWriteHour == 3)
        let usage = try #require(Laws.answer(events)?.finish.usage)
        #expect(usage.input == 15)
        #expect(usage.cachedInput == 0)
        #expect(usage.output == 9)
        #expect(usage.reasoning == 4)
        #expect(usage.extensions[.anthropic, "$raw"]?["server_tool_use"]?["web_search_requests"]?.int == 2)
    }

    @Test func `counts that overflow are capped`() {
        let huge = #"{"input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807}"#
        let (events, _) = decode(Self.start, Self.finish(usage: huge), Self.stop)
        #expect(Laws.answer(events)?.finish.usage?.input == .max)
    }

    @Test func `blocks that only the vendor understands come whole`() throws {
        let result = #"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result"}]}"#
        let (events, failure) = decode(
            Self.start,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","input":{}}}"#,
            #"{"type":"ping"}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}}"#,
            #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
            #"{"type":"content_block_stop","index":0}"#,
            #"{"type":"content_block_start","index":1,"content_block":\#(result)}"#,
            #"{"type":"content_block_stop","index":1}"#,
            #"{"type":"content_block_start","index":2,"content_block":{"type":"compaction","content":"a"}}"#,
            #"{"type":"content_block_delta","index":2,"delta":{"type":"compaction_delta","content":"b"}}"#,
            #"{"type":"content_block_stop","index":2}"#, Self.finish("pause_turn"), Self.stop)
        #expect(failure == nil)
        let answer = try #require(Laws.answer(events))
        try #require(answer.parts.map(\.kindName) == ["server_tool_use", "web_search_tool_result", "compaction"])
        let values = answer.parts.map { part -> JSONValue? in
            if case .native(_, _, let value) = part.content { value } else { nil }
        }
        #expect(values[0]?["input"]?["q"]?.int == 1)
        #expect(try values[1] == JSONValue(parsing: result.utf8))
        #expect(values[2]?["content"]?.string == "ab")
        #expect(answer.finish.reason == .pause)
    }

    @Test func `a call whose input stands in its start is whole`() {
        let (events, _) = decode(
            Self.start,
            #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","#
                + #""input":{"x":1}}}"#, #"{"type":"content_block_stop","index":0}"#, Self.finish("tool_use"), Self.stop
        )
        #expect(Laws.answer(events)?.parts.first?.toolCall?.arguments == #"{"x":1}"#)
    }

    @Test(arguments: [
        ("overloaded_error", Failure.Kind.capacity), ("rate_limit_error", .rate), ("api_error", .upstream),
        ("timeout_error", .timeout(.own)), ("authentication_error", .auth), ("invalid_request_error", .input),
        ("billing_error", .quota), ("something_new", .upstream),
    ])
    func `an error in a stream is a failure of its class`(type: String, kind: Failure.Kind) {
        let error = #"{"type":"error","error":{"type":"\#(type)","message":"secret words"}}"#
        let (_, failure) = decode(Self.start, error)
        #expect(failure?.kind == kind)
        #expect(failure?.hint == nil)
        #expect(failure?.detail.contains("secret") == false)
    }

    @Test func `a stream that is no answer fails`() {
        #expect(Laws.events(AnthropicCodec.self, []).failure?.kind == .empty)
        #expect(decode(Self.start).failure?.kind == .truncated)
        #expect(decode(Self.start, Self.finish()).failure?.kind == .truncated)
        #expect(decode(Self.start, Self.stop).failure?.kind == .protocol)
        #expect(decode(Self.start, "[1]").failure?.kind == .protocol)
        #expect(decode(Self.start, #"{"type":"content_block_delta","index":3,"delta":{}}"#).failure?.kind == .protocol)
        #expect(decode(Self.start, Self.start, Self.finish(), Self.stop).failure == nil)
        #expect(decode(Self.start, Self.finish(), Self.stop, "[DONE]").failure == nil)
    }
}
