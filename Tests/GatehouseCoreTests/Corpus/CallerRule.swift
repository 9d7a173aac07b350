import GatehouseCore

/// What a caller's dialect has no words for, and what becomes of it: applied to an answer before it is compared with what
/// the caller reads. docs/conformance.md prints the table.
struct CallerRule: Sendable {
    static let callers: [Dialect] = [.openAIChat, .openAIResponses, .anthropic, .gemini]

    let callers: [Dialect]
    let statement: String
    let apply: @Sendable (inout CanonicalResponse) -> Void

    static let all: [CallerRule] = [
        CallerRule(
            callers: callers,
            statement: "What only the vendor itself can say (its own tools at work) and media are not compared."
        ) { answer in
            answer.parts = answer.parts.filter { part in
                switch part.content {
                case .text, .thinking, .toolCall, .refusal: true
                default: false
                }
            }
        }
    ]

    /// The answer as far as the caller's dialect has words for it.
    static func comparable(_ answer: CanonicalResponse, _ caller: Dialect) -> CanonicalResponse {
        var answer = answer
        for rule in all where rule.callers.contains(caller) { rule.apply(&answer) }
        return answer
    }

    /// Why an answer cannot be compared at all.
    static func obstacle(_ answer: CanonicalResponse) -> String? {
        let says = answer.parts.contains { part in
            switch part.content {
            case .text(let text), .refusal(let text): !text.isEmpty
            default: true
            }
        }
        return says ? nil : "an answer of nothing but the vendor's own parts, or of nothing at all"
    }
}
