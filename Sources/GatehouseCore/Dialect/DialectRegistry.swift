extension Dialect {
    /// The codec of the dialect.
    package var codec: any DialectCodec.Type {
        switch self {
        case .openAIChat: OpenAIChatCodec.self
        case .openAICompletions: OpenAICompletionsCodec.self
        case .openAIResponses: ResponsesCodec.self
        case .anthropic: AnthropicCodec.self
        case .gemini: GeminiCodec.self
        case .bedrock: BedrockCodec.self
        case .cohere: CohereCodec.self
        case .ollama: OllamaCodec.self
        case .native: NativeCodec.self
        }
    }
}
