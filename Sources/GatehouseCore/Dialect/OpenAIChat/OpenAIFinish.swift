/// Why an answer ended, in the words of the OpenAI family.
enum OpenAIFinish {
    /// Where the vendor's own word is kept.
    static let note = "$reason"

    /// What else of an answer tells why it ended.
    struct Facts: Sendable {
        var hasCalls = false
        var hasText = false
        var hasRefusal = false
        /// vLLM's `stop_reason`, where it is the stop sequence.
        var stopSequence: String?
    }

    /// vLLM's `stop_reason`: the stop sequence that was met. Others put another vendor's word for the end there.
    static func stopSequence(_ choice: JSONValue) -> String? {
        guard let text = choice["stop_reason"]?.string, !text.isEmpty else { return nil }
        let words = ["stop", "end_turn", "eos", "length", "max_tokens", "tool_use", "tool_calls", "stop_sequence"]
        return words.contains(text) ? nil : text
    }

    /// The end of an answer.
    ///
    /// - Parameter word: `finish_reason`; some providers never say one.
    /// - Throws: the failure that some words stand for.
    static func finish(_ word: String?, _ facts: Facts, in dialect: Dialect) throws(Failure) -> Finish {
        if let kind = failure(word) { throw Failure(kind, detail: "finish_reason \(word ?? "")") }
        var finish = Finish(reason(word, facts), stopSequence: facts.stopSequence)
        if let word { finish.extensions[dialect, note] = .string(word) }
        return finish
    }

    private static func failure(_ word: String?) -> Failure.Kind? {
        switch word {
        case "insufficient_system_resource": .capacity
        case "error", "network_error", "abort": .upstream
        default: nil
        }
    }

    private static func reason(_ word: String?, _ facts: Facts) -> FinishReason {
        switch word {
        case "length", "max_tokens": .length
        case "model_length", "model_context_window_exceeded": .contextLength
        case "content_filter", "sensitive", "safety": .contentFilter
        case "tool_calls", "function_call", "tool_use": .toolCalls
        default:
            // A forced call ends with `stop`, and so do the calls of some providers.
            if facts.hasCalls {
                .toolCalls
            } else if facts.hasRefusal, !facts.hasText {
                .refusal
            } else if facts.stopSequence != nil {
                .stopSequence
            } else {
                .stop
            }
        }
    }

    /// The word to write: the vendor's own as long as it says the same.
    static func word(_ finish: Finish, _ facts: Facts, in dialect: Dialect) -> String {
        var facts = facts
        facts.stopSequence = finish.stopSequence
        if let own = finish.extensions[dialect, note]?.string, reason(own, facts) == finish.reason { return own }
        return switch finish.reason {
        case .stop, .stopSequence, .pause, .malformedCall: "stop"
        case .length, .contextLength: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter: "content_filter"
        // A refusal in words ends with `stop`, as OpenAI has it.
        case .refusal: facts.hasRefusal ? "stop" : "content_filter"
        }
    }

    /// What the parts of an answer tell.
    static func facts(_ parts: [Part]) -> Facts {
        var facts = Facts()
        for part in parts {
            switch part.content {
            case .text(let text): if !text.isEmpty { facts.hasText = true }
            case .refusal: facts.hasRefusal = true
            case .toolCall: facts.hasCalls = true
            default: break
            }
        }
        return facts
    }
}
