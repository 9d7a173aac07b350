/// `embedContent` (one input) and `batchEmbedContents` (several).
package enum GeminiEmbeddings {
    package enum Method: String, Sendable { case embedContent, batchEmbedContents }

    private enum Note {
        static let method = "$method"
        static let models = "$models"
        /// Contents as they were written, by input; `null` for one that is a plain text.
        static let contents = "$contents"
        /// Members of each request that nobody asked for.
        static let rest = "$rest"
    }

    /// Which method a caller asked for; `batchEmbedContents` for a request of another dialect.
    package static func method(of request: EmbeddingsRequest) -> Method {
        request.extensions[.gemini, Note.method]?.string.flatMap(Method.init) ?? .batchEmbedContents
    }

    /// The same request for the method that takes several inputs.
    package static func batched(_ request: EmbeddingsRequest) -> EmbeddingsRequest {
        var request = request
        request.extensions[.gemini, Note.method] = .string(Method.batchEmbedContents.rawValue)
        return request
    }

    // MARK: Requests

    /// What the requests of a batch must have in common: the canonical model says it once for all inputs.
    private struct Settings: Equatable {
        var model: JSONValue?
        var dimensions: Int?
        var task: String?
        var title: String?
        var rest: [JSONValue.Member] = []
    }

    /// Reads a caller's request of either method; the shape of the body tells which.
    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        let (normal, spelling) = GeminiSpelling.normalize(body)
        var fields = try JSONFields(normal)
        var request = EmbeddingsRequest(model: "", inputs: [])
        var contents: [JSONValue] = []
        var shared: Settings?
        if let elements = try fields.array("requests") {
            for (index, element) in elements.enumerated() {
                var one = try JSONFields(element, path: fields.path("requests", index))
                let settings = try read(&one, &request.inputs, &contents)
                guard shared == nil || shared == settings else {
                    throw GatehouseError(
                        .unsupportedParameter, "The requests of a batch must differ in nothing but their content.",
                        param: one.path)
                }
                shared = settings
            }
            request.extensions[.gemini] = fields.rest
            request.extensions[.gemini, Note.method] = .string(Method.batchEmbedContents.rawValue)
        } else {
            shared = try read(&fields, &request.inputs, &contents)
            request.extensions[.gemini, Note.method] = .string(Method.embedContent.rawValue)
        }
        guard let shared else { throw fields.invalid("requests", "must not be empty") }
        apply(shared, to: &request)
        // Texts and pictures that make one vector together: other dialects have no words for it.
        if contents.contains(where: { ($0["parts"]?.array?.count ?? 1) != 1 }) {
            request.extensions[.gemini, "content.parts"] = .bool(true)
        }
        request.extensions[.gemini, Note.contents] = .array(contents)
        request.extensions[.gemini, GeminiRequestDecoder.Note.spelling] = spelling
        return request
    }

    private static func read(
        _ fields: inout JSONFields, _ inputs: inout [EmbeddingsRequest.Input], _ contents: inout [JSONValue]
    ) throws(GatehouseError) -> Settings {
        var settings = Settings()
        settings.model = fields.value("model")
        settings.dimensions = try fields.int("outputDimensionality", in: 1...Int.max)
        settings.task = try fields.string("taskType")
        settings.title = try fields.string("title")
        guard let content = fields.value("content") else { throw fields.missing("content") }
        let input = try self.input(content, path: fields.path("content"))
        inputs.append(input)
        contents.append(content == plain(input) ? .null : content)
        settings.rest = fields.rest
        return settings
    }

    private static func apply(_ settings: Settings, to request: inout EmbeddingsRequest) {
        request.dimensions = settings.dimensions
        request.title = settings.title
        request.purpose = settings.task.flatMap { words[$0] }
        if request.purpose == nil, let task = settings.task {
            request.extensions[.gemini, "taskType"] = .string(task)
        }
        request.extensions[.gemini, Note.models] = settings.model
        request.extensions[.gemini, Note.rest] = .object(settings.rest)
    }

    /// A picture alone, or the texts together.
    private static func input(_ content: JSONValue, path: String) throws(GatehouseError) -> EmbeddingsRequest.Input {
        var fields = try JSONFields(content, path: path)
        guard let elements = try fields.array("parts") else { throw fields.missing("parts") }
        var reader = GeminiPartReader()
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            let part = try reader.part(element, path: fields.path("parts", index))
            if elements.count == 1, case .image(let media) = part.content { return .image(media) }
            if let text = part.text { texts.append(text) }
        }
        return .text(texts.joined(separator: "\n"))
    }

    private static func plain(_ input: EmbeddingsRequest.Input) -> JSONValue? {
        guard case .text(let text) = input else { return nil }
        return .object(["parts": .array([.object(["text": .string(text)])])])
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
        let contents = request.extensions[.gemini, Note.contents]?.array ?? []
        guard contents.count == request.inputs.count || contents.allSatisfy(\.isNull) else {
            throw GatehouseError(
                .unsupportedParameter, "Contents of several parts cannot be divided into batches.", param: "input")
        }
        var bodies: [JSONValue] = []
        for (index, input) in request.inputs.enumerated() {
            let own = contents.indices.contains(index) ? contents[index] : .null
            let content = own.isNull ? try content(input, at: index, &context) : own
            bodies.append(body(content, request, context))
        }
        let rest = request.extensions.written(.gemini).filter { $0.key != "taskType" && $0.key != "content.parts" }
        let batch = JSONValue.object([JSONValue.Member("requests", .array(bodies))]).adding(rest)
        if !request.numberTypes.isEmpty { context.drop("embedding_types") }
        if request.truncation != nil { context.drop("truncate") }
        if request.user != nil { context.drop("user") }
        context.drop(request.extensions.foreign(to: .gemini))
        let whole = method == .batchEmbedContents ? batch : bodies.first ?? .object([])
        var encoded = EncodedRequest(
            body: GeminiSpelling.restore(whole, request.extensions[.gemini, GeminiRequestDecoder.Note.spelling]))
        encoded.dropped = context.dropped
        return (method, encoded)
    }

    private static func content(
        _ input: EmbeddingsRequest.Input, at index: Int, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue {
        switch input {
        case .text: return plain(input) ?? .object([])
        case .image(let media):
            var writer = GeminiPartWriter()
            let message = Message(role: .user, parts: [Part(.image(media))])
            return .object(["parts": .array(try writer.write(message, at: index, isOwn: false, &context))])
        case .tokens:
            throw GatehouseError(
                .unsupportedParameter, "Gemini embeds texts, not tokens.", param: "input[\(index)]")
        }
    }

    private static func body(
        _ content: JSONValue, _ request: EmbeddingsRequest, _ context: GeminiEncoding
    ) -> JSONValue {
        let named = request.extensions[.gemini, Note.models]
        let model: JSONValue? =
            context.target.model.isEmpty
            ? named : named == nil && context.isVertex ? nil : .string("models/" + context.target.model)
        let task = request.purpose.flatMap { task in words.first { $0.value == task }?.key }.map {
            JSONValue.string($0)
        }
        return .object([
            "model": model, "content": content, "taskType": task ?? request.extensions[.gemini, "taskType"],
            "title": request.title.map { .string($0) },
            "outputDimensionality": request.dimensions.map { .int($0) },
        ]).adding(request.extensions[.gemini, Note.rest]?.object ?? [])
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
                guard let number = value.double.map(Float.init), number.isFinite else {
                    throw Failure(.protocol, detail: "a value that is no number")
                }
                vector.append(number)
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
            usage.extensions[.gemini, GeminiUsage.raw] ?? .object(["promptTokenCount": .int(usage.input)])
        }
        return answer.adding(usage.map { [JSONValue.Member("usageMetadata", $0)] } ?? [])
            .adding(response.extensions.written(.gemini))
    }
}
