import GatehouseCore
import NIOCore
import Testing

@Suite struct RequestHeadTests {
    private func head(_ text: String, _ operation: GatehouseCore.Operation = .chatCompletions) throws
        -> RequestHead
    {
        try RequestHead(scanning: ByteBuffer(string: text), operation: operation)
    }

    private func spliced(
        _ text: String, _ operation: GatehouseCore.Operation = .chatCompletions, model: String = "up",
        habits: RequestHabits = .usual
    ) throws -> String {
        let body = ByteBuffer(string: text)
        let head = try RequestHead(scanning: body, operation: operation)
        return String(buffer: head.splice(model: model, habits: habits).applied(to: body))
    }

    private func error(_ text: String, _ operation: GatehouseCore.Operation = .chatCompletions) -> GatehouseError? {
        do throws(GatehouseError) {
            _ = try RequestHead(scanning: ByteBuffer(string: text), operation: operation)
            return nil
        } catch {
            return error
        }
    }

    @Test func readsTheHead() throws {
        let head = try head(
            #" {"messages":[{}],"mod\u0065l":"a\/b","stream":true,"max_tokens":5,"tools":[{}],"stream_options":null} "#)
        #expect(head.model == "a/b")
        #expect(head.stream)
        #expect(!head.wantsUsage)
        #expect(head.maxTokens == 5)
        #expect(head.hasTools)
    }

    @Test func changesOnlyWhatMustChange() throws {
        #expect(
            try spliced(#"{"model":"p/m", "messages":[1],"x":  1}"#) == #"{"model":"up", "messages":[1],"x":  1}"#)
        #expect(try spliced(#"{"model":"up","messages":[1]}"#) == #"{"model":"up","messages":[1]}"#)
        #expect(
            try spliced(#"{"stream":true,"model":"m","messages":[1]}"#)
                == #"{"stream":true,"stream_options":{"include_usage":true},"model":"up","messages":[1]}"#)
        #expect(
            try spliced(#"{"model":"m","messages":[1],"stream":true,"stream_options":{}}"#)
                == #"{"model":"up","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#)
        #expect(
            try spliced(#"{"model":"m","messages":[1],"stream":true,"stream_options":{"a":1}}"#)
                == #"{"model":"up","messages":[1],"stream":true,"stream_options":{"include_usage":true,"a":1}}"#)
        #expect(
            try spliced(#"{"model":"m","messages":[1],"stream":true,"stream_options":{"include_usage":false}}"#)
                == #"{"model":"up","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#)
        #expect(
            try spliced(#"{"model":"m","messages":[1],"stream":true,"stream_options":null}"#)
                == #"{"model":"up","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#)
        let asked = #"{"model":"up","messages":[1],"stream":true,"stream_options":{"include_usage":true}}"#
        #expect(try spliced(asked) == asked)
        let plain = #"{"model":"up","messages":[1],"stream":true}"#
        #expect(try spliced(plain, habits: RequestHabits(takesStreamOptions: false)) == plain)
    }

    @Test(arguments: [
        (
            #"{"stream_options":{"include_usage":true},"model":"up","messages":[1],"stream":true}"#,
            #"{"model":"up","messages":[1],"stream":true}"#
        ),
        (
            #"{"model":"up","stream_options" : {} , "messages":[1],"stream":true}"#,
            #"{"model":"up", "messages":[1],"stream":true}"#
        ),
        (
            #"{"model":"m","messages":[1],"stream":true , "stream_options":null }"#,
            #"{"model":"up","messages":[1],"stream":true  }"#
        ),
    ])
    func takesTheOptionsOutForTargetsThatRefuseThem(_ body: String, _ sent: String) throws {
        #expect(try spliced(body, habits: RequestHabits(takesStreamOptions: false)) == sent)
    }

    @Test(arguments: [
        (GatehouseCore.Operation.messages, #"{"model":"up","max_tokens":1,"messages":[1],"stream":true}"#),
        (.responses, #"{"model":"up","input":"hi","stream":true}"#),
    ])
    func asksForNoUsageInDialectsThatAlwaysTellIt(_ operation: GatehouseCore.Operation, _ body: String) throws {
        #expect(try spliced(body, operation) == body)
    }

    @Test func callsThingsAsTheTargetDoes() throws {
        let habits = RequestHabits(limitName: "max_tokens", seedName: "random_seed")
        #expect(
            try spliced(#"{"seed":4,"model":"m","max_completion_tokens":7,"messages":[1]}"#, habits: habits)
                == #"{"random_seed":4,"model":"up","max_tokens":7,"messages":[1]}"#)
        // Two words for one thing are left for the target to judge: a member twice would be decided by chance.
        let both = #"{"model":"up","max_completion_tokens":7,"max_tokens":8,"messages":[1]}"#
        #expect(try spliced(both, habits: habits) == both)
    }

    @Test func escapesTheTargetsName() throws {
        #expect(
            try spliced(#"{"model":"m","messages":[1]}"#, model: "a\"\\\n") == #"{"model":"a\"\\\n","messages":[1]}"#)
    }

    @Test(
        arguments: [
            (#"[]"#, GatehouseError.Code.invalidJSON, nil), (#"{"messages":[1]}"#, .missingField, "model"),
            (#"{"model":"m"}"#, .missingField, "messages"), (#"{"model":5,"messages":[1]}"#, .invalidValue, "model"),
            (#"{"model":"","messages":[1]}"#, .invalidValue, "model"),
            (#"{"model":"a b","messages":[1]}"#, .invalidValue, "model"),
            (#"{"model":"m","messages":[]}"#, .invalidValue, "messages"),
            (#"{"model":"m","messages":{}}"#, .invalidValue, "messages"),
            (#"{"model":"m","messages":[1],"stream":"yes"}"#, .invalidValue, "stream"),
            (#"{"model":"m","messages":[1],"n":1000000000}"#, .invalidValue, "n"),
            (#"{"model":"m","messages":[1],"n":1.5}"#, .invalidValue, "n"),
            (#"{"model":"m","messages":[1],"max_tokens":9223372036854775808}"#, .invalidValue, "max_tokens"),
            (#"{"model":"m","messages":[1],"max_tokens":-1}"#, .invalidValue, "max_tokens"),
            (#"{"model":"m","messages":[1],"stream_options":[]}"#, .invalidValue, "stream_options"),
            (
                #"{"model":"m","messages":[1],"stream_options":{"include_usage":1}}"#, .invalidValue,
                "stream_options/include_usage"
            ),
            (
                #"{"model":"m","messages":[1],"stream_options":{"include_usage":true,"include_usage":false}}"#,
                .invalidJSON, nil
            ),
            (#"{"model":"m","model":"n","messages":[1]}"#, .invalidJSON, nil),
            (#"{"model":"m","messages":[1]}{}"#, .invalidJSON, nil),
        ] as [(String, GatehouseError.Code, String?)])
    func refuses(text: String, code: GatehouseError.Code, param: String?) {
        #expect(error(text)?.code == code)
        #expect(error(text)?.param == param)
    }

    @Test func refusesBrokenUTF8AndDepth() {
        var body = ByteBuffer(string: #"{"model":"m","messages":[""#)
        body.writeBytes([0xFF])
        body.writeString(#""]}"#)
        #expect(throws: GatehouseError.self) { try RequestHead(scanning: body, operation: .chatCompletions) }
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(error(#"{"model":"m","messages":\#(deep)}"#)?.code == .jsonTooDeep)
    }

    @Test func completionsNeedAPrompt() throws {
        #expect(error(#"{"model":"m"}"#, .completions)?.param == "prompt")
        #expect(error(#"{"model":"m","prompt":1}"#, .completions)?.code == .invalidValue)
        #expect(try head(#"{"model":"m","prompt":"x"}"#, .completions).model == "m")
    }
}
