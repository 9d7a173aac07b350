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

    @Test func theRulesOfTheComparisonAreWrittenDown() {
        let rules = CallerRule.all.map { rule in
            JSONValue.object([
                "callers": .array(rule.callers.map { .string($0.rawValue) }), "statement": .string(rule.statement),
            ])
        }
        Conformance.write("rules", .array(rules))
        #expect(CallerRule.all.allSatisfy { !$0.callers.isEmpty && $0.statement.hasSuffix(".") })
    }
}
