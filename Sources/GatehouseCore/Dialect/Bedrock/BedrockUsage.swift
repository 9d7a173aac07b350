/// Bedrock's arithmetic: `inputTokens` is what was neither read from the cache nor written to it.
enum BedrockUsage {
    static func read(_ value: JSONValue) -> Usage? {
        guard value.object != nil else { return nil }
        func count(_ keys: String...) -> Int {
            keys.lazy.compactMap { value[$0]?.count }.first.map { min($0, 1 << 40) } ?? 0
        }
        let input = count("inputTokens")
        let output = count("outputTokens")
        let cached = count("cacheReadInputTokens", "cacheReadInputTokenCount")
        let written = count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
        // The total tells where a model counts its cache as part of the input.
        let isInclusive = input >= cached + written && count("totalTokens") == input + output
        var usage = Usage(
            input: isInclusive ? input : input + cached + written, output: output, cachedInput: cached)
        let hour =
            (value["cacheDetails"]?.array ?? []).lazy
            .filter { $0["ttl"]?.string == "1h" }.compactMap { $0["inputTokens"]?.count }.first ?? 0
        usage.cacheWriteHour = min(hour, written)
        usage.cacheWrite = written - usage.cacheWriteHour
        usage.extensions[.bedrock, "$raw"] = value
        return usage
    }

    static func write(_ usage: Usage) -> JSONValue {
        if let raw = usage.extensions[.bedrock, "$raw"] { return raw }
        let written = usage.cacheWrite.capped(adding: usage.cacheWriteHour)
        var details: [JSONValue] = []
        for (ttl, count) in [("1h", usage.cacheWriteHour), ("5m", usage.cacheWrite)] where count > 0 {
            details.append(.object(["ttl": .string(ttl), "inputTokens": .int(count)]))
        }
        return .object([
            "inputTokens": .int(usage.uncachedInput), "outputTokens": .int(usage.output),
            "totalTokens": .int(usage.total), "cacheReadInputTokens": .int(usage.cachedInput),
            "cacheWriteInputTokens": .int(written), "cacheDetails": details.isEmpty ? nil : .array(details),
        ])
    }
}

/// Bedrock's words for why an answer ended.
enum BedrockStop {
    static func read(_ word: String) -> FinishReason {
        switch word {
        case "tool_use": .toolCalls
        case "max_tokens": .length
        case "stop_sequence": .stopSequence
        case "guardrail_intervened", "content_filtered": .contentFilter
        case "model_context_window_exceeded": .contextLength
        case "malformed_model_output", "malformed_tool_use": .malformedCall
        case "refusal": .refusal
        case "pause_turn": .pause
        default: .stop
        }
    }

    static func write(_ finish: Finish) -> String {
        if let word = finish.extensions[.bedrock, "$reason"]?.string { return word }
        return switch finish.reason {
        case .stop, .pause: "end_turn"
        case .stopSequence: "stop_sequence"
        case .length: "max_tokens"
        case .contextLength: "model_context_window_exceeded"
        case .toolCalls: "tool_use"
        case .contentFilter, .refusal: "content_filtered"
        case .malformedCall: "malformed_tool_use"
        }
    }

    /// The end of an answer. `members` are those that only this dialect knows.
    static func finish(_ word: String, usage: Usage?, members: [JSONValue.Member]) -> Finish {
        var finish = Finish(read(word), usage: usage)
        finish.extensions = Extensions(.bedrock, [.init("$reason", .string(word))] + members)
        let additional = finish.extensions[.bedrock, "additionalModelResponseFields"]
        finish.stopSequence = additional?["stop_sequence"]?.string ?? additional?["delta"]?["stop_sequence"]?.string
        return finish
    }
}
