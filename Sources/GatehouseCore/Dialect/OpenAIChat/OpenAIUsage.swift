import NIOCore

/// Counts and costs as providers of the OpenAI family tell them.
enum OpenAIUsage {
    /// Where the vendor's own object is kept.
    static let raw = "$raw"

    /// What an answer or a chunk tells: `usage`, or Groq's `x_groq.usage`.
    static func read(_ body: JSONValue, in dialect: Dialect) -> Usage? {
        guard let object = object(of: body) else { return nil }
        var usage = counts(object)
        usage.extensions[dialect, raw] = object
        return usage
    }

    private static func object(of body: JSONValue) -> JSONValue? {
        if let usage = body["usage"], usage.object != nil { return usage }
        if let usage = body["x_groq"]?["usage"], usage.object != nil { return usage }
        return nil
    }

    private static func counts(_ object: JSONValue) -> Usage {
        let inputs = object["prompt_tokens_details"]
        let outputs = object["completion_tokens_details"]
        func first(_ values: JSONValue?...) -> Int { values.lazy.compactMap { $0?.count }.first ?? 0 }
        var usage = Usage(input: first(object["prompt_tokens"]), output: first(object["completion_tokens"]))
        usage.cachedInput = first(
            inputs?["cached_tokens"], object["prompt_cache_hit_tokens"], object["cached_tokens"],
            object["cache_read_input_tokens"])
        usage.cacheWrite = first(inputs?["cache_write_tokens"], object["cache_creation_input_tokens"])
        usage.reasoning = first(outputs?["reasoning_tokens"], object["reasoning_tokens"])
        usage.audioInput = first(inputs?["audio_tokens"])
        usage.audioOutput = first(outputs?["audio_tokens"])
        settle(&usage, total: object["total_tokens"]?.count)
        return usage
    }

    /// xAI counts thoughts beside the output, and only the total has both. Some providers' details exceed their sums.
    static func settle(_ usage: inout Usage, total: Int?) {
        if let total, usage.reasoning > 0, total == usage.total.capped(adding: usage.reasoning) {
            usage.output = usage.output.capped(adding: usage.reasoning)
        }
        usage.reasoning = min(usage.reasoning, usage.output)
        usage.audioOutput = min(usage.audioOutput, usage.output)
        usage.cachedInput = min(usage.cachedInput, usage.input)
        usage.cacheWrite = min(usage.cacheWrite, usage.input - usage.cachedInput)
        usage.audioInput = min(usage.audioInput, usage.input)
    }

    /// What the provider says the answer cost: OpenRouter's `usage.cost` in its credits, Perplexity's
    /// `usage.cost.total_cost` and Venice's `cost.usd` in dollars.
    static func cost(_ body: JSONValue) -> Cost? {
        let cost = body["usage"]?["cost"]
        if let amount = cost?.numberText { return Cost(unit: "credits", amount: amount) }
        if let amount = cost?["total_cost"]?.numberText ?? body["cost"]?["usd"]?.numberText {
            return Cost(unit: "usd", amount: amount)
        }
        return nil
    }

    /// Appends the object: the vendor's own within one dialect.
    static func write(_ usage: Usage, in dialect: Dialect, to buffer: inout ByteBuffer) {
        if let raw = usage.extensions[dialect, raw] {
            var writer = JSONWriter(appendingTo: buffer)
            writer.value(raw)
            buffer = writer.buffer
            return
        }
        buffer.writeString(#"{"prompt_tokens":\#(usage.input),"completion_tokens":\#(usage.output),"#)
        buffer.writeString(#""total_tokens":\#(usage.total),"prompt_tokens_details":{"cached_tokens":"#)
        buffer.writeString("\(usage.cachedInput)")
        let written = usage.cacheWrite.capped(adding: usage.cacheWriteHour)
        if written > 0 { buffer.writeString(#","cache_write_tokens":\#(written)"#) }
        if usage.audioInput > 0 { buffer.writeString(#","audio_tokens":\#(usage.audioInput)"#) }
        buffer.writeString(#"},"completion_tokens_details":{"reasoning_tokens":\#(usage.reasoning)"#)
        if usage.audioOutput > 0 { buffer.writeString(#","audio_tokens":\#(usage.audioOutput)"#) }
        buffer.writeStaticString("}}")
    }

    /// The object as a value.
    static func value(_ usage: Usage, in dialect: Dialect) -> JSONValue {
        if let raw = usage.extensions[dialect, raw] { return raw }
        let written = usage.cacheWrite.capped(adding: usage.cacheWriteHour)
        return .object([
            "prompt_tokens": .int(usage.input), "completion_tokens": .int(usage.output),
            "total_tokens": .int(usage.total),
            "prompt_tokens_details": .object([
                "cached_tokens": .int(usage.cachedInput), "cache_write_tokens": written > 0 ? .int(written) : nil,
                "audio_tokens": usage.audioInput > 0 ? .int(usage.audioInput) : nil,
            ]),
            "completion_tokens_details": .object([
                "reasoning_tokens": .int(usage.reasoning),
                "audio_tokens": usage.audioOutput > 0 ? .int(usage.audioOutput) : nil,
            ]),
        ])
    }
}
