import GatehouseCore
import NIOCore
import Testing

@Suite struct OpenAIChatStreamTests {
    typealias Dialogue = OpenAIDialogue

    // MARK: Ends

    @Test func anEndWithoutItsTerminatorIsCut() {
        let chunk = #"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"# + "\n\n"
        let last = #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
        func failure(_ text: String, _ terminator: OpenAIByteStream.Terminator) -> Failure.Kind? {
            var decoder = OpenAIChatStreamDecoder(terminator: terminator)
            var events: [CanonicalEvent] = []
            do {
                try decoder.receive(ByteBuffer(string: text), into: &events)
                try decoder.end(into: &events)
                return nil
            } catch {
                return error.kind
            }
        }
        for terminator in [OpenAIByteStream.Terminator.done, .doneOrFinishReason] {
            #expect(failure("", terminator) == .empty)
            #expect(failure(": comment\n\n", terminator) == .empty)
            #expect(failure("data: [DONE]\n\n", terminator) == .empty)
            #expect(failure(chunk, terminator) == .truncated)
            #expect(failure(chunk + last + "data: {\"cho", terminator) == .truncated)
            #expect(failure(chunk + "data: [DONE]\n\n", terminator) == nil)
            #expect(failure(chunk + "data: [DONE]", terminator) == nil)
            #expect(failure("data: nonsense\n\n", terminator) == .protocol)
            #expect(failure("data: [1]\n\n", terminator) == .protocol)
        }
        #expect(failure(chunk + last, .done) == .truncated)
        #expect(failure(chunk + last, .doneOrFinishReason) == nil)
    }

    /// However a recording is cut off, what is left is never a whole answer before its terminator.
    @Test(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
    func aRecordingThatIsCutAnywhereIsCut() throws {
        let recording = try #require(
            Recording.all("openai.chat").first { $0.id.hasSuffix("72967ce1") })
        let bytes = recording.response
        let text = String(buffer: bytes)
        let end = try #require(text.utf8.firstRange(of: "data: [DONE]".utf8))
        let terminator = text.utf8.distance(from: text.utf8.startIndex, to: end.upperBound)
        for length in 0..<bytes.readableBytes {
            var decoder = OpenAIChatStreamDecoder()
            var events: [CanonicalEvent] = []
            var failure: Failure?
            do {
                try decoder.receive(
                    bytes.getSlice(at: bytes.readerIndex, length: length) ?? ByteBuffer(), into: &events)
                try decoder.end(into: &events)
            } catch { failure = error }
            if length < terminator {
                #expect(failure?.kind == .truncated || failure?.kind == .empty, "\(length)")
            } else {
                #expect(failure == nil, "\(length)")
            }
        }
    }

    @Test(arguments: [
        (#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#, Failure.Kind.rate),
        (#"{"error":{"message":"x","type":"insufficient_quota"}}"#, .quota),
        (#"{"error":{"message":"x","code":"tool_use_failed","status_code":400}}"#, .input),
        (#"{"error":{"code":400,"message":"x"},"choices":[{"index":0,"delta":{"content":""}}]}"#, .input),
        (#"{"error":{"code":502,"message":"x"}}"#, .upstream), (#"{"error":"x"}"#, .upstream),
        (#"{"object":"error","message":"x","type":"invalid_model","code":null}"#, .modelUnknown),
    ])
    func errorsInAStreamAreFailures(error: String, kind: Failure.Kind) {
        let first = #"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#
        let (events, failure) = Dialogue.events(Dialogue.stream([first, error]))
        #expect(failure?.kind == kind)
        #expect(events.contains(.textDelta("a")))
        #expect(failure?.detail.contains("x ") != true)
    }

    @Test func aStreamWithoutAReasonHasOneThatFits() throws {
        let text = Dialogue.stream([#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#])
        #expect(try Dialogue.answer(of: text).finish.reason == .stop)
        let call = Dialogue.stream([
            #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}}]}"#
        ])
        #expect(try Dialogue.answer(of: call).finish.reason == .toolCalls)
    }

    // MARK: Calls

    private func calls(_ deltas: [String]) throws -> [String] {
        try Dialogue.answer(of: Dialogue.stream(deltas: deltas.map { #"{"tool_calls":[\#($0)]}"# })).calls
            .map { "\($0.id):\($0.name)(\($0.arguments))" }
    }

    @Test func parallelCallsMayBeInterleaved() throws {
        let calls = try calls([
            #"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
            #"{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}"#,
            #"{"index":1,"function":{"arguments":"{\"y\":"}}"#, #"{"index":0,"function":{"arguments":"{\"x\":1}"}}"#,
            #"{"index":2,"id":"c","function":{"name":"h"}}"#, #"{"index":1,"function":{"arguments":"2}"}}"#,
        ])
        #expect(calls == [#"a:f({"x":1})"#, #"b:g({"y":2})"#, "c:h({})"])
    }

    @Test func wholeCallsMayShareANumberOrHaveNone() throws {
        let same = try calls([
            #"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
            #"{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
        ])
        #expect(same == ["a:f({})", #"b:f({"x":1})"#])
        let none = try calls([
            #"{"id":"a","function":{"name":"f","arguments":"{}"}}"#,
            #"{"id":"b","function":{"name":"g","arguments":"{}"}}"#,
        ])
        #expect(none == ["a:f({})", "b:g({})"])
        let one = try calls([
            #"{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"{}"}}"#
        ])
        #expect(one == none)
        let nameless = try calls([
            #"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
            #"{"index":0,"function":{"name":"f","arguments":"{}"}}"#,
        ])
        #expect(nameless.count == 2 && Set(nameless).count == 2)
    }

    @Test func idsAndNamesMayBeRepeated() throws {
        let calls = try calls([
            #"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
            #"{"index":0,"id":"a","function":{"name":"f","arguments":":1"}}"#,
            #"{"index":0,"id":"","function":{"name":"","arguments":"}"}}"#,
            #"{"index":0,"id":null,"function":{"name":null,"arguments":""}}"#,
        ])
        #expect(calls == [#"a:f({"x":1})"#])
        let unnumbered = try self.calls([
            #"{"id":"a","function":{"name":"f","arguments":"{"}}"#, #"{"id":"a","function":{"arguments":"}"}}"#,
            #"{"function":{"arguments":""}}"#,
        ])
        #expect(unnumbered == ["a:f({})"])
    }

    @Test func aNameMayComeLateButMustCome() throws {
        let late = try calls([
            #"{"index":0,"id":"a","function":{"arguments":"{\"x\":"}}"#,
            #"{"index":0,"function":{"name":"f","arguments":"1}"}}"#,
        ])
        #expect(late == [#"a:f({"x":1})"#])
        let never = Dialogue.events(
            Dialogue.stream(deltas: [#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#]))
        #expect(never.failure?.kind == .protocol)
    }

    @Test func olderAndCustomCallsAreRead() throws {
        let older = try Dialogue.answer(
            of: Dialogue.stream(
                deltas: [#"{"function_call":{"name":"f","arguments":""}}"#, #"{"function_call":{"arguments":"{}"}}"#],
                finish: "function_call"))
        #expect(older.calls.map(\.name) == ["f"] && older.finish.reason == .toolCalls)
        let custom = try Dialogue.answer(
            of: Dialogue.stream(deltas: [
                #"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":"x"}}]}"#,
                #"{"tool_calls":[{"index":0,"custom":{"input":"y"}}]}"#,
            ]))
        #expect(custom.calls == [ToolCall(id: "a", name: "f", arguments: "xy", isCustom: true)])
    }

    // MARK: Other deltas

    @Test func onlyTheFirstChoiceIsTold() throws {
        let answer = try Dialogue.answer(
            of: Dialogue.stream([
                #"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
                #"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#,
                #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            ]))
        #expect(answer.text == "a" && answer.finish.reason == .stop)
    }

    @Test func usageMayStandAnywhere() throws {
        let usage = #""usage":{"prompt_tokens":3,"completion_tokens":4}"#
        let forms = [
            [#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],\#(usage)}"#],
            [
                #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
                #"{"choices":[],\#(usage)}"#,
            ],
            [
                #"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"x_groq":{\#(usage)}}"#
            ],
            [
                #"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],\#(usage)}"#,
            ],
        ]
        for form in forms {
            let answer = try Dialogue.answer(of: Dialogue.stream(form))
            #expect(answer.finish.usage?.counts == [3, 4, 0, 0, 0, 0, 0, 0])
        }
    }

    @Test func thoughtsWithSignaturesAreSealedInOrder() throws {
        // As OpenRouter sends them.
        let format = #""format":"anthropic-claude-v1","index":0"#
        let answer = try Dialogue.answer(
            of: Dialogue.stream(deltas: [
                #"{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a",\#(format)}]}"#,
                #"{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b",\#(format)}]}"#,
                #"{"content":"","reasoning_details":[{"type":"reasoning.text","signature":"s",\#(format)}]}"#,
                #"{"content":"x"}"#,
            ]))
        #expect(
            answer.parts == [Part(.thinking(Thinking("ab")), signature: Signature(.anthropic, "s")), .text("x")])
        // As LiteLLM sends them.
        let blocks = try Dialogue.answer(
            of: Dialogue.stream(deltas: [
                #"{"reasoning_content":"a","thinking_blocks":[{"type":"thinking","thinking":"a"}]}"#,
                #"{"reasoning_content":"b","thinking_blocks":[{"type":"thinking","thinking":"b"}]}"#,
                #"{"reasoning_content":"","thinking_blocks":[{"type":"thinking","thinking":"","signature":"s"}]}"#,
                #"{"thinking_blocks":[{"type":"redacted_thinking","data":"d"}]}"#, #"{"content":"x"}"#,
            ]))
        #expect(
            blocks.parts == [
                Part(.thinking(Thinking("ab")), signature: Signature(.anthropic, "s")),
                Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "d")), .text("x"),
            ])
    }

    @Test func bytesMayBreakLinesAnyWay() throws {
        let plain = Dialogue.stream(deltas: [#"{"content":"é"}"#])
        let text = String(buffer: plain)
        for line in ["\r\n", "\r", "\n"] {
            let other = ByteBuffer(string: ": hello\(line)\(line)" + text.replacing("\n", with: line))
            #expect(try Dialogue.answer(of: other).text == "é")
        }
        #expect(try Dialogue.answer(of: ByteBuffer(string: "\u{FEFF}" + text)).text == "é")
        let lines = ByteBuffer(
            string:
                "event: x\ndata: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n"
        )
        #expect(try Dialogue.answer(of: lines).text == "a")
    }

    // MARK: Writing

    @Test func aStreamIsWrittenInOrder() throws {
        let text = Dialogue.write([
            .started(AnswerStart(id: "theirs", model: "theirs")), .reasoningDelta("t"), .textDelta(""),
            .textDelta("a\""),
            .toolStarted(id: "1", name: "bash\nls", input: nil), .partEnded,
            .toolCallDelta(index: 0, id: "c", name: "f", arguments: ""),
            .toolCallDelta(index: 0, id: nil, name: nil, arguments: "{}"), .notice(Notice(.info, "secret")),
            .finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))), .textDelta("late"),
        ])
        let head = #"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":["#
        func chunk(_ delta: String, _ reason: String = "null") -> String {
            head + #"{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(reason)}]}"# + "\n\n"
        }
        let expected = [
            chunk(#"{"role":"assistant","content":""}"#), chunk(#"{"reasoning_content":"t"}"#),
            chunk(#"{"content":"a\""}"#), ": tool bash ls\n\n",
            chunk(
                #"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#),
            chunk(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#), ": notice info\n\n",
            chunk("{}", #""tool_calls""#),
            head + #"],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":"#
                + #"{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"# + "\n\n",
            "data: [DONE]\n\n",
        ]
        #expect(text == expected.joined())
    }

    @Test func usageIsHiddenFromWhoDidNotAsk() {
        let events: [CanonicalEvent] = [
            .started(AnswerStart(usage: Usage(input: 1, output: 0))), .textDelta("a"),
            .usage(Usage(input: 1, output: 7)), .finished(Finish(.stop)),
        ]
        #expect(!Dialogue.write(events, wantsUsage: false).contains("usage"))
        #expect(Dialogue.write(events).contains(#""completion_tokens":7"#))
    }

    @Test func argumentsThatNeverComeAreAnEmptyObject() throws {
        let text = Dialogue.write([
            .started(AnswerStart()), .toolCallDelta(index: 0, id: "a", name: "f", arguments: ""),
            .toolCallDelta(index: 1, id: "b", name: "g", arguments: ""), .toolCallIsCustom(index: 1),
            .toolCallDelta(index: 2, id: "c", name: "h", arguments: "{\"x\":1}"), .finished(Finish(.toolCalls)),
        ])
        let answer = try Dialogue.answer(of: ByteBuffer(string: text))
        #expect(answer.calls.map(\.arguments) == ["{}", "", #"{"x":1}"#])
        #expect(answer.calls.map(\.isCustom) == [false, true, false])
        let deltas = try Dialogue.deltas(text).filter { $0["tool_calls"]?[0]?["index"]?.int == 0 }
        let joined = deltas.compactMap { $0["tool_calls"]?[0]?["function"]?["arguments"]?.string }.joined()
        #expect(joined == "{}")
    }

    @Test func anErrorIsTheLastEvent() throws {
        var encoder = OpenAIChatCodec.streamEncoder(as: Dialogue.identity, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("a"), to: &buffer)
        encoder.fail(GatehouseError(.upstreamTruncated, "broke off"), requestID: "r", to: &buffer)
        encoder.encode(.finished(Finish(.stop)), to: &buffer)
        let text = String(buffer: buffer)
        #expect(text.hasSuffix("}}\n\n") && text.contains(#""code":"upstream_truncated""#) && !text.contains("[DONE]"))
    }

    @Test func theTextsOfAFilterAndOfCutCharactersAreTaken() throws {
        let answer = try Dialogue.answer(
            of: Dialogue.stream(deltas: [#"{"content":"a\ud83d"}"#, #"{"content":"b","content_filter_results":{}}"#]))
        #expect(answer.text == "a\u{FFFD}b")
    }
}
