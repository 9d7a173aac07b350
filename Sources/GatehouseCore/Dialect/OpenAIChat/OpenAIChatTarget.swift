/// What is particular about a provider of OpenAI's chat format, as far as requests go. A kind that is not named here is
/// taken to understand what open servers and gateways do.
struct OpenAIChatTarget: Sendable {
    /// How much a model shall think.
    enum ReasoningOption: Sendable {
        /// `reasoning_effort`
        case effort
        /// `reasoning: {effort, max_tokens, enabled, exclude}` (OpenRouter)
        case object
        /// `thinking: {type: enabled | disabled}` (DeepSeek, Z.ai, Moonshot, Xiaomi)
        case thinkingType
        /// `enable_thinking`, `thinking_budget` (Alibaba)
        case enableThinking
    }

    /// Which members with earlier thoughts an assistant's message may have.
    enum History: Int, Sendable, Comparable {
        case none
        /// `reasoning` alone (Groq, Cerebras)
        case reasoning
        /// `reasoning` and `reasoning_content`
        case plain
        /// `reasoning_details` besides
        case details
        /// `thinking_blocks` and `extra_content` besides: other gateways
        case all

        static func < (left: History, right: History) -> Bool { left.rawValue < right.rawValue }
    }

    /// OpenAI's own API: fields it does not know are refused.
    var isOpenAI = false
    var reasoning = ReasoningOption.effort
    var history = History.all
    /// What ids of calls must look like.
    var idRule: NameRule?
    /// `cache_control` on parts and tools.
    var takesCacheMarkers = true
    var takesStreamOptions = true
    /// `top_k`, `min_p`
    var takesTokenFilters = true
    /// Several texts may stand as parts in any message, not only a user's.
    var takesTextParts = true
    /// Images may stand in the results of tools.
    var takesToolImages = true
    /// `is_error` on results of tools.
    var takesErrorFlag = false
    /// A document's URL goes under this type of part; `file` with `file_data` when `nil`.
    var documentPart: String?
    var takesVideo = true
    /// Thoughts may stand among the content (Mistral).
    var takesThoughtChunks = false
    /// A user may speak right behind the results of tools. Where not, the model must have spoken in between.
    var takesUserAfterResults = true
    /// The word for a tool that must be called.
    var requiredWord = "required"

    /// What OpenAI documents for names of functions and of formats.
    static let names = NameRule(1...64)

    init(kind: String) {
        switch kind {
        case "openai", "azure-openai", "github-copilot":
            isOpenAI = true
            history = .none
            (takesCacheMarkers, takesTokenFilters, takesToolImages, takesVideo) = (false, false, false, false)
            idRule = NameRule(1...40, marks: "_-.:")
        case "mistral":
            history = .none
            (takesCacheMarkers, takesTokenFilters, takesToolImages, takesVideo) = (false, false, false, false)
            takesStreamOptions = false
            idRule = NameRule(9...9, marks: "")
            documentPart = "document_url"
            takesThoughtChunks = true
            takesUserAfterResults = false
            requiredWord = "any"
        case "groq", "cerebras":
            history = .reasoning
            (takesCacheMarkers, takesTokenFilters, takesToolImages, takesVideo) = (false, false, false, false)
            takesTextParts = false
        case "deepseek":
            history = .plain
            reasoning = .thinkingType
            (takesCacheMarkers, takesTokenFilters, takesToolImages, takesVideo) = (false, false, false, false)
            takesTextParts = false
        case "zai", "moonshot", "xiaomi":
            history = .plain
            reasoning = .thinkingType
            (takesCacheMarkers, takesToolImages) = (false, false)
        case "alibaba":
            history = .plain
            reasoning = .enableThinking
            takesToolImages = false
        case "perplexity":
            history = .none
            (takesCacheMarkers, takesToolImages) = (false, false)
        case "openrouter":
            history = .details
            reasoning = .object
        case "xai":
            history = .plain
            (takesCacheMarkers, takesTokenFilters, takesToolImages) = (false, false, false)
        case "openai-compatible", "litellm": takesErrorFlag = true
        default: history = .details
        }
    }
}
