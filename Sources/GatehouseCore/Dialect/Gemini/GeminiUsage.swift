/// `usageMetadata`: `promptTokenCount` includes what came from the cache but not what tools read, and
/// `thoughtsTokenCount` stands beside `candidatesTokenCount`, not in it.
enum GeminiUsage {
    /// The vendor's own object, in the usage's extensions.
    static let raw = "$raw"

    /// `nil` when it counts nothing (Vertex sends `trafficType` alone before the counts are known).
    static func decode(_ value: JSONValue?) -> Usage? {
        guard let value, value.object != nil else { return nil }
        func count(_ key: String) -> Int? { value[key]?.count }
        let prompt = count("promptTokenCount")
        let candidates = count("candidatesTokenCount")
        guard prompt != nil || candidates != nil || count("totalTokenCount") != nil else { return nil }
        let thoughts = count("thoughtsTokenCount") ?? 0
        var usage = Usage(
            input: (prompt ?? 0).capped(adding: count("toolUsePromptTokenCount") ?? 0),
            output: (candidates ?? 0).capped(adding: thoughts),
            cachedInput: count("cachedContentTokenCount") ?? 0, reasoning: thoughts)
        usage.audioInput = audio(value["promptTokensDetails"])
        usage.audioOutput = audio(value["candidatesTokensDetails"])
        usage.extensions[.gemini, raw] = value
        return usage
    }

    static func encode(_ usage: Usage) -> JSONValue {
        if let value = usage.extensions[.gemini, raw] { return value }
        func some(_ count: Int) -> JSONValue? { count > 0 ? .int(count) : nil }
        return .object([
            "promptTokenCount": .int(usage.input),
            "candidatesTokenCount": .int(max(0, usage.output - usage.reasoning)),
            "totalTokenCount": .int(usage.total),
            "cachedContentTokenCount": some(usage.cachedInput),
            "thoughtsTokenCount": some(min(usage.reasoning, usage.output)),
            "promptTokensDetails": details(usage.input, audio: usage.audioInput),
            "candidatesTokensDetails": details(usage.output - usage.reasoning, audio: usage.audioOutput),
        ])
    }

    private static func audio(_ details: JSONValue?) -> Int {
        (details?.array ?? []).reduce(0) { sum, detail in
            detail["modality"]?.string == "AUDIO" ? sum.capped(adding: detail["tokenCount"]?.count ?? 0) : sum
        }
    }

    private static func details(_ count: Int, audio: Int) -> JSONValue? {
        guard audio > 0 else { return nil }
        let kinds = [("TEXT", max(0, count - audio)), ("AUDIO", audio)]
        return .array(kinds.map { .object(["modality": .string($0.0), "tokenCount": .int($0.1)]) })
    }
}
