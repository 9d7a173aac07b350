import GatehouseCore
import NIOCore
import Testing

/// Answers, streams and failures of Ollama.
@Suite struct OllamaAnswerTests {
    private let identity = AnswerIdentity(call: "call1", model: "m", created: 1_732_937_632)

    private func stream(_ text: String) -> (events: [CanonicalEvent], failure: Failure?) {
        Laws.events(OllamaCodec.self, [ByteBuffer(string: text)])
    }

    private func written(_ events: [CanonicalEvent]) -> String {
        var encoder = OllamaCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        return String(buffer: buffer)
    }

    @Test func `times are seconds since 1970, and back`() throws {
        for (text, seconds) in [
            ("2024-11-30T03:33:52.105113Z", 1_732_937_632), ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59+00:00", 951_868_799), ("2024-03-01T01:00:00.5+02:00", 1_709_247_600),
            ("1969-12-31T23:59:59Z", -1), ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let line =
                #"{"model":"m","created_at":"\#(text)","message":{"role":"assistant","content":"a"},"done":true}"#
            guard case .started(let start) = stream(line + "\n").events.first else {
                Issue.record("no start")
                continue
            }
            #expect(start.created == seconds, "\(text)")
            guard text.hasSuffix("Z"), !text.contains("."), seconds >= 0 else { continue }
            let answer = CanonicalResponse(
                start: AnswerStart(created: seconds), parts: [.text("a")], finish: Finish(.stop))
            let body = OllamaCodec.encodeResponse(answer, as: identity)
            #expect(body["created_at"] == .string(text))
        }
        for text in ["", "2024-11-30", "2024-13-30T03:33:52Z", "2024-11-30T03:33:52", "2024-11-30T03:33:52+2:00", "x"] {
            let line = #"{"model":"m","created_at":"\#(text)","message":{"content":"a"},"done":true}"#
            guard case .started(let start) = stream(line).events.first else {
                Issue.record("no start")
                continue
            }
            #expect(start.created == nil, "\(text)")
        }
    }

    @Test func `pieces of three calls at once become three whole ones`() throws {
        var events: [CanonicalEvent] = [.started(AnswerStart()), .textDelta("x")]
        for index in 0..<3 {
            events.append(.toolCallDelta(index: index, id: "c\(index)", name: "f\(index)", arguments: ""))
        }
        for piece in ["{\"a\":", "1", "}"] {
            for index in 0..<2 { events.append(.toolCallDelta(index: index, id: nil, name: nil, arguments: piece)) }
        }
        events.append(.finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))))
        let (again, failure) = stream(written(events))
        #expect(failure == nil)
        let answer = try #require(Laws.answer(again))
        #expect(
            answer.parts.compactMap(\.toolCall).map { "\($0.id) \($0.name) \($0.arguments)" } == [
                #"c0 f0 {"a":1}"#, #"c1 f1 {"a":1}"#, "c2 f2 {}",
            ])
        #expect(answer.finish.reason == .toolCalls)
    }

    @Test func `every event can be written, a line each`() throws {
        let text = written([
            .started(AnswerStart(id: "a")), .textDelta(""), .reasoningDelta("hm"), .signature(Signature(.gemini, "s")),
            .textDelta("a\n\"b\""), .citation(Citation(url: "u")), .partEnded, .part(.text("whole")),
            .part(Part(.thinking(Thinking("why", id: "t")))),
            .part(Part(.thinking(Thinking("no", isRedacted: true)), signature: Signature(.anthropic, "s"))),
            .part(Part(.native(.gemini, type: "x", .null))), .part(Part(.image(Media(.base64("AA"))))),
            .part(Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "not json")))),
            .toolStarted(id: "t", name: "Bash", input: nil), .notice(Notice(.info, "n")),
            .usage(Usage(input: 1, output: 1)), .refusalDelta("end"), .finished(Finish(.contextLength)),
        ])
        for line in text.split(separator: "\n") {
            let value = try JSONValue(parsing: line.utf8)
            #expect(value["model"] == .string("m"))
            #expect(value["created_at"] == .string("2024-11-30T03:33:52Z"))
            #expect(value["message"]?["role"] == .string("assistant"))
        }
        let essence = Laws.Essence(try #require(Laws.answer(stream(text).events)))
        #expect(essence.text == "a\n\"b\"wholeend")
        #expect(essence.thinking == "hmwhy")
        #expect(essence.calls == [#"f({"input":"not json"})"#])
        #expect(text.hasSuffix("\"done\":true,\"done_reason\":\"length\"}\n"))
    }

    @Test func `a stream that breaks off is an error at every byte`() {
        let text = written([
            .textDelta("hä"), .toolCallDelta(index: 0, id: "c", name: "f", arguments: "{}"),
            .finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))),
        ])
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count - 1 {
            let (events, failure) = Laws.events(OllamaCodec.self, [ByteBuffer(bytes: bytes[..<count])])
            #expect(failure?.kind == (count == 0 ? .empty : .truncated), "\(count)")
            #expect(!events.contains { if case .finished = $0 { true } else { false } })
        }
        // Only the line feed is missing: the line itself is whole.
        #expect(Laws.events(OllamaCodec.self, [ByteBuffer(bytes: bytes.dropLast())]).failure == nil)
        #expect(stream("\n \r\n").failure?.kind == .empty)
    }

    @Test func `lines are bounded, and may end in CR LF`() {
        let line = #"{"message":{"content":"a"},"done":true}"#
        #expect(stream("\r\n\(line)\r\n").failure == nil)
        var decoder = OllamaCodec.streamDecoder()
        var events: [CanonicalEvent] = []
        let piece = ByteBuffer(string: "{\"a\":\"" + String(repeating: "a", count: 1 << 20))
        let failure = #expect(throws: Failure.self) {
            for _ in 0..<9 { try decoder.receive(piece, into: &events) }
        }
        #expect(failure?.kind == .protocol)
    }

    @Test func `an error in a stream or an answer is a failure of its class`() throws {
        let errors: [(String, Failure.Kind)] = [
            ("model 'x' not found", .modelUnknown), ("model \"x\" not found, try pulling it first", .modelUnknown),
            ("registry.ollama.ai/library/x does not support tools", .input),
            ("the input length exceeds the context length", .contextLength),
            ("model requires more system memory (9 GiB) than is available", .capacity),
            ("an error was encountered while running the model: s3cret", .upstream),
        ]
        for (text, kind) in errors {
            let line = JSONValue.object(["error": .string(text)]).text
            let failure = stream(#"{"message":{"content":"a"},"done":false}"# + "\n" + line + "\n").failure
            #expect(failure?.kind == kind, "\(text)")
            #expect(failure?.detail == "error in a stream")
            let whole = #expect(throws: Failure.self) {
                try OllamaCodec.decodeResponse(JSONValue(parsing: line.utf8))
            }
            #expect(whole?.kind == kind)
        }
        let undone = #expect(throws: Failure.self) {
            try OllamaCodec.decodeResponse(JSONValue(parsing: #"{"message":{"content":"a"},"done":false}"#.utf8))
        }
        #expect(undone?.kind == .truncated)
    }

    @Test(arguments: [
        (400, "invalid options", Failure.Kind.input),
        (400, "prompt too long; exceeded max context length", .contextLength),
        (401, "unauthorized", .auth), (404, "model 'x' not found", .modelUnknown), (500, "boom", .upstream),
        (500, "model requires more system memory", .capacity), (429, "you've reached your hourly usage limit", .quota),
        (429, "too many requests", .rate), (503, "server busy, please try again", .capacity),
    ]) func `failures are classified, and say nothing of the text`(status: Int, text: String, kind: Failure.Kind) {
        let body = JSONValue.object(["error": .string(text)]).text
        let failure = OllamaCodec.failure(
            UpstreamHead(status: status, contentType: "application/json"), body: ByteBuffer(string: body))
        #expect(failure == Failure(kind, detail: "status \(status)"))
    }

    @Test func `calls without ids get stable ones that differ from turn to turn`() throws {
        func ids(_ time: String) throws -> [String] {
            let text =
                #"{"model":"m","created_at":"\#(time)","message":{"role":"assistant","content":"","tool_calls":["#
                + #"{"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"f","#
                + #""arguments":{"a":1}}}]},"done":true}"#
            let body = try JSONValue(parsing: text.utf8)
            let answer = try OllamaCodec.decodeResponse(body)
            #expect(answer.finish.reason == .toolCalls)
            #expect(body.difference(from: OllamaCodec.encodeResponse(answer, as: identity)) == nil)
            return answer.parts.compactMap(\.toolCall?.id)
        }
        let first = try ids("2026-08-07T06:08:11.017589Z")
        #expect(try ids("2026-08-07T06:08:11.017589Z") == first)
        #expect(Set(first + (try ids("2026-08-07T06:08:12.017589Z"))).count == 4)
    }

    @Test func `errors are rendered in Ollama's form`() {
        let error = GatehouseError(.modelNotFound, "No model \"x\".")
        #expect(
            String(buffer: OllamaCodec.render(error, requestID: "r"))
                == #"{"error":"No model \"x\".","code":"model_not_found"}"#)
        var encoder = OllamaCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("a"), to: &buffer)
        encoder.fail(error, requestID: "r", to: &buffer)
        #expect(stream(String(buffer: buffer)).failure?.kind == .upstream)
    }

    @Test func `calls too large to hold are an error, never half a call`() {
        let piece = String(repeating: "a", count: 1 << 20)
        var events: [CanonicalEvent] = [.toolCallDelta(index: 0, id: "c", name: "f", arguments: "{\"a\":\"")]
        for _ in 0..<17 { events.append(.toolCallDelta(index: 0, id: nil, name: nil, arguments: piece)) }
        events.append(.finished(Finish(.toolCalls)))
        let text = written(events)
        #expect(text.hasPrefix("{\"error\":"))
        #expect(stream(text).failure?.kind == .upstream)
    }
}
