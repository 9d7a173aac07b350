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
        /// Every request is signed with AWS credentials (Signature Version 4) for this service.
        case signature(service: String)
        /// A token that a Google service account is exchanged for.
        case serviceAccount
    }

    /// The word in the configuration, and the provider's default name.
    package let kind: String
    /// With the API's version where it has one; `nil` when the operator must say. `{region}` and `{project}` stand for
    /// settings.
    package let baseURL: String?
    package let authorization: Authorization
    /// The variable that holds the key; found in the environment, the provider is there without configuration.
    package let environmentVariable: String?
    /// The formats it speaks. A call in one of them goes through byte for byte; any other is translated into the first.
    package private(set) var wires: [Dialect]
    /// Headers of every request.
    package let headers: [(name: String, value: String)]
    /// How a stream says that it is whole.
    package private(set) var terminator = OpenAIByteStream.Terminator.done
    /// How its requests differ from those of the vendor of its dialect.
    package private(set) var requests = RequestHabits.usual
    /// What stands between a base URL that names no version and the paths. May hold `{region}` and `{project}`.
    package let version: String
    /// Settings without which it cannot be reached.
    package var needs: [String] {
        ["region", "project"].filter { (baseURL ?? "").contains("{\($0)}") || version.contains("{\($0)}") }
    }

    init(
        _ kind: String, _ baseURL: String?, _ environmentVariable: String?, authorization: Authorization = .bearer,
        wires: [Dialect] = [.openAIChat, .openAICompletions], headers: [(name: String, value: String)] = [],
        version: String = "/v1"
    ) {
        self.kind = kind
        self.baseURL = baseURL
        self.environmentVariable = environmentVariable
        self.authorization = authorization
        self.wires = wires
        self.headers = headers
        self.version = version
    }

    /// The same row for a server that speaks other formats: the first is what the rest is translated into.
    package func speaking(_ wires: [Dialect]) -> ProviderRow {
        var row = self
        if !wires.isEmpty { row.wires = wires }
        return row
    }

    /// The same row for a provider whose streams end in a way of their own.
    func ending(_ terminator: OpenAIByteStream.Terminator) -> ProviderRow {
        var row = self
        row.terminator = terminator
        return row
    }

    /// The same row for a provider whose requests differ.
    func asked(_ requests: RequestHabits) -> ProviderRow {
        var row = self
        row.requests = requests
        return row
    }
}

extension ProviderRow {
    /// Every kind of provider that is spoken to over HTTP.
    package static let all: [ProviderRow] = [
        ProviderRow(
            "openai", "https://api.openai.com/v1", "OPENAI_API_KEY",
            wires: [.openAIChat, .openAICompletions, .openAIResponses]),
        ProviderRow("openai-compatible", nil, nil, authorization: .optionalBearer),
        ProviderRow(
            "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", authorization: .header("x-api-key"),
            wires: [.anthropic], headers: [("anthropic-version", "2023-06-01")]),
        ProviderRow(
            "gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY",
            authorization: .header("x-goog-api-key"), wires: [.gemini], version: "/v1beta"),
        // Azure's v1 API: the model is the deployment's name and no version is asked for.
        ProviderRow(
            "azure-openai", nil, nil, authorization: .header("api-key"),
            wires: [.openAIChat, .openAICompletions, .openAIResponses], version: "/openai/v1"),
        ProviderRow(
            "bedrock", "https://bedrock-runtime.{region}.amazonaws.com", nil,
            authorization: .signature(service: "bedrock"), wires: [.bedrock], version: ""),
        ProviderRow(
            "vertex", "https://{region}-aiplatform.googleapis.com", nil, authorization: .serviceAccount,
            wires: [.gemini], version: "/v1/projects/{project}/locations/{region}/publishers/google"),
        ProviderRow(
            "cohere", "https://api.cohere.com/v2", "CO_API_KEY", wires: [.cohere], version: "/v2"),
        ProviderRow("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        // It refuses what it does not know.
        ProviderRow("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY")
            .asked(RequestHabits(takesStreamOptions: false, limitName: "max_tokens", seedName: "random_seed")),
        ProviderRow("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        ProviderRow("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        ProviderRow("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        ProviderRow("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        ProviderRow(
            "xai", "https://api.x.ai/v1", "XAI_API_KEY", wires: [.openAIChat, .openAICompletions, .openAIResponses]),
        ProviderRow("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        ProviderRow("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", version: "")
            .ending(.doneOrFinishReason),
        ProviderRow("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
        ProviderRow("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
        ProviderRow("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY"),
        ProviderRow("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
        ProviderRow("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
        ProviderRow("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
        ProviderRow("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
        ProviderRow("venice", "https://api.venice.ai/api/v1", "VENICE_API_KEY"),
        // Its own format for what must be translated; its `/v1` for callers of OpenAI's.
        ProviderRow(
            "ollama", "http://127.0.0.1:11434/v1", nil, authorization: .optionalBearer,
            wires: [.ollama, .openAIChat, .openAICompletions]),
        ProviderRow("vllm", "http://127.0.0.1:8000/v1", nil, authorization: .optionalBearer),
        ProviderRow("llamacpp", "http://127.0.0.1:8080/v1", nil, authorization: .optionalBearer),
        ProviderRow("lmstudio", "http://127.0.0.1:1234/v1", nil, authorization: .optionalBearer),
        ProviderRow("gpustack", nil, nil, authorization: .optionalBearer).ending(.doneOrFinishReason),
    ]

    /// The row of a kind.
    package static func named(_ kind: String) -> ProviderRow? {
        all.first { $0.kind == kind }
    }

    /// Whether it does such work at all. Many that speak OpenAI's format do not have all of it, and answer 404 then.
    func does(_ surface: Surface) -> Bool {
        switch (surface, wires.first) {
        case (.generation, _): true
        case (.tokenCount, .anthropic), (.tokenCount, .gemini): true
        case (.tokenCount, _): false
        case (.embeddings, .anthropic): false
        case (.embeddings, .gemini): authorization != .serviceAccount
        case (.embeddings, _): true
        case (.rerank, .cohere), (.rerank, .openAIChat): true
        case (_, .openAIChat): true
        default: false
        }
    }

    /// How a call in `dialect` is carried.
    package func wire(for dialect: Dialect) -> Dialect {
        wires.contains(dialect) ? dialect : wires.first ?? .openAIChat
    }
}
