import GatehouseCore
import NIOCore
import Testing

/// Dialogues of `streamGenerateContent`, read and written.
@Suite struct GeminiStreamTests {
    private func chunk(_ parts: String, _ rest: String = "") -> String {
        #"{"candidates":[{"content":{"parts":[\#(parts)],"role":"model"}\#(rest)}],"responseId":"r1","modelVersion":"m"}"#
    }

    private func events(_ chunks: [String], asArray: Bool = false) -> (events: [CanonicalEvent], failure: Failure?) {
        let text =
            asArray ? "[" + chunks.joined(separator: "\n,\r\n") + "]\n" : chunks.map { "data: \($0)\r\n\r\n" }.joined()
        return Laws.events(GeminiCodec.self, [ByteBuffer(string: text)])
    }

    private let stop = #","finishReason":"STOP""#

    // MARK: Reading

    @Test func textThinkingAndSealsComeInOrder() throws {
        let chunks = [
            chunk(#"{"text":"hm","thought":true}"#), chunk(#"{"text":"m","thought":true}"#), chunk(#"{"text":"We"}"#),
            chunk(#"{"text":"ll"}"#), chunk(#"{"text":"","thoughtSignature":"S=="}"#, stop),
        ]
        for asArray in [false, true] {
            let (events, failure) = events(chunks, asArray: asArray)
            #expect(failure == nil)
            #expect(
                Array(events.dropLast()) == [
                    .started(AnswerStart(id: "r1", model: "m")), .reasoningDelta("hm"), .reasoningDelta("m"),
                    .textDelta("We"), .textDelta("ll"), .signature(Signature(.gemini, "S==")),
                ])
            let answer = try #require(Laws.answer(events))
            #expect(answer.parts.map(\.kindName) == ["thinking", "text"])
            #expect(answer.parts[1].signature?.value == "S==")
            #expect(answer.finish.reason == .stop)
        }
    }

    @Test func aSealWithoutTextBeforeItStandsAlone() throws {
        let (events, _) = events([
            chunk(#"{"text":"hm","thought":true}"#), chunk(#"{"text":"","thoughtSignature":"A"}"#),
            chunk(#"{"text":"x"},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"B"}"#, stop),
        ])
        let answer = try #require(Laws.answer(events))
        #expect(answer.parts.map(\.kindName) == ["thinking", "text", "text", "tool call"])
        #expect(answer.parts.map { $0.signature?.value } == [nil, "A", nil, "B"])
    }

    @Test func parallelCallsStayApart() throws {
        let (events, _) = events([
            chunk(
                #"{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"A"},{"functionCall":{"name":"f","args":{"a":2}}}"#
            ),
            chunk(#"{"functionCall":{"id":"own","name":"g"}}"#, stop),
        ])
        let answer = try #require(Laws.answer(events))
        let calls = answer.parts.compactMap(\.toolCall)
        #expect(calls.map(\.id) == ["call_r1_0", "call_r1_1", "own"])
        #expect(calls.map(\.arguments) == [#"{"a":1}"#, #"{"a":2}"#, "{}"])
        #expect(answer.parts[0].signature?.value == "A")
        #expect(answer.finish.reason == .toolCalls)
    }

    @Test func argumentsInPiecesBecomeOneCall() throws {
        func piece(_ path: String, _ value: String) -> String {
            chunk(#"{"functionCall":{"partialArgs":[{"jsonPath":"\#(path)",\#(value)}],"willContinue":true}}"#)
        }
        let (events, failure) = events([
            chunk(#"{"functionCall":{"name":"cook","willContinue":true},"thoughtSignature":"S"}"#),
            piece("$.recipe.steps[0]", #""stringValue":"Bo","willContinue":true"#),
            piece("$.recipe.steps[0]", #""stringValue":"il""#), piece("$.recipe.steps[1]", #""stringValue":"Eat""#),
            piece("$['odd.key']", #""numberValue":1.50"#), piece("$.done", #""boolValue":true"#),
            piece("$.none", #""nullValue":"NULL_VALUE""#), chunk(#"{"functionCall":{}}"#),
            chunk(#"{"functionCall":{"name":"plain"}}"#, stop),
        ])
        #expect(failure == nil)
        let answer = try #require(Laws.answer(events))
        let calls = answer.parts.compactMap(\.toolCall)
        #expect(
            calls.map(\.arguments) == [
                #"{"recipe":{"steps":["Boil","Eat"]},"odd.key":1.50,"done":true,"none":null}"#, "{}",
            ])
        #expect(answer.parts[0].signature?.value == "S")
    }

    @Test(arguments: ["$", "recipe", "$.a[1]", "$.a[", "$.", "$[x]", "$.a[99999999999999999999]"])
    func placesThatCannotBeFail(path: String) {
        let (_, failure) = events([
            chunk(#"{"functionCall":{"name":"f","willContinue":true}}"#),
            chunk(#"{"functionCall":{"partialArgs":[{"jsonPath":"\#(path)","stringValue":"x"}]}}"#, stop),
        ])
        #expect(failure?.kind == .protocol)
    }

    @Test func theLastFinishReasonAndUsageCount() throws {
        let (events, _) = events([
            #"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1}}"#,
            #"{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":3}}"#,
            #"{"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"thoughtsTokenCount":4}}"#,
        ])
        let answer = try #require(Laws.answer(events))
        #expect(answer.finish.reason == .length)
        #expect(answer.finish.usage?.counts.prefix(4) == [5, 6, 0, 4])
        #expect(answer.parts.compactMap(\.text) == ["ab"])
    }

    @Test func onlyTheFirstCandidateStreams() throws {
        let (events, _) = events([
            #"{"candidates":[{"index":1,"content":{"parts":[{"text":"no"}]},"finishReason":"STOP"}]}"#,
            #"{"candidates":[{"index":0,"content":{"parts":[{"text":"yes"}]},"finishReason":"STOP"}]}"#,
        ])
        #expect(Laws.answer(events)?.parts.compactMap(\.text) == ["yes"])
    }

    @Test func groundingIsCitedBeforeTheSeal() throws {
        let (events, _) = events([
            chunk(#"{"text":"Rain."}"#),
            chunk(
                #"{"text":"","thoughtSignature":"S"}"#,
                stop
                    + #","groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[{"segment":{"text":"Rain"},"groundingChunkIndices":[0]}]}"#
            ),
        ])
        let answer = try #require(Laws.answer(events))
        #expect(answer.parts.count == 1)
        #expect(answer.parts[0].citations.map(\.url) == ["u"])
        #expect(answer.parts[0].signature?.value == "S")
    }

    @Test func aBlockedPromptEndsTheStream() throws {
        let (events, failure) = events([
            #"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#
        ])
        #expect(failure == nil)
        #expect(Laws.answer(events)?.finish.reason == .contentFilter)
    }

    @Test(arguments: [
        ("", Failure.Kind.empty), ("\r\n : ping\n\n", .empty), ("data: {\"candidates\":[]}\n\n", .truncated),
        ("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n", .truncated),
        ("data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n", .empty), ("data: {broken}\n\n", .protocol),
        ("data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n", .capacity),
        ("[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]", .rate),
        ("{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\"}}", .input), ("[{} x", .protocol),
        ("[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}", .truncated),
    ])
    func whatIsNoStreamFails(text: String, kind: Failure.Kind) {
        #expect(Laws.events(GeminiCodec.self, [ByteBuffer(string: text)]).failure?.kind == kind)
    }

    @Test func anErrorBehindTextKeepsTheText() {
        let (events, failure) = events([
            chunk(#"{"text":"a"}"#), #"{"error":{"code":500,"message":"m","status":"INTERNAL"}}"#,
        ])
        #expect(events.last == .textDelta("a"))
        #expect(failure?.kind == .upstream)
    }

    @Test func marksAndBlanksBeforeTheStreamAreSkipped() {
        let body = "\u{FEFF}\n" + #"data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#
        for end in ["", "\n\n", "\n\ndata: [DONE]\n\n"] {
            let bytes = Array((body + end).utf8).map { ByteBuffer(bytes: [$0]) }
            let (events, failure) = Laws.events(GeminiCodec.self, bytes)
            #expect(failure == nil)
            #expect(Laws.answer(events)?.parts.compactMap(\.text) == ["a"])
        }
    }

    // MARK: Writing

    private func write(_ events: [CanonicalEvent], asArray: Bool = false, _ error: GatehouseError? = nil) -> String {
        var options = StreamOptions()
        options.asArray = asArray
        let identity = AnswerIdentity(call: "call1", model: "alias", created: 5)
        var encoder = GeminiCodec.streamEncoder(as: identity, options: options)
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        if let error { encoder.fail(error, requestID: "req1", to: &buffer) }
        return String(buffer: buffer)
    }

    /// The parts of all chunks, as text.
    private func parts(_ text: String) throws -> [String] {
        try documents(text).flatMap { document in
            (document["candidates"]?[0]?["content"]?["parts"]?.array ?? []).map(\.text)
        }
    }

    private func documents(_ text: String) throws -> [JSONValue] {
        if text.first == "[" { return try JSONValue(parsing: text.utf8).array ?? [] }
        return try text.split(separator: "\n\n").filter { $0.hasPrefix("data: ") }.map { line in
            try JSONValue(parsing: line.dropFirst(6).utf8)
        }
    }

    private let empty = #"{"text":""}"#

    @Test func chunksHaveTheShapeOfGoogles() throws {
        let usage = Usage(input: 3, output: 2)
        let text = write([
            .started(AnswerStart(usage: Usage(input: 3, output: 0))), .reasoningDelta("hm"), .textDelta("a\n\"b\""),
            .textDelta(""), .partEnded, .toolStarted(id: "1", name: "Read", input: nil),
            .toolFinished(id: "1", succeeded: true, denied: false),
            .finished(Finish(.length, usage: usage)),
        ])
        #expect(
            text == #"""
                data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":0,"totalTokenCount":3},"modelVersion":"alias","responseId":"call1"}

                data: {"candidates":[{"content":{"parts":[{"text":"a\n\"b\""}],"role":"model"},"index":0}],"modelVersion":"alias","responseId":"call1"}

                : tool Read

                : tool 1 done

                data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5},"modelVersion":"alias","responseId":"call1"}


                """#)
    }

    @Test func arraysAreOneDocument() throws {
        let text = write([.textDelta("a"), .textDelta("b"), .finished(Finish(.stop))], asArray: true)
        #expect(text.hasPrefix("[{") && text.hasSuffix("}]"))
        #expect(text.contains("},\n{"))
        #expect(try parts(text) == [#"{"text":"a"}"#, #"{"text":"b"}"#, empty])
        let failed = write([.textDelta("a")], asArray: true, GatehouseError(.upstreamTruncated, "m"))
        let documents = try documents(failed)
        #expect(documents.count == 2)
        #expect(documents[1]["error"]?["code"]?.int == 502)
        #expect(try self.documents(write([], asArray: true, GatehouseError(.upstreamTruncated, "m"))).count == 1)
    }

    @Test func interleavedCallsAreWrittenWhole() throws {
        let text = write([
            .textDelta("t"), .toolCallDelta(index: 0, id: "a", name: "f", arguments: ""),
            .toolCallSignature(index: 0, Signature(.gemini, "S")),
            .toolCallDelta(index: 1, id: "b", name: "g", arguments: "{\"x\""),
            .toolCallDelta(index: 0, id: nil, name: nil, arguments: "{\"y\":"),
            .toolCallDelta(index: 2, id: "c", name: "h", arguments: ""),
            .toolCallDelta(index: 1, id: nil, name: nil, arguments: ": 1}"),
            .toolCallDelta(index: 0, id: nil, name: nil, arguments: "[\n2]}"), .finished(Finish(.toolCalls)),
        ])
        #expect(
            try parts(text) == [
                #"{"text":"t"}"#, #"{"functionCall":{"id":"a","name":"f","args":{"y":[2]}},"thoughtSignature":"S"}"#,
                #"{"functionCall":{"id":"b","name":"g","args":{"x":1}}}"#,
                #"{"functionCall":{"id":"c","name":"h","args":{}}}"#,
                empty,
            ])
        #expect(try documents(text).last?["candidates"]?[0]?["finishReason"]?.string == "STOP")
    }

    @Test func aCallIsWrittenAsSoonAsItIsWhole() throws {
        let text = write([
            .toolCallDelta(index: 0, id: "a", name: "f", arguments: "{}"), .partEnded,
            .toolCallDelta(index: 1, id: "b", name: "g", arguments: ""), .partEnded, .textDelta("t"),
            .toolCallDelta(index: 2, id: "c", name: "h", arguments: "free"), .toolCallIsCustom(index: 2), .partEnded,
        ])
        #expect(
            try parts(text) == [
                #"{"functionCall":{"id":"a","name":"f","args":{}}}"#,
                #"{"functionCall":{"id":"b","name":"g","args":{}}}"#,
                #"{"text":"t"}"#, #"{"functionCall":{"id":"c","name":"h","args":{"input":"free"}}}"#,
            ])
    }

    @Test func aBrokenCallIsLeftOutAndSaid() throws {
        let broken: [CanonicalEvent] = [.toolCallDelta(index: 0, id: "a", name: "f", arguments: "{\"x\":")]
        let text = write(broken + [.finished(Finish(.toolCalls))])
        #expect(try parts(text) == [empty])
        #expect(try documents(text)[0]["candidates"]?[0]?["finishReason"]?.string == "MALFORMED_FUNCTION_CALL")
        let cut = write(broken + [.finished(Finish(.length))])
        #expect(try documents(cut)[0]["candidates"]?[0]?["finishReason"]?.string == "MAX_TOKENS")
    }

    @Test func sealsAndPartsOfOthersAreLeftOut() throws {
        let text = write([
            .reasoningDelta("hm"), .signature(Signature(.anthropic, "no")), .textDelta("a"),
            .signature(Signature(.gemini, "S")), .part(Part(.native(.anthropic, type: "x", .object([])))),
            .part(Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "no"))),
            .part(.text("whole")), .part(Part(.image(Media(.base64("AA=="), mediaType: "image/png")))),
            .part(Part(.native(.gemini, type: "executableCode", .object(["executableCode": .object([])])))),
            .refusalDelta("no"), .notice(Notice(.info, "n")), .finished(Finish(.refusal)),
        ])
        #expect(
            try parts(text) == [
                #"{"text":"hm","thought":true}"#, #"{"text":"a"}"#, #"{"text":"","thoughtSignature":"S"}"#,
                #"{"text":"whole"}"#, #"{"inlineData":{"mimeType":"image/png","data":"AA=="}}"#,
                #"{"executableCode":{}}"#, #"{"text":"no"}"#, empty,
            ])
        #expect(try documents(text).last?["candidates"]?[0]?["finishReason"]?.string == "SAFETY")
    }

    @Test func nothingFollowsTheEnd() throws {
        let finished = write([.finished(Finish(.stop)), .textDelta("late"), .finished(Finish(.stop))])
        #expect(try documents(finished).count == 1)
        let failed = write([.textDelta("a"), .finished(Finish(.stop))], GatehouseError(.internalError, "m"))
        #expect(!failed.contains("error"))
        let error = write([.textDelta("a")], GatehouseError(.upstreamError, "The provider failed."))
        let last = try #require(try documents(error).last)
        #expect(last["error"]?["status"]?.string == "INTERNAL")
        #expect(last["error"]?["details"]?[0]?["metadata"]?["requestId"]?.string == "req1")
    }
}
