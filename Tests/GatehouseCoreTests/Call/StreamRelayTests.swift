import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

/// Streams whose dialect is the caller's own, other than OpenAI's chat format.
@Suite struct StreamRelayTests {
    private static func events(_ payloads: String...) -> [String] {
        payloads.map { payload in
            let type = (try? JSONValue(parsing: payload.utf8))?["type"]?.string ?? ""
            return "event: \(type)\ndata: \(payload)\n\n"
        }
    }

    private static let anthropic = events(
        #"{"type":"message_start","message":{"id":"msg_1","model":"c","usage":{"input_tokens":9,"output_tokens":1}}}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hé \ud83c\udf0d"}}"#,
        #"{"type":"content_block_stop","index":0}"#,
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#,
        #"{"type":"message_stop"}"#)

    private static let responses = events(
        #"{"type":"response.created","sequence_number":4,"response":{"id":"resp_o","status":"in_progress"}}"#,
        #"{"type":"response.output_text.delta","sequence_number":5,"output_index":0,"content_index":0,"delta":"a"}"#,
        #"{"type":"response.output_text.delta","sequence_number":6,"output_index":0,"content_index":0,"delta":"b"}"#,
        #"{"type":"response.completed","sequence_number":7,"response":{"id":"resp_o","status":"completed","output":[],"#
            + #""usage":{"input_tokens":2,"output_tokens":3}}}"#)

    private static let gemini = [
        #"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]}}]}"# + "\r\n\r\n",
        #"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"b"}]},"finishReason":"STOP"}],"#
            + #""usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3,"totalTokenCount":5}}"# + "\r\n\r\n",
    ]

    private static let all: [(GatehouseCore.Operation, [String])] = [
        (.messages, anthropic), (.responses, responses), (.generateContent, gemini),
    ]

    private func relay(_ operation: GatehouseCore.Operation) -> Dialogue {
        var dialogue = Dialogue(operation, stream: true, to: .wire(operation.dialect))
        dialogue.head()
        return dialogue
    }

    @Test func everyByteGoesThroughHoweverItIsCut() {
        for (operation, events) in Self.all {
            let bytes = Array(events.joined().utf8)
            for seed in 1...40 {
                var generator = SeededGenerator(seed: UInt64(seed))
                var dialogue = relay(operation)
                let cuts = generator.cuts(of: bytes.count)
                for (from, to) in zip(cuts, cuts.dropFirst()) {
                    dialogue.say(ByteBuffer(bytes: bytes[from..<to]))
                }
                if !dialogue.machine.isOver { dialogue.end() }
                #expect(dialogue.out == events.joined(), "\(operation), seed \(seed)")
                #expect(dialogue.machine.outcome == .completed && dialogue.machine.finishReason == .stop)
            }
        }
    }

    @Test func theUsageIsReadOnTheWay() {
        let expected: [GatehouseCore.Operation: [Int?]] = [
            .messages: [9, 4], .responses: [2, 3], .generateContent: [2, 3],
        ]
        for (operation, events) in Self.all {
            var dialogue = relay(operation)
            for event in events { dialogue.say(event) }
            if !dialogue.machine.isOver { dialogue.end() }
            let usage = dialogue.machine.usage
            #expect([usage?.input, usage?.output] == expected[operation])
        }
    }

    @Test func nothingGoesOnBeforeTheFirstContent() {
        for (operation, events) in Self.all where operation != .generateContent {
            var dialogue = relay(operation)
            #expect(dialogue.say(events[0]) == .wait)
            #expect(!dialogue.machine.isCommitted)
            // An event is passed on when it is whole.
            dialogue.say(events[1])
            let before = dialogue.out
            dialogue.say(String(events[2].dropLast()))
            #expect(dialogue.out == before, "an event goes on when it is whole")
            dialogue.say("\n")
            #expect(dialogue.out == events[0...2].joined())
        }
    }

    @Test func anErrorBeforeContentHasItsOwnStatus() {
        var messages = relay(.messages)
        messages.say(Self.anthropic[0])
        messages.say(
            "event: error\n" + #"data: {"type":"error","error":{"type":"overloaded_error","message":"secret"}}"#
                + "\n\n")
        #expect(messages.error?.code == .upstreamOverloaded && messages.out.isEmpty)
        var responses = relay(.responses)
        responses.say(Self.responses[0])
        responses.say(#"data: {"type":"error","code":"rate_limit_exceeded","message":"secret","param":null}"# + "\n\n")
        #expect(responses.error?.code == .upstreamRateLimited && responses.out.isEmpty)
        #expect(responses.error?.message.contains("secret") == false)
    }

    @Test func anErrorBehindContentIsTheLastEventAndInTheGatewaysWords() {
        var dialogue = relay(.messages)
        for event in Self.anthropic.prefix(3) { dialogue.say(event) }
        dialogue.say(
            "event: error\n" + #"data: {"type":"error","error":{"type":"overloaded_error","message":"secret"}}"#
                + "\n\n")
        #expect(dialogue.out.hasPrefix(Self.anthropic.prefix(3).joined()) && !dialogue.out.contains("secret"))
        #expect(dialogue.payloads.last?["type"]?.string == "error")
        #expect(dialogue.payloads.last?["error"]?["code"]?.string == "upstream_overloaded")
    }

    @Test func aStreamWithoutItsTerminatorIsBrokenOff() {
        for (operation, events) in Self.all {
            var dialogue = relay(operation)
            for event in events.dropLast() { dialogue.say(event) }
            // Half of the last event has come and must not go on.
            dialogue.say(String(events[events.count - 1].prefix(20)))
            dialogue.end()
            #expect(dialogue.error?.code == .upstreamTruncated, "\(operation)")
            #expect(dialogue.out.hasPrefix(events.dropLast().joined()))
            #expect(dialogue.out.dropFirst(events.dropLast().joined().count).contains("upstream_truncated"))
        }
    }

    @Test func whatIsNoEventBreaksItOff() {
        for (operation, events) in Self.all {
            var dialogue = relay(operation)
            for event in events.prefix(3).dropLast(operation == .generateContent ? 1 : 0) { dialogue.say(event) }
            dialogue.say("data: {oops\n\n")
            #expect(dialogue.error?.code == .upstreamInvalidResponse, "\(operation)")
            #expect(!dialogue.out.contains("oops"))
        }
    }

    @Test func aLastEventWithoutItsBlankLineCounts() {
        var dialogue = relay(.messages)
        for event in Self.anthropic.dropLast() { dialogue.say(event) }
        dialogue.say(String(Self.anthropic[5].dropLast(2)))
        dialogue.end()
        #expect(dialogue.machine.outcome == .completed)
        #expect(dialogue.out == String(Self.anthropic.joined().dropLast(2)))
    }

    // MARK: The error of a relayed stream of Responses

    @Test func theErrorGoesOnCountingWhereTheVendorWas() {
        var dialogue = relay(.responses)
        for event in Self.responses.prefix(3) { dialogue.say(event) }
        dialogue.fail(Failure(.truncated))
        let numbers = dialogue.payloads.map { $0["sequence_number"]?.int }
        #expect(numbers == [4, 5, 6, 7, 8])
        let types = dialogue.payloads.suffix(2).map { $0["type"]?.string }
        #expect(types == ["error", "response.failed"], "no second beginning")
        let failed = dialogue.payloads.last?["response"]
        #expect(failed?["id"]?.string == "resp_o" && failed?["error"]?["code"]?.string == "server_error")
    }

    @Test func theNumberOfAnEventThatWasHeldBackIsFree() {
        var dialogue = relay(.responses)
        for event in Self.responses.prefix(2) { dialogue.say(event) }
        dialogue.say(#"data: {"type":"error","sequence_number":6,"code":"server_error","message":"x"}"# + "\n\n")
        #expect(dialogue.payloads.map { $0["sequence_number"]?.int } == [4, 5, 6, 7])
    }

    @Test func eventsWithoutNumbersAreCounted() {
        var dialogue = relay(.responses)
        for event in Self.responses.prefix(3) {
            dialogue.say(event.replacing(#/"sequence_number":\d,/#, with: ""))
        }
        dialogue.fail(Failure(.truncated))
        #expect(dialogue.payloads.suffix(2).map { $0["sequence_number"]?.int } == [3, 4])
        var huge = relay(.responses)
        huge.say(Self.responses[1].replacing(":5,", with: ":\(Int.max),"))
        huge.fail(Failure(.truncated))
        #expect(huge.payloads.last?["type"]?.string == "response.failed")
    }
}
