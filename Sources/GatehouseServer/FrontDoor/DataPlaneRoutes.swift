import GatehouseCore

/// The routes of the data plane. Everything else goes on to Hummingbird's router.
enum DataPlaneRoutes {
    /// What a request to such a route asks for.
    struct Match {
        let operation: GatehouseCore.Operation
        /// Gemini's paths name the model and whether to stream.
        var target: PathTarget?
    }

    /// What `match` knows, for those who describe it. `{model}` stands for what Gemini's paths name.
    static let paths =
        [
            "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
            "/v1/embeddings", "/v1/moderations", "/v1/images/generations", "/v1/audio/speech",
            "/v1/audio/transcriptions", "/v1/audio/translations", "/api/generate", "/v1/rerank", "/v2/rerank",
        ]
        + ["/v1beta/models/{model}:", "/v1/models/{model}:"].flatMap { root in
            ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"].map {
                root + $0
            }
        }

    /// - Parameter uri: The whole request target; its query says how Gemini's streams are framed.
    /// - Throws: `invalid_value` for a path that names no model.
    static func match(_ path: Substring, uri: String) throws(GatehouseError) -> Match? {
        switch path {
        case "/v1/chat/completions": Match(operation: .chatCompletions)
        case "/v1/completions": Match(operation: .completions)
        case "/v1/responses": Match(operation: .responses)
        case "/v1/messages": Match(operation: .messages)
        case "/v1/messages/count_tokens": Match(operation: .countTokens)
        case "/v1/embeddings": Match(operation: .embeddings)
        case "/v1/moderations": Match(operation: .moderations)
        case "/v1/images/generations": Match(operation: .images)
        case "/v1/audio/speech": Match(operation: .speech)
        case "/v1/audio/transcriptions": Match(operation: .transcriptions)
        case "/v1/audio/translations": Match(operation: .translations)
        case "/api/generate": Match(operation: .generate)
        case "/v1/rerank", "/v2/rerank": Match(operation: .rerank)
        default: try gemini(path, uri)
        }
    }

    /// `/v1beta/models/{model}:generateContent`, and the same below `/v1`, as newer Google clients ask.
    private static func gemini(_ path: Substring, _ uri: String) throws(GatehouseError) -> Match? {
        guard let root = ["/v1beta/models/", "/v1/models/"].first(where: { path.hasPrefix($0) }),
            let colon = path.lastIndex(of: ":")
        else { return nil }
        let operation: GatehouseCore.Operation
        var stream = false
        switch path[path.index(after: colon)...] {
        case "generateContent": operation = .generateContent
        case "streamGenerateContent": (operation, stream) = (.generateContent, true)
        case "countTokens": operation = .geminiCountTokens
        case "embedContent", "batchEmbedContents": operation = .embedContent
        default: return nil
        }
        let name = path[path.index(path.startIndex, offsetBy: root.count)..<colon]
        guard let model = PercentEncoding.decoded(name), !model.isEmpty, model.utf8.count <= 256,
            model.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0 != "\u{7F}" })
        else {
            throw GatehouseError(
                .invalidValue, "The path must name a model: /v1beta/models/MODEL:generateContent.", param: "model")
        }
        let query = uri.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        let parameters = query.split(separator: "&")
        guard !parameters.contains(where: { $0.hasPrefix("key=") }) else {
            throw GatehouseError(
                .invalidAPIKey, "A key in the URL ends up in logs. Send it as x-goog-api-key or a bearer token.",
                param: "key")
        }
        return Match(
            operation: operation,
            target: PathTarget(model: model, stream: stream, asArray: stream && !parameters.contains("alt=sse")))
    }
}
