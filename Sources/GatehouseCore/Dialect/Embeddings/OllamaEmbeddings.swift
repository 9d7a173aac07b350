package import NIOCore

/// Ollama's embeddings (`POST /api/embed`, https://docs.ollama.com/api/embed).
package struct OllamaEmbeddings: EmbeddingsCodec {
    package init() {}

    package var maximumInputs: Int { 2048 }

    package func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        var fields = try JSONFields(body)
        let model = try fields.requiredString("model")
        let isSingle = fields.peek("input")?.string != nil
        guard let texts = try fields.strings("input") else { throw fields.missing("input") }
        guard !texts.isEmpty else { throw fields.invalid("input", "must have at least one text") }
        var request = EmbeddingsRequest(model: model, inputs: texts.map { .text($0) })
        request.dimensions = try fields.int("dimensions", in: 1...1 << 20)
        request.truncation = try fields.bool("truncate").map { $0 ? .end : .none }
        request.extensions = Extensions(rest: fields.rest, of: .ollama)
        if isSingle { request.extensions[.ollama, "$input"] = .bool(true) }
        return request
    }

    package func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest {
        try request.refuseNumberTypes(foreignTo: .ollama)
        var texts: [JSONValue] = []
        for input in request.inputs {
            guard case .text(let text) = input else { throw .unsupported("input", "Ollama takes texts only.") }
            texts.append(.string(text))
        }
        let isSingle = request.extensions[.ollama, "$input"] != nil && texts.count == 1
        let body = JSONValue.object([
            "model": .string(request.model), "input": isSingle ? texts[0] : .array(texts),
            "truncate": request.truncation.map { .bool($0 != .none) },
            "dimensions": request.dimensions.map { .int($0) },
        ]).adding(request.extensions.everyMember(.ollama))
        var encoded = EncodedRequest(body: body)
        var dropped = DroppedNames()
        dropped.add("truncate", when: request.truncation == .start)
        dropped.add("input_type", when: request.purpose != nil)
        dropped.add("title", when: request.title != nil)
        dropped.add("user", when: request.user != nil)
        dropped.add(request.extensions, foreignTo: .ollama)
        encoded.dropped = dropped.names
        return encoded
    }

    package func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse {
        let document = try VectorDocument(body)
        if let error = document.value["error"] {
            throw OllamaFailure.classify(text: error.string ?? "", "error in a 200")
        }
        guard let elements = document.value["embeddings"]?.array else {
            throw Failure(.protocol, detail: "no embeddings")
        }
        var response = EmbeddingsResponse(vectors: [], model: document.value["model"]?.string)
        for element in elements {
            guard let vector = document.vector(element) else { throw Failure(.protocol, detail: "no vector") }
            response.vectors.append(vector)
        }
        response.usage = document.value["prompt_eval_count"]?.count.map { Usage(input: $0, output: 0) }
        response.extensions = Extensions(
            .ollama, document.value.members(except: ["model", "embeddings", "prompt_eval_count"]))
        return response
    }

    package func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members([.init("model", .string(response.model ?? identity.model))])
        writer.key("embeddings")
        writer.beginArray()
        for vector in response.vectors { writer.vector(vector) }
        writer.endArray()
        if let usage = response.usage { writer.members([.init("prompt_eval_count", .int(usage.input))]) }
        writer.members(response.extensions.written(.ollama))
        writer.endObject()
        return writer.buffer
    }
}
