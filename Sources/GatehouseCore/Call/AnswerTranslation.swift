package import NIOCore

/// How the answer to something other than generation is translated: embeddings, counts of tokens, rankings.
package enum AnswerTranslation: Sendable {
    case embeddings(EmbeddingsRequest, caller: any EmbeddingsCodec, target: any EmbeddingsCodec)
    case tokenCount(caller: Dialect, target: Dialect)
    case rerank(RerankRequest, caller: RerankCodec, target: RerankCodec)

    /// Reads the target's answer and writes the caller's.
    ///
    /// - Parameter toldInput: Tokens of the input that the head of the response tells.
    /// - Throws: `Failure` for an error inside it, or an answer that is not what was asked for.
    func translate(
        _ body: ByteBuffer, as identity: AnswerIdentity, toldInput: Int? = nil
    ) throws(Failure) -> (body: ByteBuffer, usage: Usage?) {
        switch self {
        case .embeddings(let request, let caller, let target):
            var response = try target.decodeResponse(body)
            if response.usage?.input ?? 0 == 0, let toldInput { response.usage = Usage(input: toldInput, output: 0) }
            try response.check(against: request)
            return (caller.encodeResponse(response, to: request, as: identity), response.usage)
        case .tokenCount(let caller, let target):
            let document = try Self.document(body)
            let usage =
                target == .gemini
                ? try GeminiCountTokens.decodeResponse(document)
                : Usage(input: try AnthropicCountTokens.decodeResponse(document), output: 0)
            let answer =
                caller == .gemini
                ? GeminiCountTokens.encodeResponse(usage) : AnthropicCountTokens.encodeResponse(usage.input)
            // Counting costs nothing: nothing was used.
            return (answer.bytes, nil)
        case .rerank(let request, let caller, let target):
            let response = try target.decodeResponse(try Self.document(body))
            guard response.results.allSatisfy({ request.documents.indices.contains($0.index) }) else {
                throw Failure(.protocol, detail: "a result for a document that was not sent")
            }
            return (caller.encodeResponse(response, to: request, as: identity).bytes, response.usage)
        }
    }

    private static func document(_ body: ByteBuffer) throws(Failure) -> JSONValue {
        do {
            return try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw Failure(.protocol, detail: "response is not JSON: \(error.kind) at \(error.offset)")
        }
    }
}

/// Writes a request of such a kind for a target of another dialect.
package enum RequestTranslation {
    /// - Parameters:
    ///   - document: The caller's body.
    ///   - target: Its `model` goes into the body where the dialect has it there.
    /// - Throws: `GatehouseError` that names the field at fault, or what the target cannot do.
    package static func encode(
        _ document: JSONValue, _ operation: Operation, wire: Dialect, for target: TargetTraits
    ) throws(GatehouseError) -> (encoded: EncodedRequest, answer: AnswerTranslation) {
        switch operation.surface {
        case .embeddings: return try embeddings(document, operation, wire, target)
        case .tokenCount: return try tokenCount(document, operation, wire, target)
        case .rerank:
            // Both forms ask alike: what only Cohere knows is left out for others, and the answer is told in the words of
            // whoever gives it.
            let codec: RerankCodec = wire == .cohere ? .cohere : .jina
            var request = try RerankCodec.cohere.decodeRequest(document)
            request.model = target.model
            return (try codec.encodeRequest(request), .rerank(request, caller: codec, target: codec))
        default:
            throw GatehouseError(.unsupportedParameter, "This model does not offer \(operation.path).", param: "model")
        }
    }

    private static func embeddings(
        _ document: JSONValue, _ operation: Operation, _ wire: Dialect, _ target: TargetTraits
    ) throws(GatehouseError) -> (EncodedRequest, AnswerTranslation) {
        let caller = codec(operation.dialect, target)
        let codec = codec(wire, target)
        var request = try caller.decodeRequest(document)
        request.model = target.model
        guard request.inputs.count <= codec.maximumInputs else {
            throw GatehouseError(
                .unsupportedParameter, "This target embeds at most \(codec.maximumInputs) inputs at once.",
                param: "input")
        }
        return (try codec.encodeRequest(request), .embeddings(request, caller: caller, target: codec))
    }

    private static func codec(_ dialect: Dialect, _ target: TargetTraits) -> any EmbeddingsCodec {
        switch dialect {
        case .gemini: GeminiEmbeddingsCodec(target: target)
        case .cohere: CohereEmbeddings()
        case .ollama: OllamaEmbeddings()
        case .bedrock where BedrockModel(target.model).family == .cohere: CohereEmbeddings(hasModel: false)
        case .bedrock: TitanEmbeddings()
        default: OpenAIEmbeddings()
        }
    }

    private static func tokenCount(
        _ document: JSONValue, _ operation: Operation, _ wire: Dialect, _ target: TargetTraits
    ) throws(GatehouseError) -> (EncodedRequest, AnswerTranslation) {
        var request =
            operation.dialect == .gemini
            ? try GeminiCountTokens.decodeRequest(document) : try AnthropicCountTokens.decodeRequest(document)
        request.model = target.model
        let encoded =
            wire == .gemini
            ? try GeminiCountTokens.encodeRequest(request, for: target)
            : try AnthropicCountTokens.encodeRequest(request, for: target)
        return (encoded, .tokenCount(caller: operation.dialect, target: wire))
    }
}

/// Gemini's embeddings in the form of the others.
private struct GeminiEmbeddingsCodec: EmbeddingsCodec {
    let target: TargetTraits

    var maximumInputs: Int { 100 }

    func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        try GeminiEmbeddings.decodeRequest(body)
    }

    func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest {
        try GeminiEmbeddings.encodeRequest(GeminiEmbeddings.batched(request), for: target).encoded
    }

    func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse {
        do {
            return try GeminiEmbeddings.decodeResponse(try JSONValue(parsing: body.readableBytesView))
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.protocol, detail: "response is not JSON")
        }
    }

    func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer {
        let method = GeminiEmbeddings.method(of: request)
        return GeminiEmbeddings.encodeResponse(response, for: method).bytes
    }
}

extension JSONValue {
    /// The document as compact JSON text, in bytes.
    package var bytes: ByteBuffer {
        var writer = JSONWriter()
        writer.value(self)
        return writer.buffer
    }
}
