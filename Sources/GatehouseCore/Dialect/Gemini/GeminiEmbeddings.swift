/// `embedContent` (one input) and `batchEmbedContents` (several).
package enum GeminiEmbeddings {
    package enum Method: String, Sendable { case embedContent, batchEmbedContents }

    private enum Note {
        static let raw = "$raw"
        static let role = "$content"
        static let method = "$method"
        static let models = "$models"
    }

    // MARK: Requests

    /// Reads a caller's request of either method; the shape of the body tells which.
    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        let (normal, spelling) = GeminiSpelling.normalize(body)
        var fields = try JSONFields(normal)
        var request = EmbeddingsRequest(model: "", inputs: [])
        if let elements = try fields.array("requests") {
            guard !elements.isEmpty else { throw fields.invalid("requests", "must not be empty") }
            for (index, element) in elements.enumerated() {
                let one = try JSONFields(element, path: fields.path("requests", index))
                try add(one, isFirst: index == 0, to: &request)
            }
            request.extensions[.gemini] += fields.rest
            request.extensions[.gemini, Note.method] = .string(Method.batchEmbedContents.rawValue)
        } else {
            try add(fields, isFirst: true, to: &request)
            request.extensions[.gemini, Note.method] = .string(Method.embedContent.rawValue)
        }
        request.extensions[.gemini, GeminiRequestDecoder.Note.spelling] = spelling
        return request
    }

    /// All inputs of a batch share their settings in the canonical model: differing ones are refused.
    private static func add(
        _ fields: JSONFields, isFirst: Bool, to request: inout EmbeddingsRequest
    ) throws(GatehouseError) {
        var fields = fields
        let model = fields.value("model")
        let dimensions = try fields.int("outputDimensionality", in: 1...Int.max)
        let task = try fields.string("taskType")
        let title = try fields.string("title")
        let input = try self.input(&fields)
        if isFirst {
            request.dimensions = dimensions
            request.purpose = task.flatMap { words[$0] }
            request.title = title
            request.extensions[.gemini] = fields.rest
            if request.purpose == nil, let task { request.extensions[.gemini, "taskType"] = .string(task) }
            request.extensions[.gemini, Note.models] = model
        } else {
            let isSame =
                dimensions == request.dimensions && title == request.title
                && (task.flatMap { words[$0] } == request.purpose)
                && model == request.extensions[.gemini, Note.models]
            guard isSame else {
                throw GatehouseError(
                    .unsupportedParameter, "The requests of a batch must differ in nothing but their content.",
                    param: fields.path)
            }
        }
        request.inputs.append(input)
    }

    private static func input(_ fields: inout JSONFields) throws(GatehouseError) -> EmbeddingsRequest.Input {
        guard var content = try fields.object("content") else { throw fields.missing("content") }
        guard let elements = try content.array("parts") else { throw content.missing("parts") }
        var reader = GeminiPartReader()
        var parts: [Part] = []
        for (index, element) in elements.enumerated() {
            parts.append(try reader.part(element, path: content.path("parts", index)))
        }
        // The role says nothing here; client libraries send it all the same.
        if parts.count == 1, let text = parts[0].text, parts[0].extensions.isEmpty, content.rest.isEmpty {
            return .text(text)
        }
        var message = Message(role: .user, parts: parts)
        message.extensions[.gemini] = content.rest
        return .content(message)
    }

    /// Writes the request for a target: `batchEmbedContents`, but for a caller's own `embedContent` and for Vertex, which
    /// takes one input at a time.
    ///
    /// - Throws: `unsupported_parameter` for tokens in place of texts, or several inputs for Vertex.
    package static func encodeRequest(
        _ request: EmbeddingsRequest, for target: TargetTraits
    ) throws(GatehouseError) -> (method: Method, encoded: EncodedRequest) {
        var context = GeminiEncoding(target)
        let isVertex = context.isVertex
        let own = request.extensions[.gemini, Note.method]?.string.flatMap(Method.init)
        let method = isVertex ? .embedContent : own ?? .batchEmbedContents
        guard method == .batchEmbedContents || request.inputs.count == 1 else {
            throw GatehouseError(.unsupportedParameter, "This target embeds one input at a time.", param: "input")
        }
        var bodies: [JSONValue] = []
        for (index, input) in request.inputs.enumerated() {
            bodies.append(try body(input, at: index, request, &context))
        }
        let rest = own == .batchEmbedContents ? request.extensions.written(.gemini) : []
        let batch = JSONValue.object([JSONValue.Member("requests", .array(bodies))]).adding(
            rest.filter { $0.key != "taskType" })
        if request.user != nil { context.drop("user") }
        context.drop(request.extensions.foreign(to: .gemini))
        let whole = method == .batchEmbedContents ? batch : bodies.first ?? .object([])
        var encoded = EncodedRequest(
            body: GeminiSpelling.restore(whole, request.extensions[.gemini, GeminiRequestDecoder.Note.spelling]))
        encoded.dropped = context.dropped
        return (method, encoded)
    }

    private static func body(
        _ input: EmbeddingsRequest.Input, at index: Int, _ request: EmbeddingsRequest,
        _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue {
        let content: JSONValue
        switch input {
        case .text(let text): content = .object(["parts": .array([.object(["text": .string(text)])])])
        case .image(let media):
            var writer = GeminiPartWriter()
            let message = Message(role: .user, parts: [Part(.image(media))])
            content = .object(["parts": .array(try writer.write(message, at: index, isOwn: true, &context))])
        case .tokens:
            throw GatehouseError(
                .unsupportedParameter, "Gemini embeds texts, not tokens.", param: "input[\(index)]")
        case .content(let message):
            var writer = GeminiPartWriter()
            let parts = try writer.write(message, at: index, isOwn: true, &context)
            content = JSONValue.object(["parts": .array(parts)]).adding(message.extensions.written(.gemini))
        }
        let named = request.extensions[.gemini, Note.models]
        let model: JSONValue? =
            context.target.model.isEmpty
            ? named : named == nil && context.isVertex ? nil : .string("models/" + context.target.model)
        let task = request.purpose.flatMap { task in words.first { $0.value == task }?.key }.map { JSONValue.string($0) }
        return .object([
            "model": model, "content": content, "taskType": task ?? request.extensions[.gemini, "taskType"],
            "title": request.title.map { .string($0) },
            "outputDimensionality": request.dimensions.map { .int($0) },
        ])
    }

    private static let words: [String: EmbeddingsRequest.Purpose] = [
        "RETRIEVAL_QUERY": .searchQuery, "RETRIEVAL_DOCUMENT": .searchDocument, "SEMANTIC_SIMILARITY": .similarity,
        "CLASSIFICATION": .classification, "CLUSTERING": .clustering, "QUESTION_ANSWERING": .questionAnswering,
        "FACT_VERIFICATION": .factVerification, "CODE_RETRIEVAL_QUERY": .codeQuery,
    ]

    // MARK: Answers

    /// Reads a target's answer of either method.
    ///
    /// - Throws: `Failure` for an error inside it, `.protocol` when it holds no vectors of numbers.
    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> EmbeddingsResponse {
        if let failure = GeminiFailure.inside(body) { throw failure }
        let embeddings = body["embeddings"]?.array ?? body["embedding"].map { [$0] }
        guard let embeddings else { throw Failure(.protocol, detail: "an answer without embeddings") }
        var response = EmbeddingsResponse(vectors: [])
        for embedding in embeddings {
            guard let values = embedding["values"]?.array else {
                throw Failure(.protocol, detail: "an embedding without values")
            }
            var vector: [Float] = []
            vector.reserveCapacity(values.count)
            for value in values {
                guard let number = value.double else { throw Failure(.protocol, detail: "a value that is no number") }
                vector.append(Float(number))
            }
            response.vectors.append(vector)
        }
        response.usage = usage(body, embeddings)
        response.extensions[.gemini] = body.members(except: ["embeddings", "embedding", "usageMetadata"])
        response.extensions[.gemini, Note.method] = .string(
            (body["embeddings"] == nil ? Method.embedContent : .batchEmbedContents).rawValue)
        return response
    }

    private static func usage(_ body: JSONValue, _ embeddings: [JSONValue]) -> Usage? {
        if let usage = GeminiUsage.decode(body["usageMetadata"]) { return usage }
        let counts = embeddings.compactMap { $0["statistics"]?["tokenCount"]?.count }
        guard counts.count == embeddings.count, !counts.isEmpty else { return nil }
        return Usage(input: counts.reduce(0) { $0.capped(adding: $1) }, output: 0)
    }

    /// Writes the answer for a caller of `method`.
    package static func encodeResponse(_ response: EmbeddingsResponse, for method: Method) -> JSONValue {
        let embeddings = response.vectors.map { vector in
            JSONValue.object(["values": .array(vector.map { .number($0.isFinite ? "\($0)" : "0") })])
        }
        let answer: JSONValue =
            method == .batchEmbedContents
            ? .object(["embeddings": .array(embeddings)]) : .object(["embedding": embeddings.first])
        let usage = response.usage.map { usage in
            usage.extensions[.gemini, Note.raw] ?? .object(["promptTokenCount": .int(usage.input)])
        }
        return answer.adding(usage.map { [JSONValue.Member("usageMetadata", $0)] } ?? [])
            .adding(response.extensions.written(.gemini))
    }
}
