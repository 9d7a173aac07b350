/// What is asked of a model: one of the data plane's routes.
package enum Operation: String, Sendable, CaseIterable {
    case chatCompletions = "chat_completions"
    case completions
    case responses
    case messages
    case generateContent = "generate_content"
    case generate
    case countTokens = "count_tokens"
    case geminiCountTokens = "gemini_count_tokens"
    case embeddings
    case embedContent = "embed_content"
    case moderations
    case images
    case speech
    case transcriptions
    case translations
    case rerank

    /// The wire format of the route, and of its errors.
    package var dialect: Dialect {
        switch self {
        case .chatCompletions, .embeddings, .moderations, .images, .speech, .transcriptions, .translations: .openAIChat
        case .completions: .openAICompletions
        case .responses: .openAIResponses
        case .messages, .countTokens: .anthropic
        case .generateContent, .geminiCountTokens, .embedContent: .gemini
        case .rerank: .cohere
        case .generate: .native
        }
    }

    /// What kind of work it is.
    package var surface: Surface {
        switch self {
        case .chatCompletions, .completions, .responses, .messages, .generateContent, .generate: .generation
        case .countTokens, .geminiCountTokens: .tokenCount
        case .embeddings, .embedContent: .embeddings
        case .moderations: .moderation
        case .images: .images
        case .speech: .speech
        case .transcriptions: .transcription
        case .translations: .translation
        case .rerank: .rerank
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
        case .countTokens: "/v1/messages/count_tokens"
        case .geminiCountTokens: "/v1beta/models/{model}:countTokens"
        case .embeddings: "/v1/embeddings"
        case .embedContent: "/v1beta/models/{model}:embedContent"
        case .moderations: "/v1/moderations"
        case .images: "/v1/images/generations"
        case .speech: "/v1/audio/speech"
        case .transcriptions: "/v1/audio/transcriptions"
        case .translations: "/v1/audio/translations"
        case .rerank: "/v1/rerank"
        case .generate: "/api/generate"
        }
    }
}

/// A kind of work, whatever format it is asked for in.
package enum Surface: String, Sendable, CaseIterable {
    /// Text, tool calls and thoughts from a conversation.
    case generation
    case tokenCount = "token_count"
    case embeddings
    case moderation
    case images
    case speech
    case transcription
    /// Of sound into English text.
    case translation
    case rerank
}
