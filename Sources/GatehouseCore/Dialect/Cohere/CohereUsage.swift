extension Usage {
    /// Reads Cohere's `usage`. The tokens of the model are what counts; what is billed is less, and stays in the note.
    init(cohere value: JSONValue) {
        let tokens = value["tokens"] ?? value["billed_units"]
        let input = tokens?["input_tokens"]?.count ?? 0
        self.init(
            input: input, output: tokens?["output_tokens"]?.count ?? 0,
            cachedInput: min(input, value["cached_tokens"]?.count ?? 0))
        extensions[.cohere, "$raw"] = value
    }

    /// The object as Cohere writes it.
    var cohereValue: JSONValue {
        if let own = extensions[.cohere, "$raw"] { return own }
        let tokens = JSONValue.object(["input_tokens": .int(input), "output_tokens": .int(output)])
        return .object([
            "billed_units": tokens, "tokens": tokens, "cached_tokens": cachedInput > 0 ? .int(cachedInput) : nil,
        ])
    }
}

extension Finish {
    /// Reads why an answer ended, and what it used.
    ///
    /// - Parameters:
    ///   - value: The object with `finish_reason` and `usage`.
    /// - Throws: `Failure` when it ended with an error, or does not say why it ended.
    init(cohere value: JSONValue, hasCalls: Bool) throws(Failure) {
        guard let word = value["finish_reason"]?.string else {
            throw Failure(.protocol, detail: "no finish_reason")
        }
        let reason: FinishReason
        switch word {
        case "COMPLETE": reason = hasCalls ? .toolCalls : .stop
        case "STOP_SEQUENCE": reason = .stopSequence
        case "MAX_TOKENS": reason = .length
        case "TOOL_CALL": reason = .toolCalls
        case "ERROR_LIMIT": reason = .contextLength
        case "ERROR_TOXIC": reason = .contentFilter
        case "TIMEOUT": throw Failure(.timeout(.own), detail: "finish_reason TIMEOUT")
        case "ERROR": throw CohereFailure.classify(text: value["error"]?.string ?? "", "finish_reason ERROR")
        default: reason = hasCalls ? .toolCalls : .stop
        }
        self.init(reason, usage: value["usage"].flatMap { $0.object == nil ? nil : Usage(cohere: $0) })
        extensions[.cohere, "$reason"] = .string(word)
    }

    /// Cohere's word for it.
    var cohereWord: String {
        if let own = extensions[.cohere, "$reason"]?.string { return own }
        return switch reason {
        case .stop, .refusal, .contentFilter, .pause, .malformedCall: "COMPLETE"
        case .stopSequence: "STOP_SEQUENCE"
        case .length, .contextLength: "MAX_TOKENS"
        case .toolCalls: "TOOL_CALL"
        }
    }
}
