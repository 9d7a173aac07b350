/// Reads and writes `usage`: `input_tokens` includes what came from the cache and went to it, `output_tokens` includes
/// reasoning.
enum ResponsesUsage {
    /// `nil` when it does not tell both counts.
    static func read(_ value: JSONValue?) -> Usage? {
        guard let value, let input = value["input_tokens"]?.count, let output = value["output_tokens"]?.count else {
            return nil
        }
        let details = value["input_tokens_details"]
        var usage = Usage(
            input: input, output: output, cachedInput: details?["cached_tokens"]?.count ?? 0,
            reasoning: value["output_tokens_details"]?["reasoning_tokens"]?.count ?? 0)
        usage.cacheWrite = details?["cache_write_tokens"]?.count ?? 0
        usage.extensions.noteResponses(ResponsesNote.raw, value)
        return usage
    }

    static func write(_ usage: Usage) -> JSONValue {
        if let raw = usage.extensions.responsesNote(ResponsesNote.raw) { return raw }
        return .object([
            "input_tokens": .int(usage.input),
            "input_tokens_details": .object([
                "cached_tokens": .int(usage.cachedInput),
                "cache_write_tokens": usage.cacheWritten == 0 ? nil : .int(usage.cacheWritten),
            ]),
            "output_tokens": .int(usage.output),
            "output_tokens_details": .object(["reasoning_tokens": .int(usage.reasoning)]),
            "total_tokens": .int(usage.total),
        ])
    }

    /// What the answer cost, where a provider tells it in the usage.
    static func cost(_ value: JSONValue?) -> Cost? {
        guard let amount = value?["cost"]?.numberText else { return nil }
        return Cost(unit: "usd", amount: amount)
    }
}

extension Usage {
    fileprivate var cacheWritten: Int { cacheWrite.capped(adding: cacheWriteHour) }
}

/// How an answer ended: `status`, and `incomplete_details.reason`.
enum ResponsesFinish {
    /// - Parameter response: The whole object, of a response or of the last event of a stream.
    static func read(_ response: JSONValue, parts: Parts) -> Finish {
        let status = response["status"]?.string ?? "completed"
        let detail = response["incomplete_details"]?["reason"]?.string
        var finish = Finish(
            reason(status: status, detail: detail, parts: parts), usage: ResponsesUsage.read(response["usage"]),
            cost: ResponsesUsage.cost(response["usage"]))
        finish.extensions.noteResponses(ResponsesNote.reason, .string(detail ?? status))
        return finish
    }

    /// What the answer holds, as far as the reason depends on it.
    struct Parts {
        var hasCalls = false
        var hasRefusal = false

        init(hasCalls: Bool, hasRefusal: Bool) {
            self.hasCalls = hasCalls
            self.hasRefusal = hasRefusal
        }

        init(_ parts: [Part]) {
            for part in parts {
                switch part.content {
                case .toolCall: hasCalls = true
                case .refusal: hasRefusal = true
                default: break
                }
            }
        }
    }

    private static func reason(status: String, detail: String?, parts: Parts) -> FinishReason {
        if status == "incomplete" { return detail == "content_filter" ? .contentFilter : .length }
        return parts.hasCalls ? .toolCalls : parts.hasRefusal ? .refusal : .stop
    }

    /// `completed` or `incomplete`, and why.
    static func words(_ finish: Finish, hasRefusal: Bool) -> (status: StaticString, detail: StaticString?) {
        switch finish.reason {
        case .length, .contextLength: ("incomplete", "max_output_tokens")
        case .contentFilter: ("incomplete", "content_filter")
        // A refusal in words says enough; without them the caller would take it for an answer.
        case .refusal: hasRefusal ? ("completed", nil) : ("incomplete", "content_filter")
        case .stop, .stopSequence, .toolCalls, .pause, .malformedCall: ("completed", nil)
        }
    }
}
