import GatehouseCore
import NIOCore
import Testing

@Suite struct BedrockStreamTests {
    private func events(_ list: [(String, String)]) -> (events: [CanonicalEvent], failure: Failure?) {
        Laws.events(BedrockCodec.self, [Bedrock.stream(list)])
    }

    private static let end: [(String, String)] = [
        ("messageStop", #"{"stopReason":"end_turn"}"#),
        ("metadata", #"{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":5}}"#),
    ]

    @Test func readsThinkingTextAndCallsInOrder() throws {
        let (events, failure) = events(
            [
                ("messageStart", #"{"role":"assistant","p":"abc"}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"th"}}}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"ink"}}}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"Er+/="}}}"#),
                ("contentBlockStop", #"{"contentBlockIndex":0}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":1,"delta":{"text":"hi"}}"#),
                ("contentBlockStop", #"{"contentBlockIndex":1}"#),
                ("contentBlockStart", #"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}"#),
                ("contentBlockStop", #"{"contentBlockIndex":2}"#),
            ] + Self.end)
        #expect(failure == nil)
        let answer = try #require(Laws.answer(events))
        #expect(answer.parts.map(\.kindName) == ["thinking", "text", "tool call"])
        #expect(answer.parts[0].thinking?.text == "think")
        #expect(answer.parts[0].signature == Signature(.anthropic, "Er+/="))
        #expect(answer.parts[2].toolCall == ToolCall(id: "a", name: "f", arguments: "{}"))
        #expect(answer.finish.usage?.counts.prefix(2) == [1, 2])
    }

    @Test func callsThatComeInterleavedStayApart() throws {
        func start(_ index: Int) -> (String, String) {
            (
                "contentBlockStart",
                #"{"contentBlockIndex":\#(index),"start":{"toolUse":{"toolUseId":"t\#(index)","name":"f\#(index)"}}}"#
            )
        }
        func delta(_ index: Int, _ text: String) -> (String, String) {
            ("contentBlockDelta", #"{"contentBlockIndex":\#(index),"delta":{"toolUse":{"input":"\#(text)"}}}"#)
        }
        let pieces = [start(3), start(4), start(7), delta(4, "[4"), delta(3, "[3"), delta(7, "[7]")]
        let (events, failure) = events(pieces + [delta(3, ",3]"), delta(4, "]")] + Self.end)
        #expect(failure == nil)
        #expect(
            Laws.answer(events)?.parts.compactMap(\.toolCall).map { "\($0.id) \($0.name) \($0.arguments)" } == [
                "t3 f3 [3,3]", "t4 f4 [4]", "t7 f7 [7]",
            ])
    }

    @Test func sealsOnHiddenThinkingAreNoText() throws {
        let (events, _) = events(
            [
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"a"}}}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"b"}}}"#),
                ("contentBlockStop", #"{"contentBlockIndex":0}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":1,"delta":{"text":"x"}}"#),
            ] + Self.end)
        let parts = try #require(Laws.answer(events)?.parts)
        #expect(parts.map(\.kindName) == ["thinking", "text"])
        #expect(parts[0].signature == Signature(.anthropic, "ab"))
    }

    @Test func citationsBelongToTheirText() throws {
        let (events, _) = events(
            [
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":"a"}}"#),
                (
                    "contentBlockDelta",
                    #"{"contentBlockIndex":0,"delta":{"citation":{"title":"T","source":"http://x"}}}"#
                ),
                ("contentBlockStop", #"{"contentBlockIndex":0}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":1,"delta":{"text":"b"}}"#),
            ] + Self.end)
        let parts = try #require(Laws.answer(events)?.parts)
        #expect(parts.map(\.text) == ["a", "b"])
        #expect(parts.map(\.citations.count) == [1, 0])
        #expect(parts[0].citations[0].url == "http://x")
    }

    @Test func theUsageMayComeFirstOrNever() throws {
        let text = ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":"a"}}"#)
        let reversed = events([text] + Self.end.reversed())
        #expect(Laws.answer(reversed.events)?.finish.usage?.output == 2)
        let missing = events([text] + Self.end.prefix(1))
        #expect(missing.failure == nil)
        let answer = try #require(Laws.answer(missing.events))
        #expect(answer.finish.usage == nil)
    }

    @Test func nothingIsReadBehindTheEnd() throws {
        var decoder = BedrockCodec.streamDecoder()
        var events: [CanonicalEvent] = []
        try decoder.receive(Bedrock.stream(Self.end), into: &events)
        #expect(decoder.isDone)
        let count = events.count
        try decoder.receive(ByteBuffer(string: "rubbish that is no message at all"), into: &events)
        try decoder.end(into: &events)
        #expect(events.count == count)
    }

    @Test(arguments: [
        ("throttlingException", #"{"message":"Too many tokens"}"#, Failure.Kind.rate),
        ("modelStreamErrorException", #"{"message":"x","originalStatusCode":500}"#, .upstream),
        ("modelStreamErrorException", #"{"message":"x","originalStatusCode":529}"#, .capacity),
        ("validationException", #"{"message":"Input is too long"}"#, .contextLength),
        ("validationException", #"{"message":"bad"}"#, .input), ("serviceUnavailableException", "{}", .capacity),
        ("internalServerException", "{}", .upstream), ("modelTimeoutException", "not json", .timeout(.own)),
        ("somethingNewException", "{}", .upstream),
    ])
    func exceptionsAreFailures(name: String, payload: String, kind: Failure.Kind) {
        var buffer = Bedrock.stream([("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":"a"}}"#)])
        buffer.writeImmutableBuffer(Bedrock.stream([(name, payload)], type: "exception"))
        let (events, failure) = Laws.events(BedrockCodec.self, [buffer])
        #expect(failure?.kind == kind)
        #expect(events.contains(.textDelta("a")))
        #expect(Laws.answer(events) == nil)
    }

    @Test func errorMessagesAreFailures() {
        var buffer = ByteBuffer()
        let headers = EventStreamWriter.headers([
            EventStreamHeader(":message-type", .string("error")),
            EventStreamHeader(":error-code", .string("InternalFailure")),
        ])
        EventStreamWriter.write(headers: headers, to: &buffer) { _ in }
        #expect(Laws.events(BedrockCodec.self, [buffer]).failure?.kind == .upstream)
    }

    @Test(arguments: [
        [("contentBlockDelta", #"{"delta":{"text":"a"}}"#)],
        [("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"a"}}}"#)],
        [("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":7}}"#)], [("messageStop", "{}")],
        [("contentBlockDelta", "{")],
        [
            ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":"a"}}"#),
            ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"a"}}}"#),
        ],
    ])
    func whatIsNotTheProtocol(list: [(String, String)]) {
        #expect(events(list).failure?.kind == .protocol)
    }

    @Test func unknownEventsAndDeltasAreSkipped() {
        let (events, failure) = events(
            [
                ("futureEvent", #"{"x":1}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"future":{"x":1}}}"#),
                ("contentBlockDelta", #"{"contentBlockIndex":0,"delta":{"text":"a"}}"#),
            ] + Self.end)
        #expect(failure == nil)
        #expect(Laws.answer(events)?.parts == [.text("a")])
    }

    // MARK: Writing

    @Test func writesAStrictGrammar() throws {
        let lines = try Bedrock.read(
            Bedrock.write([
                .started(AnswerStart(id: "x")), .textDelta(""), .reasoningDelta("t"),
                .signature(Signature(.anthropic, "s")),
                .textDelta("a"), .textDelta("b"), .partEnded,
                .toolCallDelta(index: 0, id: "c0", name: "f", arguments: ""),
                .toolCallDelta(index: 1, id: nil, name: "g", arguments: "{"),
                .toolCallDelta(index: 0, id: nil, name: nil, arguments: "{}"),
                .toolCallDelta(index: 1, id: nil, name: nil, arguments: "}"),
                .toolCallDelta(index: 2, id: "c2", name: "h", arguments: ""), .partEnded,
                .toolStarted(id: "q", name: "n", input: nil), .notice(Notice(.info, "n")),
                .part(Part(.native(.anthropic, type: "x", .null))),
                .finished(Finish(.toolCalls, usage: Usage(input: 3, output: 4))),
            ]))
        #expect(
            lines == [
                #"messageStart {"role":"assistant"}"#,
                #"contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"t"}}}"#,
                #"contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}"#,
                #"contentBlockStop {"contentBlockIndex":0}"#,
                #"contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"a"}}"#,
                #"contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"b"}}"#,
                #"contentBlockStop {"contentBlockIndex":1}"#,
                #"contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"c0","name":"f"}}}"#,
                #"contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"tooluse_c1_1","#
                    + #""name":"g"}}}"#,
                #"contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"{"}}}"#,
                #"contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{}"}}}"#,
                #"contentBlockDelta {"contentBlockIndex":3,"delta":{"toolUse":{"input":"}"}}}"#,
                #"contentBlockStart {"contentBlockIndex":4,"start":{"toolUse":{"toolUseId":"c2","name":"h"}}}"#,
                #"contentBlockDelta {"contentBlockIndex":4,"delta":{"toolUse":{"input":"{}"}}}"#,
                #"contentBlockStop {"contentBlockIndex":4}"#, #"contentBlockStop {"contentBlockIndex":2}"#,
                #"contentBlockStop {"contentBlockIndex":3}"#, #"messageStop {"stopReason":"tool_use"}"#,
                #"metadata {"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7,"cacheReadInputTokens":0,"#
                    + #""cacheWriteInputTokens":0},"metrics":{"latencyMs":0}}"#,
            ])
    }

    @Test func foreignSealsAreNotWritten() throws {
        let lines = try Bedrock.read(
            Bedrock.write([
                .reasoningDelta("t"), .signature(Signature(.gemini, "secret")), .finished(Finish(.stop)),
            ]))
        #expect(!lines.joined().contains("secret"))
    }

    @Test func partsOfEachKindAreWritten() throws {
        let redacted = Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "EtkE"))
        let image = Part(.image(Media(.base64("iVBORw=="), mediaType: "image/png")))
        var cited = Part.text("c")
        cited.citations = [Citation(url: "https://e.org/", title: "T", quote: "q")]
        let parts: [Part] = [
            .text("a"), Part(.thinking(Thinking("")), signature: Signature(.anthropic, "s")), redacted, image, cited,
            Bedrock.call("i", "f", #"{"x":1}"#),
        ]
        let buffer = Bedrock.write(parts.map { .part($0) } + [.finished(Finish(.toolCalls))])
        let (events, failure) = Laws.events(BedrockCodec.self, [buffer])
        #expect(failure == nil)
        let answer = try #require(Laws.answer(events))
        #expect(answer.parts.map(\.kindName) == ["text", "thinking", "thinking", "image", "text", "tool call"])
        #expect(answer.parts.map(\.signature) == parts.map(\.signature))
        #expect(answer.parts[4].citations.first?.url == "https://e.org/")
        #expect(answer.parts[5].toolCall == parts[5].toolCall)
    }

    @Test func anErrorIsTheLastEvent() throws {
        let identity = AnswerIdentity(call: "c", model: "m", created: 0)
        var encoder = BedrockCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        encoder.encode(.textDelta("a"), to: &buffer)
        encoder.fail(GatehouseError(.upstreamRateLimited, "Slow down."), requestID: "r", to: &buffer)
        #expect(try Bedrock.read(buffer).last == #"throttlingException {"message":"Slow down."}"#)
        #expect(Laws.events(BedrockCodec.self, [buffer]).failure?.kind == .rate)
    }
}
