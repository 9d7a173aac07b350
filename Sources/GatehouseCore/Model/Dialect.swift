/// A wire format: what callers speak to this gateway, and this gateway to providers.
package enum Dialect: String, Sendable, Hashable, CaseIterable {
    case openAIChat = "openai.chat"
    /// OpenAI's older text completions.
    case openAICompletions = "openai.completions"
    case openAIResponses = "openai.responses"
    case anthropic = "anthropic.messages"
    case gemini = "gemini.generateContent"
    case bedrock = "bedrock.converse"
    case cohere = "cohere.v2"
    case ollama = "ollama.chat"
    /// This gateway's own, which callers speak and no provider does.
    case native = "gatehouse.generate"

    /// Those that a provider may speak.
    package static let ofProviders = allCases.filter { $0 != .native }
}
