import GatehouseCore
import NIOCore
import Testing

/// Answers, streams and failures of Cohere.
@Suite struct CohereAnswerTests {
    private let identity = AnswerIdentity(call: "call1", model: "m", created: 5)

    private func decode(_ text: String) throws -> CanonicalResponse {
        try CohereCodec.decodeResponse(JSONValue(parsing: text.utf8))
    }

    private func stream(_ events: String...) -> (events: [CanonicalEvent], failure: Failure?) {
        Laws.events(CohereCodec.self, [ByteBuffer(string: events.map { "data: \($0)\n\n" }.joined())])
    }

    private func written(_ events: [CanonicalEvent]) -> String {
        var encoder = CohereCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        return String(buffer: buffer)
    }

    /// The types of the events, checked against the grammar: one block at a time, each ended, the end last.
    private func types(_ text: String) throws -> [String] {
        var types: [String] = []
        var open: String?
        for line in text.split(separator: "\n") where line.hasPrefix("data: {") {
            let event = try JSONValue(parsing: line.dropFirst(6).utf8)
            let type = try #require(event["type"]?.string)
            types.append(type)
            let key = "\(type.split(separator: "-").dropLast().joined(separator: "-")) \(event["index"]?.int ?? 0)"
            if type.hasPrefix("content-") || type.hasPrefix("tool-call-") {
                switch type.split(separator: "-").last {
                case "start":
                    #expect(open == nil, "\(key) begins within \(open ?? "")")
                    open = key
                case "end":
                    #expect(open == key)
                    open = nil
                default: #expect(open == key)
                }
            }
        }
        #expect(open == nil)
        #expect(types.first == "message-start")
        #expect(types.last == "message-end")
        return types
    }

    @Test func `pieces of three calls at once are told apart and put in order`() throws {
        var events: [CanonicalEvent] = [.started(AnswerStart(id: "a")), .textDelta("x")]
        for index in 0..<3 {
            events.append(.toolCallDelta(index: index, id: "c\(index)", name: "f\(index)", arguments: ""))
        }
        for piece in ["{\"a\":", "1", "}"] {
            for index in 0..<3 { events.append(.toolCallDelta(index: index, id: nil, name: nil, arguments: piece)) }
        }
        events.append(.finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))))
        let text = written(events)
        _ = try types(text)
        let (again, failure) = Laws.events(CohereCodec.self, [ByteBuffer(string: text)])
        #expect(failure == nil)
        let answer = try #require(Laws.answer(again))
        #expect(
            answer.parts.compactMap(\.toolCall).map { "\($0.id) \($0.name) \($0.arguments)" } == [
                #"c0 f0 {"a":1}"#, #"c1 f1 {"a":1}"#, #"c2 f2 {"a":1}"#,
            ])
    }

    @Test func `every event can be written, and the grammar holds`() throws {
        let parts: [Part] = [
            .text("whole"), Part(.refusal("no")), Part(.thinking(Thinking("why", id: "t"))),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "s")),
            Part(.image(Media(.base64("AA")))), Part(.native(.gemini, type: "executableCode", .object([]))),
            Part(.toolCall(ToolCall(id: "c9", name: "g", arguments: "{}"))),
        ]
        let text = written(
            [.textDelta(""), .reasoningDelta(""), .reasoningDelta("hm"), .signature(Signature(.gemini, "s"))]
                + [.textDelta("a"), .citation(Citation(url: "u", quote: "a")), .partEnded, .partEnded]
                + parts.map { .part($0) }
                + [
                    .toolStarted(id: "t", name: "Bash\n", input: nil),
                    .toolFinished(id: "t", succeeded: true, denied: false),
                    .notice(Notice(.info, "n")), .limit(UsageLimit(kind: "k")), .usage(Usage(input: 1, output: 1)),
                    .toolCallDelta(index: 0, id: "c", name: "f", arguments: ""), .toolCallIsCustom(index: 0),
                    .toolCallSignature(index: 0, Signature(.gemini, "s")), .refusalDelta("end"),
                    .finished(Finish(.refusal)),
                ])
        _ = try types(text)
        #expect(text.hasSuffix("data: [DONE]\n\n"))
        #expect(text.count(of: "message-start") == 2)
        let answer = try #require(Laws.answer(Laws.events(CohereCodec.self, [ByteBuffer(string: text)]).events))
        let essence = Laws.Essence(answer)
        #expect(essence.text == "awholenoend")
        #expect(essence.thinking == "hmwhy")
        #expect(essence.calls == ["g({})", "f({})"])
    }

    @Test func `a stream that breaks off is an error at every byte`() throws {
        let text = written([
            .started(AnswerStart(id: "a")), .textDelta("hä"), .partEnded,
            .toolCallDelta(index: 0, id: "c", name: "f", arguments: "{}"),
            .finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))),
        ])
        let bytes = Array(text.utf8)
        let end = try #require(text.offset(of: "\"usage\"")) + 1
        for count in 0..<bytes.count {
            let (events, failure) = Laws.events(CohereCodec.self, [ByteBuffer(bytes: bytes[..<count])])
            let isWhole = events.contains { if case .finished = $0 { true } else { false } }
            #expect(isWhole == (failure == nil), "\(count)")
            if count < end { #expect(failure != nil, "\(count)") }
        }
        #expect(Laws.events(CohereCodec.self, []).failure?.kind == .empty)
        #expect(Laws.events(CohereCodec.self, [ByteBuffer(string: ": ping\n\n")]).failure?.kind == .empty)
    }

    @Test func `an error at the end of a stream is no finish`() {
        let start = #"{"type":"message-start","id":"a"}"#
        #expect(stream(start).failure?.kind == .truncated)
        let ends: [(String, Failure.Kind)] = [
            (#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom s3cret"}}"#, .upstream),
            (#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"too many tokens: x"}}"#, .contextLength),
            (#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#, .timeout(.own)),
            (#"{"type":"message-end","delta":{}}"#, .protocol), (#"{"id":"1","message":"internal"}"#, .upstream),
            ("nonsense", .protocol),
            (#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{}}}}"#, .protocol),
        ]
        for (end, kind) in ends {
            let failure = stream(start, end).failure
            #expect(failure?.kind == kind, "\(end)")
            #expect(failure?.detail.contains("s3cret") == false)
            #expect(failure?.hint == nil)
        }
    }

    @Test func `too many calls are refused`() {
        let calls = (0...AnswerBuilder.maximumCalls).map { index in
            #"data: {"type":"tool-call-start","index":\#(index),"delta":{"message":{"tool_calls":{"id":"c","#
                + #""function":{"name":"f"}}}}}"#
                + "\n\n"
        }
        #expect(Laws.events(CohereCodec.self, [ByteBuffer(string: calls.joined())]).failure?.kind == .outputTooLarge)
    }

    @Test func `reasons and usage are read and written`() throws {
        func answer(_ reason: String, _ rest: String = "") throws -> CanonicalResponse {
            try decode(
                #"{"id":"1","message":{"role":"assistant","content":[{"type":"text","text":"a"}]\#(rest)},"#
                    + #""finish_reason":"\#(reason)","#
                    + #""usage":{"billed_units":{"input_tokens":5,"output_tokens":1},"#
                    + #""tokens":{"input_tokens":505,"output_tokens":9},"cached_tokens":448}}"#
            )
        }
        let call = #","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]"#
        #expect(try answer("COMPLETE").finish.reason == .stop)
        #expect(try answer("COMPLETE", call).finish.reason == .toolCalls)
        #expect(try answer("STOP_SEQUENCE").finish.reason == .stopSequence)
        #expect(try answer("MAX_TOKENS").finish.reason == .length)
        #expect(try answer("ERROR_TOXIC").finish.reason == .contentFilter)
        #expect(try answer("NEW_WORD").finish.reason == .stop)
        #expect(throws: Failure.self) { try answer("ERROR") }
        // Cached tokens are part of the input, and what is billed stays beside.
        #expect(try answer("COMPLETE").finish.usage?.counts == [505, 9, 448, 0, 0, 0, 0, 0])
        for reason in FinishReason.allCases {
            let body = CohereCodec.encodeResponse(
                CanonicalResponse(parts: [.text("a")], finish: Finish(reason, usage: Usage(input: 1, output: 2))),
                as: identity)
            let again = try CohereCodec.decodeResponse(body)
            #expect(again.finish.usage?.counts.prefix(2) == [1, 2])
            #expect(body["id"] == .string("call1"))
        }
    }

    @Test(arguments: [
        (400, "too many tokens: size limit exceeded by 11326 tokens.", Failure.Kind.contextLength),
        (400, "too many tokens: max tokens must be less than or equal to 4096", .input),
        (400, "invalid request: temperature must be", .input), (401, "invalid api token", .auth), (403, "", .auth),
        (402, "Please add or update your payment method", .quota), (404, "model 'x' not found", .modelUnknown),
        (408, "", .timeout(.own)), (422, "No valid response generated", .input), (498, "", .auth),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", .quota),
        (429, "You are past the per minute request limit", .rate), (500, "internal server error", .upstream),
        (503, "", .capacity), (504, "", .timeout(.own)), (302, "", .protocol),
    ]) func `failures are classified, and say nothing of the text`(status: Int, text: String, kind: Failure.Kind) {
        let head = UpstreamHead(status: status, contentType: "application/json", retryAfter: "7")
        let body = JSONValue.object(["id": .string("1"), "message": .string(text)]).text
        let failure = CohereCodec.failure(head, body: ByteBuffer(string: body))
        #expect(failure == Failure(kind, detail: "status \(status)", retryAfter: 7))
        let cut = CohereCodec.failure(head, body: ByteBuffer(string: String(body.dropLast(3))))
        #expect(cut.detail == "status \(status)")
    }

    @Test func `errors are rendered in Cohere's form`() throws {
        let error = GatehouseError(.modelNotFound, "No model \"x\".")
        let body = String(buffer: CohereCodec.render(error, requestID: "req-1"))
        #expect(body == #"{"id":"req-1","message":"No model \"x\".","code":"model_not_found"}"#)
        var encoder = CohereCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("a"), to: &buffer)
        encoder.fail(error, requestID: "req-1", to: &buffer)
        #expect(!String(buffer: buffer).contains("[DONE]"))
        let (_, failure) = Laws.events(CohereCodec.self, [buffer])
        #expect(failure?.kind == .upstream)
    }
}

extension String {
    /// How often `word` stands in it.
    func count(of word: String) -> Int { split(separator: word, omittingEmptySubsequences: false).count - 1 }

    /// Where `word` begins, in bytes.
    func offset(of word: String) -> Int? {
        firstRange(of: word).map { self[..<$0.lowerBound].utf8.count }
    }
}
