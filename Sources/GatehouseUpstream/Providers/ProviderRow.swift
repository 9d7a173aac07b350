package import GatehouseCore

/// What tells one provider of a known dialect from another: a row of a table, no code.
package struct ProviderRow: Sendable {
    /// How the key goes out.
    package enum Authorization: Sendable, Equatable {
        /// `Authorization: Bearer KEY`
        case bearer
        /// The key alone in a header of this name.
        case header(String)
        /// A key is sent when there is one.
        case optionalBearer
    }

    /// The word in the configuration, and the provider's default name.
    package let kind: String
    /// With the API's version where it has one; `nil` when the operator must say.
    package let baseURL: String?
    package let authorization: Authorization
    /// The variable that holds the key; found in the environment, the provider is there without configuration.
    package let environmentVariable: String?
    /// How a stream says that it is whole.
    package let terminator: OpenAIByteStream.Terminator
    /// Whether `stream_options` is understood.
    package let takesStreamOptions: Bool
    /// Whether the paths are below `/v1` when the base URL names no version.
    package let isVersioned: Bool

    init(
        _ kind: String, _ baseURL: String?, _ environmentVariable: String?, authorization: Authorization = .bearer,
        terminator: OpenAIByteStream.Terminator = .done, takesStreamOptions: Bool = true, isVersioned: Bool = true
    ) {
        self.kind = kind
        self.baseURL = baseURL
        self.environmentVariable = environmentVariable
        self.authorization = authorization
        self.terminator = terminator
        self.takesStreamOptions = takesStreamOptions
        self.isVersioned = isVersioned
    }
}

extension ProviderRow {
    /// Every kind of provider that speaks OpenAI's chat format.
    package static let all: [ProviderRow] = [
        ProviderRow("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ProviderRow("openai-compatible", nil, nil, authorization: .optionalBearer),
        ProviderRow("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        ProviderRow("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", takesStreamOptions: false),
        ProviderRow("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        ProviderRow("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        ProviderRow("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        ProviderRow("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        ProviderRow("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
        ProviderRow("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        ProviderRow(
            "perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", terminator: .doneOrFinishReason,
            takesStreamOptions: false, isVersioned: false),
        ProviderRow("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
        ProviderRow("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
        ProviderRow("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY"),
        ProviderRow("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
        ProviderRow("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
        ProviderRow("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
        ProviderRow("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
        ProviderRow("venice", "https://api.venice.ai/api/v1", "VENICE_API_KEY"),
        ProviderRow("ollama", "http://127.0.0.1:11434/v1", nil, authorization: .optionalBearer),
        ProviderRow("vllm", "http://127.0.0.1:8000/v1", nil, authorization: .optionalBearer),
        ProviderRow("llamacpp", "http://127.0.0.1:8080/v1", nil, authorization: .optionalBearer),
        ProviderRow("lmstudio", "http://127.0.0.1:1234/v1", nil, authorization: .optionalBearer),
        ProviderRow("gpustack", nil, nil, authorization: .optionalBearer, terminator: .doneOrFinishReason),
    ]

    /// The row of a kind.
    package static func named(_ kind: String) -> ProviderRow? {
        all.first { $0.kind == kind }
    }

    /// The path of an operation below an origin's own path: `/v1` is added when that names no version.
    func path(of operation: Operation, below base: String) -> String {
        let last = base.split(separator: "/").last ?? ""
        let namesVersion = last.first == "v" && last.dropFirst().first?.isNumber == true
        let root = isVersioned && !namesVersion ? base + "/v1" : base
        return switch operation {
        case .chatCompletions: root + "/chat/completions"
        case .completions: root + "/completions"
        }
    }
}
