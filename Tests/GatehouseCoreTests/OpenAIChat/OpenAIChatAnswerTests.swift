import GatehouseCore
import NIOCore
import Testing

/// Whole answers, and what a caller gets of answers from elsewhere.
@Suite struct OpenAIChatAnswerTests {
    typealias Dialogue = OpenAIDialogue

    private func encode(_ parts: [Part], _ finish: Finish = Finish(.stop)) -> JSONValue {
        OpenAIChatCodec.encodeResponse(CanonicalResponse(parts: parts, finish: finish), as: Dialogue.identity)
    }

    private func message(_ parts: [Part]) throws -> JSONValue {
        try #require(encode(parts)["choices"]?[0]?["message"])
    }

    // MARK: Reading

    @Test(arguments: [
        (#"{"error":{"message":"x","code":"context_length_exceeded"}}"#, Failure.Kind.contextLength),
        (#"{"error":{"message":"x","code":429}}"#, .rate), (#"{"error":"boom"}"#, .upstream),
        (#"{"object":"error","message":"x","code":404}"#, .modelUnknown), (#"{"choices":[]}"#, .empty),
        (#"{}"#, .empty), (#"[]"#, .protocol), (#"{"choices":[{"index":0}]}"#, .protocol),
        (#"{"choices":[{"message":"x"}]}"#, .protocol),
        (#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#, .upstream),
        (#"{"choices":[{"message":{"content":"x"},"finish_reason":"insufficient_system_resource"}]}"#, .capacity),
    ])
    func whatIsNoAnswerIsAFailure(body: String, kind: Failure.Kind) throws {
        let failure = #expect(throws: Failure.self) { try Dialogue.answer(body) }
        #expect(failure?.kind == kind)
    }

    @Test(arguments: [
        (#"{"content":"a"}"#, "stop", FinishReason.stop), (#"{"content":"a"}"#, "length", .length),
        (#"{"content":"a"}"#, "content_filter", .contentFilter), (#"{"content":"a"}"#, "eos", .stop),
        (#"{"content":"a"}"#, "", .stop), (#"{"content":null,"refusal":"no"}"#, "stop", .refusal),
        (#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}"#, "tool_calls", .toolCalls),
        (#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}"#, "stop", .toolCalls),
        (#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#, "length", .length),
        (#"{"function_call":{"name":"f","arguments":"{}"}}"#, "function_call", .toolCalls),
        (#"{"content":"a"}"#, "model_context_window_exceeded", .contextLength),
    ])
    func reasonsAreUnderstood(message: String, word: String, reason: FinishReason) throws {
        let answer = try Dialogue.answer(message: message, finish: word)
        #expect(answer.finish.reason == reason)
        let back = OpenAIChatCodec.encodeResponse(answer, as: Dialogue.identity)
        #expect(back["choices"]?[0]?["finish_reason"]?.string == word)
    }

    @Test func aStopSequenceIsTold() throws {
        let answer = try Dialogue.answer(
            #"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"END"}]}"#)
        #expect(answer.finish.reason == .stopSequence && answer.finish.stopSequence == "END")
        let other = try Dialogue.answer(
            #"{"choices":[{"message":{"content":"a"},"finish_reason":"stop","stop_reason":"end_turn"}]}"#)
        #expect(other.finish.reason == .stop && other.finish.stopSequence == nil)
    }

    @Test func oddMembersDoNotFailAnAnswer() throws {
        let answer = try Dialogue.answer(
            message: #"{"content":"a","refusal":false,"tool_calls":{},"annotations":7,"name":[],"function_call":3}"#)
        #expect(answer.text == "a" && answer.calls.isEmpty)
    }

    @Test func callsWithoutIDsGetOnes() throws {
        let message =
            #"{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"id":"","function":{"name":"g","arguments":""}}]}"#
        let answer = try Dialogue.answer(message: message, finish: "tool_calls")
        let ids = answer.calls.map(\.id)
        #expect(Set(ids).count == 2 && ids.allSatisfy { !$0.isEmpty })
        #expect(answer.calls.map(\.arguments) == [#"{"a":1}"#, "{}"])
        #expect(try Dialogue.answer(message: message, finish: "tool_calls").calls.map(\.id) == ids)
    }

    @Test func furtherChoicesAreKept() throws {
        let body = try Dialogue.json(
            #"""
            {"id":"x","object":"chat.completion","created":1,"model":"m","choices":[
             {"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},
             {"index":1,"message":{"role":"assistant","content":"b"},"finish_reason":"length"}]}
            """#)
        let answer = try OpenAIChatCodec.decodeResponse(body)
        #expect(answer.text == "a")
        #expect(body.difference(from: OpenAIChatCodec.encodeResponse(answer, as: Dialogue.identity)) == nil)
    }

    @Test func thoughtsAreReadFromEveryMember() throws {
        let forms = [
            #""reasoning_content":"t""#, #""reasoning":"t""#, #""reasoning":"t","reasoning_content":"t""#,
            #""reasoning":"t","reasoning_details":[{"type":"reasoning.text","text":"t","format":"unknown","index":0}]"#,
            #""reasoning_content":"t","thinking_blocks":[{"type":"thinking","thinking":"t"}]"#,
        ]
        for form in forms {
            let answer = try Dialogue.answer(message: #"{"content":"a",\#(form)}"#)
            #expect(answer.thoughts == [Part(.thinking(Thinking("t")))], "\(form)")
        }
        let chunks = try Dialogue.answer(
            message:
                #"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]}"#
        )
        #expect(chunks.thoughts.first?.thinking?.text == "t" && chunks.text == "a")
        let tags = try Dialogue.answer(message: #"{"content":"<think>t</think>a"}"#)
        #expect(tags.text == "<think>t</think>a" && tags.thoughts.isEmpty)
    }

    @Test func detailsTellWhoseTheirSignaturesAre() throws {
        let answer = try Dialogue.answer(
            message: #"""
                {"content":"a","reasoning":"t1t2","reasoning_details":[
                 {"type":"reasoning.text","text":"t1","format":"anthropic-claude-v1","index":0},
                 {"type":"reasoning.text","text":"","signature":"s1","format":"anthropic-claude-v1","index":0},
                 {"type":"reasoning.encrypted","data":"d1","format":"anthropic-claude-v1","index":1},
                 {"type":"reasoning.summary","summary":"t2","id":"rs_1","format":"openai-responses-v1","index":2},
                 {"type":"reasoning.encrypted","data":"d2","id":"rs_1","format":"openai-responses-v1","index":3},
                 {"type":"reasoning.encrypted","data":"d3","id":"x","format":"xai-responses-v1","index":4}]}
                """#)
        #expect(
            answer.thoughts == [
                Part(.thinking(Thinking("t1")), signature: Signature(.anthropic, "s1")),
                Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "d1")),
                Part(.thinking(Thinking("t2", id: "rs_1")), signature: Signature(.openAIResponses, "d2")),
                Part(.thinking(Thinking("", isRedacted: true, id: "x")), signature: Signature(.openAIChat, "d3")),
            ])
    }

    @Test func quotesAreRead() throws {
        let answer = try Dialogue.answer(
            message: #"""
                {"content":"a","annotations":[{"type":"url_citation","url_citation":{"url":"https://x","title":"X",
                 "start_index":0,"end_index":1,"content":"q"}},{"type":"file","file":{"hash":"h"}}]}
                """#)
        let citation = try #require(answer.parts.first?.citations.first)
        #expect(answer.parts.first?.citations.count == 1)
        #expect(citation.url == "https://x" && citation.title == "X" && citation.quote == "q" && citation.end == 1)
    }

    // MARK: Counts

    @Test(arguments: [
        (#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, [10, 5, 0, 0, 0, 0, 0, 0]),
        (
            #"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":1}}"#,
            [10, 5, 4, 3, 2, 0, 1, 1]
        ),
        (#"{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8}"#, [10, 5, 8, 0, 0, 0, 0, 0]),
        (
            #"{"prompt_tokens":12,"completion_tokens":1,"total_tokens":241,"completion_tokens_details":{"reasoning_tokens":228}}"#,
            [12, 229, 0, 228, 0, 0, 0, 0]
        ),
        (
            #"{"prompt_tokens":16,"completion_tokens":128,"total_tokens":144,"completion_tokens_details":{"reasoning_tokens":132}}"#,
            [16, 128, 0, 128, 0, 0, 0, 0]
        ),
        (#"{"prompt_tokens":-1,"completion_tokens":"x","total_tokens":null}"#, [0, 0, 0, 0, 0, 0, 0, 0]),
    ])
    func countsAreOfOneArithmetic(usage: String, counts: [Int]) throws {
        let answer = try Dialogue.answer(message: #"{"content":"a"}"#, rest: #","usage":\#(usage)"#)
        #expect(answer.finish.usage?.counts == counts)
    }

    @Test(arguments: [
        (#""usage":{"cost":0.00257}"#, Cost(unit: "credits", amount: "0.00257")),
        (#""usage":{"cost":{"total_cost":0.005}}"#, Cost(unit: "usd", amount: "0.005")),
        (#""cost":{"usd":0.01,"diem":1}"#, Cost(unit: "usd", amount: "0.01")),
    ])
    func costsAreRead(members: String, cost: Cost) throws {
        #expect(try Dialogue.answer(message: #"{"content":"a"}"#, rest: ",\(members)").finish.cost == cost)
    }

    // MARK: Writing

    @Test func anAnswerOfOthersIsInThisForm() throws {
        var usage = Usage(input: 9, output: 4, cachedInput: 2, reasoning: 1)
        usage.cacheWrite = 3
        let body = encode(
            [.text("a"), .text("b"), Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "")))],
            Finish(.toolCalls, usage: usage))
        #expect(
            body.text
                == #"{"id":"chatcmpl-1","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"message":"#
                + #"{"role":"assistant","content":"ab","refusal":null,"tool_calls":[{"id":"c","type":"function","function":"#
                + #"{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":"#
                + #"{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":"#
                + #"{"cached_tokens":2,"cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":1}}}"#)
        let call = try message([Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "{}")))])
        #expect(call["content"] == .null)
        #expect(try message([])["content"]?.string == "")
    }

    @Test(arguments: [
        (FinishReason.stop, "stop"), (.stopSequence, "stop"), (.length, "length"), (.contextLength, "length"),
        (.contentFilter, "content_filter"), (.refusal, "content_filter"), (.pause, "stop"), (.malformedCall, "stop"),
    ])
    func reasonsHaveWords(reason: FinishReason, word: String) {
        let body = encode([.text("a")], Finish(reason))
        #expect(body["choices"]?[0]?["finish_reason"]?.string == word)
        let stream = Dialogue.write([.started(AnswerStart()), .textDelta("a"), .finished(Finish(reason))])
        #expect(stream.contains(#""finish_reason":"\#(word)""#))
    }

    @Test func partsThatHaveNoPlaceAreLeftOut() throws {
        let parts: [Part] = [
            Part(.native(.anthropic, type: "server_tool_use", .object([]))), Part(.audio(Media(.base64("A")))),
            Part(.video(Media(.url("https://x")))), .text("a"),
            Part(.toolResult(ToolResult(callID: "c", content: [.text("secret")]))),
            Part(.image(Media(.base64("AA"), mediaType: "image/png"))),
        ]
        let message = try message(parts)
        #expect(message["content"]?.string == "a" && message["tool_calls"] == nil)
        #expect(message["images"]?[0]?["image_url"]?["url"]?.string == "data:image/png;base64,AA")
        let deltas = try Dialogue.deltas(Dialogue.write([.started(AnswerStart())] + parts.map { .part($0) }))
        #expect(deltas.compactMap { $0["content"]?.string }.joined() == "a")
        #expect(deltas.contains { $0["images"] != nil })
    }

    // MARK: Seals, there and back

    /// What a caller sends back of an answer, in a request.
    private func history(_ message: JSONValue) throws -> [Part] {
        let body = JSONValue.object([
            "messages": .array([message, .object(["role": .string("user"), "content": .string("go on")])])
        ])
        return try #require(try OpenAIChatCodec.decodeRequest(body).messages.first).parts
    }

    private static let sealed: [[Part]] = [
        [
            Part(.thinking(Thinking("t\"1\n")), signature: Signature(.anthropic, "s+/=1")),
            Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, "data")),
            Part(.thinking(Thinking("")), signature: Signature(.anthropic, "s2")), .text("a"),
            Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "{}"))),
        ],
        [
            Part(.thinking(Thinking("sum", id: "rs_1")), signature: Signature(.openAIResponses, "enc1")),
            Part(.thinking(Thinking("", isRedacted: true, id: "rs_2")), signature: Signature(.openAIResponses, "enc2")),
            .text("a"),
        ],
        [
            Part(.text("a"), signature: Signature(.gemini, "text")),
            Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "{}")), signature: Signature(.gemini, "call")),
            Part(.toolCall(ToolCall(id: "d", name: "f", arguments: "{}"))),
        ],
        [
            Part(.thinking(Thinking("t")), signature: Signature(.bedrock, "bed")),
            Part(.toolCall(ToolCall(id: "c", name: "f", arguments: "{}"))),
        ],
        [Part(.thinking(Thinking("t"))), Part(.text(""), signature: Signature(.gemini, "last"))],
    ]

    private func plain(_ parts: [Part]) -> [Part] {
        parts.map { part in
            var part = part
            part.extensions = Extensions()
            return part
        }
    }

    @Test(arguments: sealed) func sealsComeBackInARequest(parts: [Part]) throws {
        #expect(try plain(history(message(parts))) == parts)
    }

    @Test(arguments: sealed) func sealsComeBackFromAWholeAnswer(parts: [Part]) throws {
        let body = encode(parts)
        #expect(try plain(OpenAIChatCodec.decodeResponse(body).parts) == parts)
    }

    @Test(arguments: sealed) func sealsComeBackFromAStream(parts: [Part]) throws {
        let response = CanonicalResponse(parts: parts, finish: Finish(.stop))
        let answer = try Dialogue.answer(of: ByteBuffer(string: Dialogue.write(response.events)))
        #expect(plain(answer.parts) == parts)
    }

    @Test func thoughtsAreShownAndSealed() throws {
        let message = try message(Self.sealed[0])
        #expect(message["reasoning_content"]?.string == "t\"1\n")
        #expect(message["thinking_blocks"]?.array?.count == 3)
        #expect(message["thinking_blocks"]?[0]?["signature"]?.string == "s+/=1")
        let gemini = try self.message(Self.sealed[2])
        #expect(gemini["extra_content"]?["google"]?["thought_signature"]?.string == "text")
        #expect(gemini["tool_calls"]?[0]?["extra_content"]?["google"]?["thought_signature"]?.string == "call")
        #expect(gemini["tool_calls"]?[1]?["extra_content"] == nil)
    }

    @Test func quotesAreWritten() throws {
        var part = Part.text("a")
        part.citations = [
            Citation(url: "https://x", title: "X", quote: "q", start: 0, end: 1), Citation(quote: "no url"),
        ]
        let annotations = try #require(try message([part])["annotations"]?.array)
        #expect(annotations.count == 1 && annotations[0]["url_citation"]?["title"]?.string == "X")
        let answer = try OpenAIChatCodec.decodeResponse(encode([part]))
        #expect(answer.parts.first?.citations.first?.quote == "q")
    }
}
