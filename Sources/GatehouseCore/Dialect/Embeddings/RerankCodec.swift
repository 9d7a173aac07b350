/// Reads and writes rerank calls. Two vendors' forms differ in what stands around the results only: Cohere's (`POST
/// /v2/rerank`, https://docs.cohere.com/reference/rerank) and Jina's (`POST /v1/rerank`, https://jina.ai/reranker),
/// which llama.cpp, vLLM and others took over.
package enum RerankCodec: Sendable, CaseIterable {
    case cohere, jina

    /// Where members that only this form knows are kept; Jina's form belongs to the OpenAI family.
    private var dialect: Dialect { self == .cohere ? .cohere : .openAIChat }

    // MARK: Requests

    /// - Throws: `GatehouseError` with `missing_field` or `invalid_value`; its `param` names the field.
    package func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> RerankRequest {
        var fields = try JSONFields(body)
        let model = try fields.requiredString("model")
        let query = try fields.requiredString("query")
        guard let documents = try fields.array("documents") else { throw fields.missing("documents") }
        guard !documents.isEmpty else { throw fields.invalid("documents", "must have at least one document") }
        for (index, document) in documents.enumerated() where document.string == nil && document.object == nil {
            throw JSONFields.invalid(fields.path("documents", index), "must be a string or an object")
        }
        var request = RerankRequest(model: model, query: query, documents: documents)
        request.topN = try fields.int("top_n", in: 1...1 << 20)
        request.returnDocuments = try fields.bool("return_documents")
        request.extensions = Extensions(rest: fields.rest, of: dialect)
        request.extensions[dialect, "$own"] = .bool(true)
        return request
    }

    /// Cohere's second version takes texts only, and never gives them back: `encodeResponse` puts them in for those who
    /// want them.
    package func encodeRequest(_ request: RerankRequest) throws(GatehouseError) -> EncodedRequest {
        let isOwn = request.extensions[dialect, "$own"] != nil
        var documents = request.documents
        if self == .cohere, !isOwn {
            for index in documents.indices {
                guard let text = request.text(index) else {
                    throw .unsupported("documents[\(index)]", "Cohere takes documents as text only.")
                }
                documents[index] = .string(text)
            }
        }
        let returnDocuments = self == .jina || isOwn ? request.returnDocuments : nil
        let body = JSONValue.object([
            "model": .string(request.model), "query": .string(request.query), "documents": .array(documents),
            "top_n": request.topN.map { .int($0) }, "return_documents": returnDocuments.map { .bool($0) },
        ]).adding(request.extensions.everyMember(dialect))
        var encoded = EncodedRequest(body: body)
        encoded.dropped = request.extensions.foreign(to: dialect)
        return encoded
    }

    // MARK: Answers

    /// - Throws: `Failure` for an error inside it, or what is not the protocol.
    package func decodeResponse(_ body: JSONValue) throws(Failure) -> RerankResponse {
        guard let elements = body["results"]?.array else {
            if let text = body["message"]?.string { throw CohereFailure.classify(text: text, "error in a 200") }
            throw Failure(.protocol, detail: "no results")
        }
        var response = RerankResponse(results: [])
        for element in elements {
            guard let index = element["index"]?.count, let score = element["relevance_score"]?.numberText else {
                throw Failure(.protocol, detail: "a result without an index or a score")
            }
            var result = RerankResponse.Result(index: index, score: score)
            result.extensions = Extensions(dialect, element.members(except: ["index", "relevance_score"]))
            response.results.append(result)
        }
        response.id = body["id"]?.string
        response.model = body["model"]?.string
        response.usage = body["usage"].flatMap(UsageReader.tokens)
        response.searchUnits = body["meta"]?["billed_units"]?["search_units"]?.count
        response.extensions = Extensions(dialect, body.members(except: ["id", "model", "results", "usage"]))
        return response
    }

    package func encodeResponse(
        _ response: RerankResponse, to request: RerankRequest, as identity: AnswerIdentity
    ) -> JSONValue {
        let results = response.results.map { result -> JSONValue in
            let text = request.returnDocuments == true ? request.text(result.index) : nil
            let document = text.map { JSONValue.object(["text": .string($0)]) }
            return JSONValue.object(["index": .int(result.index), "relevance_score": .number(result.score)])
                .adding(result.extensions.written(dialect))
                .adding(document.map { [.init("document", $0)] } ?? [])
        }
        let own = response.extensions.written(dialect)
        switch self {
        case .cohere:
            let units = response.searchUnits.map { JSONValue.object(["search_units": .int($0)]) }
            let version = JSONValue.object(["version": .string("2")])
            let meta = JSONValue.object(["api_version": version, "billed_units": units])
            return JSONValue.object([
                "id": .string(response.id ?? identity.call), "results": .array(results),
            ]).adding(own.isEmpty ? [.init("meta", meta)] : own)
        case .jina:
            let tokens = response.usage?.input ?? 0
            let counts = JSONValue.object(["prompt_tokens": .int(tokens), "total_tokens": .int(tokens)])
            return JSONValue.object([
                "id": response.id.map { .string($0) }, "model": .string(response.model ?? identity.model),
                "results": .array(results), "usage": response.usage?.extensions[.openAIChat, "$raw"] ?? counts,
            ]).adding(own.isEmpty ? [.init("object", .string("list"))] : own)
        }
    }
}
