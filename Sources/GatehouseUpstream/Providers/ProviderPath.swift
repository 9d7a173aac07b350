import GatehouseCore

/// Where a provider's paths begin, and what of them an operator chose.
package struct ProviderPlace: Sendable {
    /// The base URL's own path.
    var base: String
    /// What stands before paths when the base names no version, settings filled in.
    var version: String
    /// `azure-openai`: the dated API of deployments.
    var apiVersion: String?

    /// - Parameters:
    ///   - base: The path of the base URL.
    ///   - region: For `{region}` in the row.
    ///   - project: For `{project}` in the row.
    package init(_ row: ProviderRow, base: String, region: String?, project: String?, apiVersion: String?) {
        self.base = base
        version = Self.fill(row.version, region: region, project: project)
        self.apiVersion = apiVersion
    }

    /// A template with the settings in it.
    package static func fill(_ template: String, region: String?, project: String?) -> String {
        var result = ""
        var rest = Substring(template)
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open]
            switch rest[rest.index(after: open)..<close] {
            case "region": result += region ?? ""
            case "project": result += project ?? ""
            default: result += rest[open...close]
            }
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }
}

/// Where a wire format's requests go, below a provider's base URL.
enum ProviderPath {
    /// - Parameter model: Goes into the path for those who want it there, percent-encoded.
    static func of(
        _ wire: Dialect, _ surface: Surface, _ place: ProviderPlace, model: String, stream: Bool
    ) -> String {
        if let version = place.apiVersion { return azure(wire, surface, place.base, model, version) }
        let root = namesVersion(place.base) ? place.base : place.base + place.version
        if surface != .generation { return other(surface, wire, root, place.base, model) }
        switch wire {
        case .openAIChat: return root + "/chat/completions"
        case .openAICompletions: return root + "/completions"
        case .openAIResponses: return root + "/responses"
        case .anthropic: return root + "/messages"
        case .cohere: return root + "/chat"
        case .gemini:
            return root + geminiModel(model) + (stream ? ":streamGenerateContent?alt=sse" : ":generateContent")
        case .bedrock:
            return root + "/model/" + PercentEncoding.encoded(model) + (stream ? "/converse-stream" : "/converse")
        case .ollama:
            return besideVersion(place.base) + "/api/chat"
        // Configurations and rows name those of providers only.
        case .native: return root
        }
    }

    /// Everything but generation.
    private static func other(
        _ surface: Surface, _ wire: Dialect, _ root: String, _ base: String, _ model: String
    ) -> String {
        switch (surface, wire) {
        case (.tokenCount, .gemini): root + geminiModel(model) + ":countTokens"
        case (.tokenCount, _): root + "/messages/count_tokens"
        case (.embeddings, .gemini): root + geminiModel(model) + ":batchEmbedContents"
        case (.embeddings, .cohere): root + "/embed"
        case (.embeddings, .ollama): besideVersion(base) + "/api/embed"
        case (.embeddings, .bedrock): root + "/model/" + PercentEncoding.encoded(model) + "/invoke"
        default: root + openAIPath(surface)
        }
    }

    private static func openAIPath(_ surface: Surface) -> String {
        switch surface {
        case .generation: "/chat/completions"
        case .tokenCount: "/responses/input_tokens"
        case .embeddings: "/embeddings"
        case .moderation: "/moderations"
        case .images: "/images/generations"
        case .speech: "/audio/speech"
        case .transcription: "/audio/transcriptions"
        case .translation: "/audio/translations"
        case .rerank: "/rerank"
        }
    }

    /// Tuned models come with their collection's name.
    private static func geminiModel(_ model: String) -> String {
        "/"
            + (model.contains("/")
                ? PercentEncoding.encoded(model, keeping: "/") : "models/" + PercentEncoding.encoded(model))
    }

    /// Ollama's native API lies beside `/v1`.
    private static func besideVersion(_ base: String) -> String {
        base.hasSuffix("/v1") ? String(base.dropLast(3)) : base
    }

    /// Where the provider lists its models; `nil` when it does not.
    static func models(_ row: ProviderRow, _ place: ProviderPlace) -> String? {
        guard place.apiVersion == nil else { return nil }
        let root = namesVersion(place.base) ? place.base : place.base + place.version
        switch row.wires.first {
        case .openAIChat: return root + "/models"
        case .anthropic: return root + "/models?limit=1000"
        case .gemini where row.authorization != .serviceAccount: return root + "/models?pageSize=1000"
        case .ollama: return besideVersion(place.base) + "/api/tags"
        case .cohere: return (root.hasSuffix("/v2") ? String(root.dropLast(3)) : root) + "/v1/models?page_size=1000"
        default: return nil
        }
    }

    /// Azure's dated API: chat and completions below the deployment, responses beside them.
    private static func azure(
        _ wire: Dialect, _ surface: Surface, _ base: String, _ model: String, _ version: String
    ) -> String {
        let deployment = base + "/openai/deployments/" + PercentEncoding.encoded(model)
        let path =
            switch (surface, wire) {
            case (.generation, .openAIResponses): base + "/openai/responses"
            case (.generation, .openAICompletions): deployment + "/completions"
            default: deployment + openAIPath(surface)
            }
        return path + "?api-version=" + PercentEncoding.encoded(version)
    }

    /// Whether the model's name is a part of the path.
    static func dependsOnModel(_ wire: Dialect, _ place: ProviderPlace) -> Bool {
        wire == .gemini || wire == .bedrock || (place.apiVersion != nil && wire != .openAIResponses)
    }

    /// Whether a path ends in a version, such as `/v1` or `/v1beta`.
    private static func namesVersion(_ path: String) -> Bool {
        let last = path.split(separator: "/").last ?? ""
        return last.first == "v" && last.dropFirst().first?.isNumber == true
    }
}
