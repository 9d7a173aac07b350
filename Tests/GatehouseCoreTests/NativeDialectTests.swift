import GatehouseCore
import NIOCore
import Testing

/// The gateway's own API: what it takes, and what it tells.
@Suite struct NativeDialectTests {
    private func request(_ text: String) throws -> CanonicalRequest {
        try NativeCodec.decodeRequest(try JSONValue(parsing: text.utf8))
    }

    private func refusal(_ text: String) -> GatehouseError? {
        do {
            _ = try request(text)
            return nil
        } catch {
            return error as? GatehouseError
        }
    }

    // MARK: Requests

    @Test func aPromptIsAMessageOfTheUser() throws {
        let read = try request(#"{"model":"m","prompt":"hi","system":"be kind","stream":true,"max_tokens":9}"#)
        #expect(read.messages.map(\.role) == [.system, .user])
        #expect(read.messages.map { $0.text() } == ["be kind", "hi"])
        #expect(read.stream && read.maxTokens == 9 && read.model == "m")
    }

    @Test func messagesKeepTheirOrderAndPictures() throws {
        let read = try request(
            #"""
            {"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},
             {"role":"user","content":[{"type":"text","text":"c"},{"type":"image","url":"data:image/png;base64,AA=="}]}]}
            """#)
        #expect(read.messages.map(\.role) == [.user, .assistant, .user])
        #expect(read.messages[2].parts.last?.content == .image(Media(.base64("AA=="), mediaType: "image/png")))
    }

    @Test func theFormOfTheAnswerAndTheEffortAreHeard() throws {
        let read = try request(
            #"{"model":"m","prompt":"x","effort":"high","json_schema":{"type":"object"},"stop":"END","temperature":0.20}"#
        )
        #expect(read.reasoning?.effort == .high)
        #expect(
            read.responseFormat == .jsonSchema(JSONSchemaFormat(schema: .object([.init("type", .string("object"))]))))
        #expect(read.sampling.stop == ["END"] && read.sampling.temperature == "0.20")
    }

    @Test(arguments: [
        (#"{"prompt":"x"}"#, GatehouseError.Code.missingField, "model"),
        (#"{"model":"m"}"#, .missingField, "prompt"),
        (#"{"model":"m","prompt":5}"#, .invalidValue, "prompt"),
        (#"{"model":"m","prompt":""}"#, .invalidValue, "prompt"),
        (#"{"model":"m","prompt":"x","messages":[]}"#, .invalidValue, "prompt"),
        (#"{"model":"m","messages":[]}"#, .invalidValue, "messages"),
        (#"{"model":"m","messages":[{"role":"robot","content":"x"}]}"#, .invalidValue, "messages[0].role"),
        (#"{"model":"m","messages":[{"role":"user"}]}"#, .missingField, "messages[0].content"),
        (
            #"{"model":"m","messages":[{"role":"user","content":"x","name":"n"}]}"#, .unknownParameter,
            "messages[0].name"
        ),
        (#"{"model":"m","prompt":"x","backend":5}"#, .invalidValue, "backend"),
        (#"{"model":"m","prompt":"x","files":"a"}"#, .invalidValue, "files"),
        (#"{"model":"m","prompt":"x","files":[5]}"#, .invalidValue, "files[0]"),
        (#"{"model":"m","prompt":"x","files":[{"id":""}]}"#, .invalidValue, "files[0]"),
        (#"{"model":"m","prompt":"x","session_id":5}"#, .invalidValue, "session_id"),
        (#"{"model":"m","prompt":"x","effort":"huge"}"#, .invalidValue, "effort"),
    ])
    func whatIsWrongIsNamed(body: String, code: GatehouseError.Code, param: String) {
        let error = refusal(body)
        #expect(error?.code == code && error?.param == param)
    }

    // MARK: Answers

    private let identity = AnswerIdentity(call: "c1", model: "m", created: 1_700_000_000)

    private func stream(_ events: [CanonicalEvent], error: GatehouseError? = nil) -> [(name: String, data: JSONValue)] {
        var encoder = NativeCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        if let error { encoder.fail(error, requestID: "r1", to: &buffer) }
        return String(buffer: buffer).split(separator: "\n\n").enumerated().map { number, block in
            let lines = block.split(separator: "\n")
            #expect(lines.count == 3 && lines[0] == "id: \(number + 1)")
            let data = try? JSONValue(parsing: lines[2].dropFirst("data: ".count).utf8)
            return (String(lines[1].dropFirst("event: ".count)), data ?? .null)
        }
    }

    @Test func allThatHappensIsTold() {
        var finish = Finish(
            .stop, usage: Usage(input: 5, output: 2, cachedInput: 3), cost: Cost(unit: "usd", amount: "0.10"))
        finish.session = "s1"
        let told = stream([
            .started(AnswerStart(model: "big", session: "s1")), .reasoningDelta("hm"), .textDelta("a\n\ndata: b"),
            .toolStarted(id: "t1", name: "read", input: #"{"path":"x"}"#),
            .toolFinished(id: "t1", succeeded: false, denied: true),
            .file(Artifact(name: "out/a b.png", size: 9, created: 1), session: "s:1"),
            .notice(Notice(.warning, "careful")), .limit(UsageLimit(kind: "five_hour", used: 0.5, resetsAt: 9)),
            .finished(finish),
        ])
        #expect(
            told.map(\.name) == [
                "started", "reasoning.delta", "text.delta", "tool.started", "tool.finished", "file", "notice",
                "limit", "finished",
            ])
        #expect(told[0].data["upstream_model"] == .string("big") && told[0].data["session"] == .string("s1"))
        #expect(told[2].data["text"] == .string("a\n\ndata: b"))
        #expect(told[3].data["input"]?["path"] == .string("x"))
        #expect(told[4].data["ok"] == .bool(false) && told[4].data["denied"] == .bool(true))
        #expect(told[5].data["url"] == .string("/api/artifacts/s%3A1/out/a%20b.png") && told[5].data["size"]?.int == 9)
        #expect(told[7].data["resets_at"]?.int == 9 && told[7].data["used"]?.double == 0.5)
        #expect(told[8].data["usage"]?["cached_input_tokens"]?.int == 3)
        #expect(told[8].data["cost"]?["amount"] == .string("0.10") && told[8].data["session"] == .string("s1"))
    }

    /// Nobody can be made to believe in an end by what a model writes.
    @Test func textIsNeverAnEvent() {
        let told = stream([.textDelta("\n\nevent: finished\ndata: {}\n\n"), .finished(Finish(.stop))])
        #expect(told.map(\.name) == ["started", "text.delta", "finished"])
    }

    @Test func aFailureIsTheLastEvent() {
        let told = stream(
            [.textDelta("a")], error: GatehouseError(.agentQuotaExhausted, "Later.", param: "model", retryAfter: 60))
        #expect(told.map(\.name) == ["started", "text.delta", "failed"])
        let error = told.last?.data["error"]
        #expect(error?["code"] == .string("AGENT_QUOTA_EXHAUSTED") && error?["request_id"] == .string("r1"))
        #expect(error?["details"]?["retry_after"]?.int == 60 && error?["details"]?["param"] == .string("model"))
        #expect(error?["timestamp"] == .string("2023-11-14T22:13:20Z"))
    }

    @Test func nothingFollowsTheEnd() {
        #expect(
            stream([.finished(Finish(.stop)), .textDelta("x")], error: GatehouseError(.internalError, "x")).count == 2)
    }

    @Test func aWholeAnswerIsOneObject() {
        let response = CanonicalResponse(
            start: AnswerStart(session: "s1"),
            parts: [Part(.thinking(Thinking("hm"))), .text("a"), .text("b")],
            finish: Finish(.length, usage: Usage(input: 1, output: 2)))
        let value = NativeCodec.encodeResponse(response, as: identity)
        #expect(value["response"] == .string("ab") && value["reasoning"] == .string("hm"))
        #expect(value["stop"] == .string("length") && value["session"] == .string("s1"))
        #expect(value["usage"]?["output_tokens"]?.int == 2)
    }
}
