/// What is asked of a model: one of the data plane's surfaces.
package enum Operation: String, Sendable, CaseIterable {
    case chatCompletions = "chat_completions"
    case completions
    case responses
    case messages
    case generateContent = "generate_content"

    /// The wire format of the surface, and of its errors.
    package var dialect: Dialect {
        switch self {
        case .chatCompletions: .openAIChat
        case .completions: .openAICompletions
        case .responses: .openAIResponses
        case .messages: .anthropic
        case .generateContent: .gemini
        }
    }

    /// The route's path, for logs; a model's name in it is left out.
    package var path: StaticString {
        switch self {
        case .chatCompletions: "/v1/chat/completions"
        case .completions: "/v1/completions"
        case .responses: "/v1/responses"
        case .messages: "/v1/messages"
        case .generateContent: "/v1beta/models/{model}:generateContent"
        }
    }
}
