import GatehouseCore
import NIOCore
import Testing

/// Every recorded answer, written in each caller's dialect and read again, says the same: whole and streamed.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct CrossDialectTests {
    private static let wires: [Dialect] = [
        .openAIChat, .openAICompletions, .openAIResponses, .anthropic, .gemini, .bedrock, .cohere, .ollama,
    ]

    @Test(arguments: wires)
    func answersSayTheSameInEveryDialect(wire: Dialect) {
        let recordings = Recording.all(wire.rawValue)
        for caller in CallerRule.callers where caller != wire {
            Conformance.check(.crossing, wire.rawValue, caller: caller, over: recordings) { recording in
                var obstacle: String?
                let verdict = Laws.withAnswer(wire.codec, recording) { answer in
                    let comparable = CallerRule.comparable(answer, caller)
                    obstacle = CallerRule.obstacle(comparable)
                    return obstacle == nil ? Laws.crossing(comparable, caller.codec) : nil
                }
                return obstacle.map { .notUsable($0) } ?? verdict
            }
        }
    }

    /// An answer for each way to end: not all of them were recorded.
    private static let madeUp = FinishReason.allCases.map { reason in
        let call = Part(.toolCall(ToolCall(id: "call_1", name: "look", arguments: "{}")))
        let parts = reason == .toolCalls ? [.text("I look."), call] : [Part.text("I look.")]
        return CanonicalResponse(parts: parts, finish: Finish(reason, usage: Usage(input: 3, output: 2)))
    }

    @Test(arguments: CallerRule.callers)
    func everyWayToEndHasAWord(caller: Dialect) {
        for answer in Self.madeUp {
            let comparable = CallerRule.comparable(answer, caller)
            #expect(Laws.crossing(comparable, caller.codec) == nil, "\(answer.finish.reason)")
            // What was folded is folded by the dialect itself as well.
            let whole = try? caller.codec.decodeResponse(
                caller.codec.encodeResponse(answer, as: AnswerIdentity(call: "call1", model: "m", created: 5)))
            #expect(whole?.finish.reason == comparable.finish.reason, "\(answer.finish.reason)")
        }
    }

    /// Odd names are legal in JSON, and arguments are the model's own.
    @Test(arguments: CallerRule.callers)
    func namesWithoutALetterSurvive(caller: Dialect) throws {
        let call = ToolCall(id: "call_1", name: "look", arguments: #"{"":1,"a":{"":[{" ":null}]},"type":"\u0000"}"#)
        let answer = CanonicalResponse(parts: [Part(.toolCall(call))], finish: Finish(.toolCalls, usage: nil))
        #expect(Laws.crossing(CallerRule.comparable(answer, caller), caller.codec) == nil)
    }

    /// Each rule bears on recordings or at least on an answer made up: one that does not would be proved by nothing.
    @Test func theRulesOfTheComparisonAreWrittenDown() {
        var touched = Array(repeating: 0, count: CallerRule.all.count)
        for wire in Self.wires {
            for recording in Recording.all(wire.rawValue) {
                _ = Laws.withAnswer(wire.codec, recording) { answer in
                    for (index, rule) in CallerRule.all.enumerated() where rule.callers != [wire] {
                        var changed = answer
                        rule.apply(&changed)
                        if changed != answer { touched[index] += 1 }
                    }
                    return nil
                }
            }
        }
        let rules = zip(CallerRule.all, touched).map { rule, count in
            let bearsOnMadeUp = Self.madeUp.contains { answer in
                var changed = answer
                rule.apply(&changed)
                return changed != answer
            }
            #expect(count > 0 || bearsOnMadeUp, "\(rule.statement) bears on nothing")
            return JSONValue.object([
                "callers": .array(rule.callers.map { .string($0.rawValue) }), "statement": .string(rule.statement),
                "answers": .int(count),
            ])
        }
        Conformance.write("rules", .array(rules))
    }
}
