import GatehouseCore
import NIOCore
import Testing

private let caller = AnswerIdentity(call: "k", model: "m", created: 5)

private func write(_ events: [CanonicalEvent], as identity: AnswerIdentity = caller) -> ByteBuffer {
    var encoder = ResponsesCodec.streamEncoder(as: identity, options: StreamOptions())
    var buffer = ByteBuffer()
    for event in events { encoder.encode(event, to: &buffer) }
    return buffer
}

/// The events of a stream, checked to be named by their `event` lines and numbered from 0.
private func read(_ buffer: ByteBuffer) throws -> [JSONValue] {
    var events: [JSONValue] = []
    for line in String(buffer: buffer).split(separator: "\n\n") where !line.hasPrefix(":") {
        let lines = line.split(separator: "\n")
        let event = try JSONValue(parsing: try #require(lines.last).dropFirst("data: ".count).utf8)
        #expect(lines.count == 2 && lines[0] == "event: \(event["type"]?.string ?? "")")
        #expect(event["sequence_number"]?.int == events.count)
        events.append(event)
    }
    return events
}

/// Follows a stream as a strict client does. Gives the output as it was built up, once the stream ended.
private func follow(_ events: [JSONValue]) -> [JSONValue]? {
    var items: [Int: JSONValue] = [:]
    var done: [Int: JSONValue] = [:]
    var deltas: [String: String] = [:]
    for (number, event) in events.enumerated() {
        let type = event["type"]?.string ?? ""
        let index = event["output_index"]?.int ?? -1
        let place = "\(index)/\(event["content_index"]?.int ?? event["summary_index"]?.int ?? 0)"
        switch type {
        case "response.created": #expect(number == 0)
        case "response.in_progress": #expect(number == 1)
        case "response.output_item.added":
            #expect(items[index] == nil && index == items.count, "items are numbered in order")
            items[index] = event["item"]
        case "response.output_item.done":
            #expect(items[index] != nil && done[index] == nil && event["item"]?["id"] == items[index]?["id"])
            done[index] = event["item"]
        case "response.completed", "response.incomplete":
            #expect(number == events.count - 1 && done.count == items.count)
            let output = (0..<items.count).compactMap { done[$0] }
            #expect(event["response"]?["output"] == .array(output))
            return output
        case _ where type.hasSuffix(".delta"):
            #expect(items[index] != nil && done[index] == nil && event["item_id"] == items[index]?["id"])
            deltas[place, default: ""] += event["delta"]?.string ?? ""
        case "response.content_part.done", "response.reasoning_summary_part.done", "response.content_part.added",
            "response.reasoning_summary_part.added", "response.output_text.annotation.added":
            #expect(items[index] != nil && done[index] == nil)
        case _ where type.hasSuffix(".done"):
            let whole = event["text"] ?? event["refusal"] ?? event["arguments"] ?? event["input"]
            #expect(whole?.string == deltas[place] ?? "")
        default: Issue.record("unknown event \(type)")
        }
    }
    return nil
}

@Suite("Responses: streams to callers")
struct ResponsesStreamEncoderTests {
    @Test func `text takes the whole grammar`() throws {
        let usage = Usage(input: 7, output: 3, cachedInput: 2, reasoning: 1)
        let events = try read(
            write([
                .started(AnswerStart()), .textDelta("Hé\"l"), .textDelta("lo\n"),
                .finished(Finish(.stop, usage: usage)),
            ]))
        #expect(
            events.compactMap { $0["type"]?.string } == [
                "response.created", "response.in_progress", "response.output_item.added",
                "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done",
                "response.completed",
            ])
        let output = try #require(follow(events))
        #expect(output[0]["content"]?[0]?["text"]?.string == "Hé\"llo\n")
        let response = try #require(events.last?["response"])
        #expect(response["id"]?.string == "resp_gh_k" && response["status"]?.string == "completed")
        let counts = """
            {"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,\
            "output_tokens_details":{"reasoning_tokens":1},"total_tokens":10}
            """
        #expect(response["usage"]?.text == counts)
        #expect(events[0]["response"]?["status"]?.string == "in_progress")
        #expect(events[0]["response"]?["usage"] == .null)
    }

    @Test func `every member that official clients require is there`() throws {
        let required = [
            "id", "object", "created_at", "model", "output", "parallel_tool_calls", "tool_choice", "tools", "status",
            "error", "incomplete_details", "instructions", "metadata", "temperature", "top_p", "usage", "text",
            "reasoning", "truncation", "max_output_tokens", "previous_response_id",
        ]
        let last = try #require(try read(write([.textDelta("x"), .finished(Finish(.stop))])).last?["response"])
        let whole = ResponsesCodec.encodeResponse(
            CanonicalResponse(parts: [.text("x")], finish: Finish(.stop)), as: caller)
        for name in required { #expect(last[name] != nil && whole[name] != nil, "\(name)") }
        #expect(last.difference(from: whole) == nil)
    }

    @Test func `interleaved calls keep their own arguments`() throws {
        let events = try read(
            write([
                .textDelta("see"), .toolCallDelta(index: 0, id: "c0", name: "f", arguments: ""),
                .toolCallDelta(index: 1, id: "c1", name: "g", arguments: #"{"b":"#),
                .toolCallDelta(index: 0, id: nil, name: nil, arguments: #"{"a":"#),
                .toolCallDelta(index: 2, id: "", name: "h", arguments: ""), .toolCallIsCustom(index: 2),
                .toolCallDelta(index: 1, id: nil, name: nil, arguments: "2}"),
                .toolCallDelta(index: 2, id: nil, name: nil, arguments: #"raw "text""#),
                .toolCallDelta(index: 0, id: nil, name: nil, arguments: "1}"),
                .toolCallDelta(index: 3, id: "c3", name: "none", arguments: ""), .finished(Finish(.toolCalls)),
            ]))
        let output = try #require(follow(events))
        #expect(
            output.compactMap { $0["type"]?.string } == [
                "message", "function_call", "function_call", "custom_tool_call", "function_call",
            ])
        #expect(
            output.dropFirst().map { ($0["arguments"] ?? $0["input"])?.string } == [
                #"{"a":1}"#, #"{"b":2}"#, #"raw "text""#, "{}",
            ])
        #expect(output[1]["call_id"]?.string == "c0" && output[3]["call_id"]?.string == "call_k_3")
    }

    @Test func `thoughts, refusals, citations and whole parts have their places`() throws {
        let native = JSONValue.object(["id": .string("ws_1"), "type": .string("web_search_call")])
        let redacted = Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "red"))
        let events = try read(
            write([
                .reasoningDelta("think"), .signature(Signature(.anthropic, "sig")), .reasoningDelta("again"),
                .part(redacted), .part(Part(.native(.openAIResponses, type: "web_search_call", native))),
                .part(Part(.native(.gemini, type: "x", native))), .textDelta("a"),
                .citation(Citation(url: "https://x", title: "t", start: 0, end: 1)), .citation(Citation(quote: "q")),
                .partEnded, .textDelta("b"), .refusalDelta("no"), .part(.text("c")), .part(Part(.refusal("d"))),
                .part(Part(.image(Media(.base64("AA=="), mediaType: "image/png")))),
                .part(Part(.toolCall(ToolCall(id: "c9", name: "f", arguments: "{}")))),
                .toolStarted(id: "t", name: "ls", input: nil), .textDelta(""), .usage(Usage(input: 1, output: 2)),
                .signature(Signature(.gemini, "end")), .finished(Finish(.refusal)),
            ]))
        let output = try #require(follow(events))
        #expect(
            output.compactMap { $0["type"]?.string } == [
                "reasoning", "reasoning", "reasoning", "web_search_call", "message", "image_generation_call",
                "function_call", "reasoning",
            ])
        #expect(output[0]["encrypted_content"]?.string == "gatehouse:anthropic.messages:thinking:sig")
        #expect(output[1]["encrypted_content"] == nil && output[1]["summary"]?[0]?["text"]?.string == "again")
        #expect(output[2]["encrypted_content"]?.string == "gatehouse:anthropic.messages:redacted:red")
        let content = try #require(output[4]["content"]?.array)
        #expect(content.map { ($0["text"] ?? $0["refusal"])?.string } == ["a", "b", "no", "c", "d"])
        #expect(content[0]["annotations"]?.array?.count == 1)
        #expect(events.last?["response"]?["usage"]?["output_tokens"]?.int == 2)
        #expect(events.last?["response"]?["status"]?.string == "completed")
    }

    @Test(arguments: [
        (FinishReason.stop, "completed", String?.none), (.toolCalls, "completed", nil), (.pause, "completed", nil),
        (.length, "incomplete", "max_output_tokens"), (.contextLength, "incomplete", "max_output_tokens"),
        (.contentFilter, "incomplete", "content_filter"), (.refusal, "incomplete", "content_filter"),
        (.stopSequence, "completed", nil), (.malformedCall, "completed", nil),
    ])
    func `each way to finish has its words`(_ reason: FinishReason, _ status: String, _ detail: String?) throws {
        let last = try #require(try read(write([.textDelta("x"), .finished(Finish(reason))])).last)
        #expect(last["type"]?.string == "response.\(status)" && last["response"]?["status"]?.string == status)
        #expect(last["response"]?["incomplete_details"]?["reason"]?.string == detail)
        let whole = ResponsesCodec.encodeResponse(
            CanonicalResponse(parts: [.text("x")], finish: Finish(reason)), as: caller)
        #expect(last["response"]?.difference(from: whole) == nil)
    }

    @Test func `an answer that says nothing is an empty message`() throws {
        let output = try #require(follow(try read(write([.started(AnswerStart()), .finished(Finish(.stop))]))))
        #expect(output.count == 1 && output[0]["content"]?[0]?["text"]?.string == "")
        let whole = ResponsesCodec.encodeResponse(CanonicalResponse(parts: [], finish: Finish(.stop)), as: caller)
        #expect(whole["output"]?.difference(from: .array(output)) == nil)
    }

    @Test func `an error ends the stream in the forms that clients raise on`() throws {
        var encoder = ResponsesCodec.streamEncoder(as: caller, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("x"), to: &buffer)
        encoder.fail(GatehouseError(.upstreamTruncated, "It broke off."), requestID: "r", to: &buffer)
        let length = buffer.readableBytes
        encoder.encode(.finished(Finish(.stop)), to: &buffer)
        encoder.fail(GatehouseError(.internalError, "again"), requestID: "r", to: &buffer)
        #expect(buffer.readableBytes == length)
        let events = try read(buffer)
        let error = try #require(events.dropLast().last)
        #expect(error["type"]?.string == "error" && error["code"]?.string == "upstream_truncated")
        #expect(error["error"]?["message"]?.string == "It broke off." && error["param"] == .null)
        let failed = try #require(events.last)
        #expect(failed["type"]?.string == "response.failed" && failed["response"]?["status"]?.string == "failed")
        #expect(failed["response"]?["error"]?["code"]?.string == "server_error")
        #expect(Laws.events(ResponsesCodec.self, [buffer]).failure?.kind == .upstream)
    }

    @Test func `the request is repeated`() throws {
        let text = """
            {"model":"x","input":"hi","instructions":"be","tools":[{"type":"function","name":"f"}],"temperature":0.2,
            "conversation":"conv_1","metadata":{"a":"b"},"store":false,"text":null}
            """
        let body = try JSONValue(parsing: text.utf8)
        var identity = caller
        identity.echo = ResponsesEcho.members(of: body)
        let last = try #require(try read(write([.textDelta("x"), .finished(Finish(.stop))], as: identity)).last)
        let response = try #require(last["response"])
        #expect(response["instructions"]?.string == "be" && response["temperature"]?.numberText == "0.2")
        #expect(response["tools"] == body["tools"] && response["metadata"] == body["metadata"])
        #expect(response["conversation"]?["id"]?.string == "conv_1" && response["store"] == .bool(false))
        #expect(response["model"]?.string == "m" && response["top_p"]?.numberText == "1")
        #expect(response["text"]?["format"]?["type"]?.string == "text" && response["input"] == nil)
    }
}
