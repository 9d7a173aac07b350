/// What the names of OpenAI's own models tell of them.
enum OpenAIModel {
    /// Whether a model of this name thinks, by the vendor's naming; such models refuse `temperature` and `top_p`, and
    /// only they give encrypted reasoning.
    static func thinks(_ model: String) -> Bool {
        let name = model.split(separator: "/").last ?? ""
        if name.contains("-chat") { return false }
        if name.hasPrefix("gpt-5") || name.hasPrefix("codex") { return true }
        let bytes = Array(name.utf8.prefix(2))
        return bytes.count == 2 && bytes[0] == UInt8(ascii: "o")
            && (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(bytes[1])
    }

    /// Whether the vendor refuses `temperature`, `top_p` and `logprobs`: a model that thinks takes them only while it
    /// does not. From gpt-5.1 on that is the default; before, and in the Codex and Pro models, there is no such state.
    static func fixesSampling(_ model: String, for reasoning: Reasoning?) -> Bool {
        guard thinks(model) else { return false }
        let name = model.split(separator: "/").last ?? ""
        let canRest = name.hasPrefix("gpt-5.") && !name.contains("-codex") && !name.contains("-pro")
        return !canRest || reasoning?.thinks == true
    }
}
