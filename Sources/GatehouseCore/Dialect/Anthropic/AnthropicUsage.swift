/// Anthropic's count of tokens: `input_tokens` leaves out what was read from the cache and what was written to it.
///
/// Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching
enum AnthropicUsage {
    static func read(_ value: JSONValue?) -> Usage? {
        guard let value, value.object != nil else { return nil }
        func count(_ key: String) -> Int { value[key]?.count ?? 0 }
        let (read, written) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"))
        var usage = Usage(
            input: count("input_tokens").capped(adding: read).capped(adding: written), output: count("output_tokens"),
            cachedInput: read, reasoning: value["output_tokens_details"]?["thinking_tokens"]?.count ?? 0)
        let hour = min(written, value["cache_creation"]?["ephemeral_1h_input_tokens"]?.count ?? 0)
        usage.cacheWrite = written - hour
        usage.cacheWriteHour = hour
        usage.extensions[.anthropic, AnthropicNote.raw] = value
        return usage
    }

    /// What is known after a later event of a stream: its counts stand for the earlier ones, higher or lower; nothing
    /// is ever added up.
    static func merged(_ earlier: JSONValue?, _ later: JSONValue?) -> JSONValue? {
        guard let changes = later?.object else { return earlier }
        guard var members = earlier?.object else { return later }
        for change in changes where !change.value.isNull {
            if let index = members.firstIndex(where: { $0.key == change.key }) {
                members[index].value = change.value
            } else {
                members.append(change)
            }
        }
        return .object(members)
    }

    static func written(_ usage: Usage?) -> JSONValue {
        if let raw = usage?.extensions[.anthropic, AnthropicNote.raw] { return raw }
        let usage = usage ?? Usage(input: 0, output: 0)
        let isSplit = usage.cacheWriteHour > 0
        return .object([
            "input_tokens": .int(usage.uncachedInput),
            "cache_creation_input_tokens": .int(usage.cacheWrite.capped(adding: usage.cacheWriteHour)),
            "cache_read_input_tokens": .int(usage.cachedInput),
            "cache_creation": isSplit
                ? .object([
                    "ephemeral_5m_input_tokens": .int(usage.cacheWrite),
                    "ephemeral_1h_input_tokens": .int(usage.cacheWriteHour),
                ]) : nil,
            "output_tokens": .int(usage.output),
            "output_tokens_details": usage.reasoning > 0
                ? .object(["thinking_tokens": .int(usage.reasoning)]) : nil,
        ])
    }
}
