import GatehouseCore
import NIOCore
import Testing

@Suite("Responses: streams from targets")
struct ResponsesStreamDecoderTests {
    private func events(_ lines: [String]) -> (events: [CanonicalEvent], failure: Failure?) {
        // Payloads are written over several lines here for the eye.
        let stream = lines.map { "data: \($0.filter { $0 != "\n" })\n\n" }.joined()
        return Laws.events(ResponsesCodec.self, [ByteBuffer(string: stream)])
    }

    private let completed = #"{"type":"response.completed","response":{"status":"completed","output":[]}}"#

    @Test func `what the deltas left out comes from the ends`() throws {
        let (events, failure) = events([
            #"{"type":"response.created","response":{"id":"r","model":"m","created_at":7}}"#,
            #"{"type":"response.output_item.added","output_index":0,"item":{"type":"message"}}"#,
            """
            {"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text",
            "text":"one","annotations":[{"type":"url_citation","url":"u"}]}}
            """,
            """
            {"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[
            {"type":"output_text","text":"one"},{"type":"output_text","text":"two"},
            {"type":"refusal","refusal":"no"}]}}
            """,
            #"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"lost"}"#,
            """
            {"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","call_id":"c",
            "name":"f","arguments":"{}"}}
            """,
            #"{"type":"response.unheard_of","x":1}"#,
            """
            {"type":"response.completed","response":{"status":"completed","output":[{},{},
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"},
            {"type":"web_search_call","id":"ws"}],"usage":{"input_tokens":1,"output_tokens":2}}}
            """,
        ])
        #expect(failure == nil)
        #expect(events.first == .started(AnswerStart(id: "r", model: "m", created: 7)))
        let answer = try #require(Laws.answer(events))
        let kinds = ["text", "text", "refusal", "tool call", "thinking", "web_search_call"]
        #expect(answer.parts.map(\.kindName) == kinds)
        #expect(answer.parts[0].citations.map(\.url) == ["u"])
        #expect(answer.parts[3].toolCall == ToolCall(id: "c", name: "f", arguments: "{}"))
        #expect(answer.parts[4].thinking == Thinking("", isRedacted: true, id: "rs_1"))
        #expect(answer.finish.reason == .toolCalls && answer.finish.usage?.counts.prefix(2) == [1, 2])
    }

    @Test func `parallel calls come apart, whatever the order`() throws {
        let (events, failure) = events([
            """
            {"type":"response.output_item.added","output_index":0,
            "item":{"type":"function_call","call_id":"a","name":"f"}}
            """,
            """
            {"type":"response.output_item.added","output_index":1,
            "item":{"type":"custom_tool_call","call_id":"b","name":"g"}}
            """,
            #"{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"x","delta":"{\"x\":"}"#,
            #"{"type":"response.custom_tool_call_input.delta","output_index":1,"delta":"free "}"#,
            #"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"1}"}"#,
            #"{"type":"response.custom_tool_call_input.delta","output_index":1,"delta":"text"}"#,
            """
            {"type":"response.output_item.done","output_index":1,
            "item":{"type":"custom_tool_call","call_id":"b","name":"g","input":"free text"}}
            """,
            #"""
            {"type":"response.output_item.done","output_index":0,
            "item":{"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"}}
            """#,
            completed,
        ])
        #expect(failure == nil)
        let calls = try #require(Laws.answer(events)).parts.compactMap(\.toolCall)
        #expect(
            calls == [
                ToolCall(id: "a", name: "f", arguments: #"{"x":1}"#),
                ToolCall(id: "b", name: "g", arguments: "free text", isCustom: true),
            ])
    }

    @Test func `pieces of a summary are divided, and only one form of the thoughts is told`() throws {
        let summary = #"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index""#
        let (events, _) = events([
            summary + #":0,"delta":"a"}"#,
            #"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"raw"}"#,
            summary + #":1,"delta":"b"}"#,
            """
            {"type":"response.output_item.done","output_index":0,
            "item":{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"seal"}}
            """,
            #"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"x"}"#, completed,
        ])
        let answer = try #require(Laws.answer(events))
        #expect(answer.parts.map(\.kindName) == ["thinking", "text"])
        #expect(answer.parts[0].thinking?.text == "a\n\nb")
        #expect(answer.parts[0].signature == Signature(.openAIResponses, "seal"))
    }

    @Test func `a seal never comes onto what began meanwhile`() throws {
        let (events, _) = events([
            #"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"hm"}"#,
            #"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"x"}"#,
            """
            {"type":"response.output_item.done","output_index":0,
            "item":{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"seal"}}
            """,
            #"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"y"}"#, completed,
        ])
        let parts = try #require(Laws.answer(events)).parts
        #expect(parts.map(\.kindName) == ["thinking", "text", "thinking", "text"])
        #expect(parts.map { $0.signature?.value } == [nil, nil, "seal", nil])
    }

    @Test(arguments: [
        (#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null}"#, Failure.Kind.rate),
        (#"{"type":"error","error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#, .quota),
        (#"{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}"#, .contextLength),
        (#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}"#, .upstream),
        (#"{"type":"response.failed","response":{"error":{"code":"invalid_prompt"}}}"#, .input),
        (#"{"type":"response.failed","response":{"error":{"code":"vector_store_timeout"}}}"#, .timeout(.own)),
        (#"{"type":"response.failed","response":{"error":{"code":"image_too_large"}}}"#, .input),
        (#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded"}}}"#, .capacity),
        (#"{"type":"response.failed","response":{"error":null}}"#, .upstream),
        (#"{"type":"response.completed","response":{"error":{"code":"server_error"}}}"#, .upstream),
        (#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#, .empty),
        (#"{"type":"response.completed"}"#, .protocol), (#"{"type":"#, .protocol), (#"[DONE]"#, .empty),
        (#"{"type":"response.in_progress"}"#, .truncated),
    ])
    func `a stream that goes wrong is a failure of the right class`(_ line: String, _ kind: Failure.Kind) {
        let (events, failure) = events([line])
        #expect(failure?.kind == kind)
        #expect(!events.contains { if case .finished = $0 { true } else { false } })
    }

    @Test func `nothing at all is empty, and nothing follows the terminator`() throws {
        #expect(events([]).failure?.kind == .empty)
        let delta = #"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"x"}"#
        let (events, failure) = events([delta, completed, delta, "[DONE]"])
        #expect(failure == nil && events.count == 3)
    }

    @Test func `an answer cut by its limit says so`() throws {
        let (events, failure) = events([
            """
            {"type":"response.incomplete","response":{"status":"incomplete",
            "incomplete_details":{"reason":"max_output_tokens"},"output":[]}}
            """
        ])
        #expect(failure == nil && Laws.answer(events)?.finish.reason == .length)
    }
}
