import GatehouseCore
import NIOCore
import Testing

@Suite struct OpenAICompletionsTests {
    private func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }
    private let target = TargetTraits(kind: "openai", model: "m")

    @Test(arguments: [
        (#"{"model":"m"}"#, "prompt"), (#"{"prompt":[1,2]}"#, "prompt"), (#"{"prompt":["a","b"]}"#, "prompt"),
        (#"{"prompt":"a","max_tokens":-1}"#, "max_tokens"), (#"{"prompt":"a","logprobs":true}"#, "logprobs"),
    ])
    func errorsNameTheField(body: String, param: String) throws {
        let error = #expect(throws: GatehouseError.self) { try OpenAICompletionsCodec.decodeRequest(json(body)) }
        #expect(error?.param == param)
    }

    @Test func aRequestIsReadAndWritten() throws {
        let body = try json(
            #"""
            {"model":"m","prompt":["a"],"max_tokens":0,"temperature":0.5,"stop":["x"],"logprobs":3,"echo":true,
             "suffix":"s","best_of":2,"stream":true,"stream_options":{"include_usage":true},"n":null}
            """#)
        let request = try OpenAICompletionsCodec.decodeRequest(body)
        #expect(request.messages == [Message(role: .user, parts: [.text("a")])])
        #expect(request.sampling.topLogprobs == 3 && request.maxTokens == 0 && request.wantsUsage)
        #expect(request.extensions.foreign(to: .openAIChat) == ["echo", "suffix", "best_of"])
        let encoded = try OpenAICompletionsCodec.encodeRequest(request, for: target)
        #expect(body.difference(from: encoded.body) == nil)
    }

    @Test func aConversationIsNoPrompt() throws {
        var request = CanonicalRequest(
            model: "m",
            messages: [Message(role: .system, parts: [.text("a")]), Message(role: .user, parts: [.text("b")])])
        #expect(try OpenAICompletionsCodec.encodeRequest(request, for: target).body["prompt"]?.string == "a\n\nb")
        request.reasoning = Reasoning(effort: .low)
        #expect(try OpenAICompletionsCodec.encodeRequest(request, for: target).dropped == ["reasoning"])
        request.messages.append(Message(role: .assistant, parts: [.text("c")]))
        let error = #expect(throws: GatehouseError.self) {
            try OpenAICompletionsCodec.encodeRequest(request, for: target)
        }
        #expect(error?.code == .unsupportedParameter && error?.param == "messages[2].role")
        request = CanonicalRequest(model: "m", messages: [])
        request.tools = [Tool(.function(parameters: nil), name: "f")]
        #expect(throws: GatehouseError.self) { try OpenAICompletionsCodec.encodeRequest(request, for: target) }
    }

    @Test func anAnswerIsInThisForm() throws {
        let identity = AnswerIdentity(call: "1", model: "m", created: 5)
        let parts: [Part] = [Part(.thinking(Thinking("t"))), .text("a")]
        let response = CanonicalResponse(parts: parts, finish: Finish(.length, usage: Usage(input: 1, output: 2)))
        #expect(
            OpenAICompletionsCodec.encodeResponse(response, as: identity).text
                == #"{"id":"cmpl-1","object":"text_completion","created":5,"model":"m","choices":[{"text":"a","index":0,"#
                + #""logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"#
                + #""total_tokens":3,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":"#
                + #"{"reasoning_tokens":0}}}"#)
        var encoder = OpenAICompletionsCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in response.events { encoder.encode(event, to: &buffer) }
        let head = #"data: {"id":"cmpl-1","object":"text_completion","created":5,"model":"m","choices":["#
        let text = String(buffer: buffer)
        #expect(text.hasPrefix(head + #"{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}"# + "\n\n"))
        #expect(text.contains(#"{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}"#))
        #expect(text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test(arguments: [
        (#"{"choices":[]}"#, Failure.Kind.empty), (#"{"choices":[{"index":0}]}"#, .protocol),
        (#"{"error":{"message":"x","code":"model_not_found"}}"#, .modelUnknown),
    ])
    func whatIsNoAnswerIsAFailure(body: String, kind: Failure.Kind) throws {
        let failure = #expect(throws: Failure.self) { try OpenAICompletionsCodec.decodeResponse(json(body)) }
        #expect(failure?.kind == kind)
    }

    @Test func aStreamThatIsCutIsCut() {
        let chunk = #"data: {"choices":[{"text":"a","index":0,"finish_reason":"stop"}]}"# + "\n\n"
        #expect(Laws.events(OpenAICompletionsCodec.self, [ByteBuffer(string: chunk)]).failure?.kind == .truncated)
        #expect(Laws.events(OpenAICompletionsCodec.self, [ByteBuffer()]).failure?.kind == .empty)
        let whole = Laws.events(OpenAICompletionsCodec.self, [ByteBuffer(string: chunk + "data: [DONE]\n\n")])
        #expect(whole.failure == nil && Laws.answer(whole.events)?.parts == [.text("a")])
    }
}
