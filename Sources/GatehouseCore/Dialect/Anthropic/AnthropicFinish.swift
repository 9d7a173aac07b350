/// How an answer ended: `stop_reason`, `stop_sequence` and what stands beside them.
///
/// Source: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
enum AnthropicFinish {
    /// - Parameters:
    ///   - end: The object that holds `stop_reason`.
    ///   - rest: Members that only this dialect knows.
    static func read(_ end: JSONValue, usage: Usage?, rest: [JSONValue.Member]) -> Finish {
        let word = end["stop_reason"] ?? .null
        var finish = Finish(reason(word.string), usage: usage, stopSequence: end["stop_sequence"]?.string)
        finish.extensions[.anthropic] = rest + [.init(AnthropicNote.reason, word)]
        return finish
    }

    private static func reason(_ word: String?) -> FinishReason {
        switch word {
        case "stop_sequence": .stopSequence
        case "max_tokens": .length
        case "model_context_window_exceeded": .contextLength
        case "tool_use": .toolCalls
        case "refusal": .refusal
        // Both wait for the answer to be sent back.
        case "pause_turn", "compaction": .pause
        default: .stop
        }
    }

    /// - Parameters:
    ///   - hasCalls: The answer holds calls. Some vendors end one with the word for a plain stop.
    ///   - hasRefusal: The model declined in words, which some vendors tell by the words alone.
    static func written(_ finish: Finish, hasCalls: Bool, hasRefusal: Bool) -> JSONValue {
        if let own = finish.extensions[.anthropic, AnthropicNote.reason] { return own }
        let word =
            switch finish.reason {
            case .stop where hasCalls: "tool_use"
            case .stop where hasRefusal: "refusal"
            case .stop, .malformedCall: "end_turn"
            case .stopSequence: "stop_sequence"
            case .length: "max_tokens"
            case .contextLength: "model_context_window_exceeded"
            case .toolCalls: "tool_use"
            case .contentFilter, .refusal: "refusal"
            case .pause: "pause_turn"
            }
        return .string(word)
    }
}
