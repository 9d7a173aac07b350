/// Writes a `generateContent` request for a target. Model and method go into the URL.
package enum GeminiRequestEncoder {
    private typealias Note = GeminiRequestDecoder.Note

    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        guard request.previousResponse == nil else {
            throw GatehouseError(
                .unsupportedParameter, "Gemini keeps no answers to go on from.", param: "previous_response_id")
        }
        var context = GeminiEncoding(target)
        let tools = try GeminiTools.encode(request, &context)
        let choice = try GeminiToolConfig.encode(request, &context)
        var writer = GeminiContentsWriter()
        for (index, message) in request.messages.enumerated() {
            try writer.add(message, at: index, &context)
        }
        let contents = writer.contents(&context)
        let config = GeminiConfig.encode(request, &context)
        let isSingle = request.extensions[.gemini, Note.contentsSingle] != nil && contents.count == 1
        let body = JSONValue.object([
            "contents": isSingle ? contents[0] : .array(contents),
            "systemInstruction": writer.system,
            "tools": tools,
            "toolConfig": choice,
            "generationConfig": config,
            "serviceTier": serviceTier(request, &context),
            "model": model(request, target),
        ])
        let rest = request.extensions.written(.gemini).filter { member in
            !member.key.hasPrefix("toolConfig.") && !member.key.hasPrefix("generationConfig.")
        }
        reportLost(request, &context)
        let spelling = request.extensions[.gemini, Note.spelling]
        var encoded = EncodedRequest(body: GeminiSpelling.restore(body.adding(rest), spelling))
        encoded.dropped = context.dropped
        encoded.names = context.names
        return encoded
    }

    /// The tiers of the Gemini API; Vertex has them in headers.
    private static func serviceTier(_ request: CanonicalRequest, _ context: inout GeminiEncoding) -> JSONValue? {
        guard let tier = request.serviceTier else { return nil }
        switch tier {
        case "auto": return nil
        case "default" where !context.isVertex: return .string("standard")
        case "flex" where !context.isVertex, "priority" where !context.isVertex,
            "standard" where !context.isVertex:
            return .string(tier)
        default:
            context.drop("service_tier")
            return nil
        }
    }

    /// Client libraries repeat the URL's model in the body; it must not name another than the URL.
    private static func model(_ request: CanonicalRequest, _ target: TargetTraits) -> JSONValue? {
        guard let written = request.extensions[.gemini, Note.model]?.string else { return nil }
        guard !target.model.isEmpty, !written.hasSuffix("/" + target.model), written != target.model else {
            return .string(written)
        }
        return .string("models/" + target.model)
    }

    private static func reportLost(_ request: CanonicalRequest, _ context: inout GeminiEncoding) {
        context.drop(request.extensions.foreign(to: .gemini))
        if request.user != nil { context.drop("user") }
        if !request.metadata.isEmpty { context.drop("metadata") }
        if request.store == true { context.drop("store") }
        if request.parallelToolCalls == false { context.drop("parallel_tool_calls") }
        if request.cache != nil { context.drop("cache_control") }
    }
}
