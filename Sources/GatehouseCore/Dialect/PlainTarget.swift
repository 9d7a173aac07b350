/// A target that takes messages and hardly any parameter: an agent, the built-in model.
package enum PlainTarget {
    /// - Parameter understood: Names of parameters that the target follows, as OpenAI's chat format calls them.
    /// - Returns: The names of what was asked for and will not be followed, each once.
    /// - Throws: `unsupported_parameter` for what the caller's program cannot go on without.
    package static func dropped(
        _ request: CanonicalRequest, understood: Set<String> = []
    ) throws(GatehouseError) -> [String] {
        try refuse(request)
        var dropped = DroppedNames()
        for (name, isGiven) in parameters(request) { dropped.add(name, when: isGiven && !understood.contains(name)) }
        for name in names(request.extensions) { dropped.add(name) }
        if let reasoning = request.reasoning { for name in names(reasoning.extensions) { dropped.add(name) } }
        return dropped.names
    }

    private static func refuse(_ request: CanonicalRequest) throws(GatehouseError) {
        if let choices = request.sampling.choices, choices > 1 {
            throw .unsupported("n", "It gives one answer at a time.")
        }
        switch request.responseFormat {
        case .jsonObject, .jsonSchema: throw .unsupported("response_format", "It cannot be held to a form of answer.")
        case .text, nil: break
        }
        switch request.toolChoice {
        case .required, .tool, .allowed(_, isRequired: true):
            throw .unsupported("tool_choice", "It cannot be made to call a tool.")
        default: break
        }
        if request.previousResponse != nil {
            throw .unsupported("previous_response_id", "It keeps no answers to go on from.")
        }
    }

    private static func parameters(_ request: CanonicalRequest) -> [(String, Bool)] {
        let sampling = request.sampling
        let isCached = request.cache != nil || request.messages.contains { $0.parts.contains { $0.cache != nil } }
        return [
            ("max_tokens", request.maxTokens != nil), ("tools", !request.tools.isEmpty),
            ("temperature", sampling.temperature != nil), ("top_p", sampling.topP != nil),
            ("top_k", sampling.topK != nil), ("min_p", sampling.minP != nil),
            ("frequency_penalty", sampling.frequencyPenalty != nil),
            ("presence_penalty", sampling.presencePenalty != nil), ("seed", sampling.seed != nil),
            ("stop", !sampling.stop.isEmpty), ("logprobs", sampling.logprobs == true),
            ("top_logprobs", sampling.topLogprobs != nil), ("reasoning", request.reasoning != nil),
            ("user", request.user != nil), ("metadata", !request.metadata.isEmpty),
            ("service_tier", ![nil, "auto", "default"].contains(request.serviceTier)),
            ("store", request.store == true), ("cache_control", isCached),
        ]
    }

    private static func names(_ extensions: Extensions) -> [String] {
        extensions.dialects.flatMap { dialect in extensions.written(dialect).map(\.key) }
    }
}
