import GatehouseCore

/// What a caller's dialect has no words for, and what becomes of it: applied to an answer before it is compared with what
/// the caller reads. docs/conformance.md prints the table.
struct CallerRule: Sendable {
    static let callers: [Dialect] = [.openAIChat, .openAIResponses, .anthropic, .gemini]

    let callers: [Dialect]
    let statement: String
    let apply: @Sendable (inout CanonicalResponse) -> Void

    static let all: [CallerRule] = general + citations + calls + ends + counts

    private static let general = [
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
        },
        CallerRule(callers: [.anthropic, .gemini], statement: "A refusal is text: there is no part of its own for it.")
        {
            $0.eachPart { part in
                if case .refusal(let text) = part.content { part.content = .text(text) }
            }
        },
    ]

    private static let citations = [
        CallerRule(
            callers: [.openAIChat, .openAIResponses, .anthropic],
            statement: "A citation without an address (a document of the request, a file at the vendor) is left out: "
                + "a foreign citation has its place as a page of the web."
        ) { answer in
            answer.eachPart { $0.citations.removeAll { $0.url == nil } }
        },
        CallerRule(
            callers: [.openAIChat], statement: "A citation always has a title: where the vendor told none, its address."
        ) { answer in
            answer.eachPart { part in
                for index in part.citations.indices where part.citations[index].title == nil {
                    part.citations[index].title = part.citations[index].url
                }
            }
        },
        CallerRule(
            callers: [.openAIResponses], statement: "A citation has no place for the words that it quotes."
        ) { answer in
            answer.eachPart { part in
                for index in part.citations.indices { part.citations[index].quote = nil }
            }
        },
        CallerRule(
            callers: [.gemini], statement: "A quote without a page or a title is left out."
        ) { answer in
            answer.eachPart { $0.citations.removeAll { $0.url == nil && $0.title == nil } }
        },
    ]

    private static let calls = [
        CallerRule(
            callers: [.anthropic],
            statement: "Arguments are an object: free text, or arguments that were cut off, become "
                + "`{\"input\": \"the text\"}`."
        ) { answer in
            answer.eachCall { call in
                if call.isCustom || call.isBroken { call.putInput() }
            }
        },
        CallerRule(
            callers: [.gemini], statement: "Arguments are an object: free text becomes `{\"input\": \"the text\"}`."
        ) { answer in
            answer.eachCall { call in
                if call.isCustom { call.putInput() }
            }
        },
        CallerRule(
            callers: [.gemini],
            statement: "A call whose arguments are no object is left out, and an answer that ended well ends with "
                + "`MALFORMED_FUNCTION_CALL`: that is what Gemini does with them."
        ) { answer in
            let count = answer.parts.count
            answer.parts.removeAll { $0.toolCall?.isBroken == true }
            guard answer.parts.count < count, [.toolCalls, .stop].contains(answer.finish.reason) else { return }
            answer.finish.reason = .malformedCall
        },
    ]

    private static let ends = [
        CallerRule(
            callers: [.openAIChat, .openAIResponses, .gemini],
            statement: "There is no word for a stop sequence that was met, nor a place to name it: folded into `stop`."
        ) { answer in
            answer.finish.stopSequence = nil
            answer.fold(.stopSequence, into: .stop)
        },
        CallerRule(
            callers: [.openAIChat, .openAIResponses],
            statement: "There is no word for a turn that the vendor paused: folded into `stop`."
        ) { $0.fold(.pause, into: .stop) },
        CallerRule(
            callers: [.gemini],
            statement: "There is no word for a turn that the vendor paused: `OTHER`, which is read as the filter's."
        ) { $0.fold(.pause, into: .contentFilter) },
        CallerRule(
            callers: [.openAIChat, .openAIResponses, .anthropic],
            statement: "There is no word for a call that cannot be read: folded into `stop`."
        ) { $0.fold(.malformedCall, into: .stop) },
        CallerRule(
            callers: [.openAIChat, .openAIResponses, .gemini],
            statement: "There is no word for a full context: folded into `length`."
        ) { $0.fold(.contextLength, into: .length) },
        CallerRule(
            callers: [.openAIChat, .openAIResponses],
            statement: "A model declines in a refusal: without one, in plain text, it is folded into the filter."
        ) { answer in
            let hasRefusal = answer.parts.contains { if case .refusal = $0.content { true } else { false } }
            if !hasRefusal { answer.fold(.refusal, into: .contentFilter) }
        },
        CallerRule(
            callers: [.gemini], statement: "There is no word for a model that declines: folded into the filter."
        ) { $0.fold(.refusal, into: .contentFilter) },
        CallerRule(
            callers: [.anthropic], statement: "There is no word for a filter: folded into `refusal`."
        ) { $0.fold(.contentFilter, into: .refusal) },
    ]

    private static let counts = [
        CallerRule(
            callers: [.anthropic], statement: "Usage is never absent: where the vendor told none, the counts are zero."
        ) { answer in
            if answer.finish.usage == nil { answer.finish.usage = Usage(input: 0, output: 0) }
        },
        CallerRule(
            callers: [.openAIResponses, .anthropic],
            statement: "Sound is not counted apart; its tokens are in those of input and output."
        ) { answer in
            answer.finish.usage?.audioInput = 0
            answer.finish.usage?.audioOutput = 0
        },
        CallerRule(
            callers: [.gemini],
            statement: "What was written to a cache is not counted apart; its tokens are in those of the input."
        ) { answer in
            answer.finish.usage?.cacheWrite = 0
            answer.finish.usage?.cacheWriteHour = 0
        },
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
            case .thinking(let thinking): !thinking.text.isEmpty
            default: true
            }
        }
        return says ? nil : "an answer of nothing but the vendor's own parts, or of nothing at all"
    }
}

extension CanonicalResponse {
    fileprivate mutating func eachPart(_ change: (inout Part) -> Void) {
        for index in parts.indices { change(&parts[index]) }
    }

    fileprivate mutating func eachCall(_ change: (inout ToolCall) -> Void) {
        eachPart { part in
            guard var call = part.toolCall else { return }
            change(&call)
            part.content = .toolCall(call)
        }
    }

    fileprivate mutating func fold(_ reason: FinishReason, into other: FinishReason) {
        if finish.reason == reason { finish.reason = other }
    }
}

extension ToolCall {
    /// Whether its arguments should be an object, and are not.
    fileprivate var isBroken: Bool {
        !isCustom && !arguments.isEmpty && (try? JSONValue(parsing: arguments.utf8))?.object == nil
    }

    fileprivate mutating func putInput() {
        arguments = JSONValue.object(["input": .string(arguments)]).text
        isCustom = false
    }
}
