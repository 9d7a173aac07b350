package import NIOCore

extension CohereEmbeddings {
    package func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse {
        let document = try VectorDocument(body)
        guard let embeddings = document.value["embeddings"], let form = Self.form(embeddings) else {
            if let text = document.value["message"]?.string {
                throw CohereFailure.classify(text: text, "error in a 200")
            }
            throw Failure(.protocol, detail: "no embeddings")
        }
        var response = EmbeddingsResponse(vectors: [], id: document.value["id"]?.string)
        for element in embeddings.array ?? embeddings[form]?.array ?? [] {
            guard let vector = document.vector(element) else { throw Failure(.protocol, detail: "no vector") }
            response.vectors.append(vector)
        }
        response.usage = Self.usage(document.value["meta"])
        response.extensions = Extensions(.cohere, document.value.members(except: ["id", "embeddings"]))
        response.extensions[.cohere, "$form"] = .string(form)
        response.extensions[.cohere, "$others"] = .object(
            embeddings.members(except: [form]).map { member in
                .init(member.key, .array((member.value.array ?? []).map { Self.row($0, document) }))
            })
        return response
    }

    /// Where the vectors stand: in a plain `list`, with their floats, with their base64, or, as other kinds of numbers
    /// alone, in none of these.
    private static func form(_ embeddings: JSONValue) -> String? {
        if embeddings.array != nil { return "list" }
        guard let keys = embeddings.object?.map(\.key), !keys.isEmpty else { return nil }
        return ["float", "base64"].first { keys.contains($0) } ?? ""
    }

    /// A row of numbers of another kind, or whatever else stands there.
    private static func row(_ value: JSONValue, _ document: VectorDocument) -> JSONValue {
        guard value.int != nil, let vector = document.vector(value) else { return value }
        return .array(vector.map { .number($0.shortText) })
    }

    private static func usage(_ meta: JSONValue?) -> Usage? {
        guard let billed = meta?["billed_units"] else { return nil }
        let texts = billed["input_tokens"]?.count ?? 0
        return Usage(input: texts.capped(adding: billed["image_tokens"]?.count ?? 0), output: 0)
    }

    package func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer {
        let wanted = request.encoding == .base64 ? "base64" : "float"
        let form = response.extensions[.cohere, "$form"]?.string ?? wanted
        var writer = JSONWriter()
        writer.beginObject()
        writer.members([.init("id", .string(response.id ?? identity.call))])
        writer.key("embeddings")
        if form == "list" {
            Self.write(response.vectors, nil, to: &writer)
        } else {
            writer.beginObject()
            if !form.isEmpty {
                writer.key(form)
                Self.write(response.vectors, form == "base64" ? .base64 : nil, to: &writer)
            }
            writer.members(response.extensions[.cohere, "$others"]?.object ?? [])
            writer.endObject()
        }
        let own = response.extensions.written(.cohere)
        writer.members(own.isEmpty ? Self.described(response, request) : own)
        writer.endObject()
        return writer.buffer
    }

    private static func write(
        _ vectors: [[Float]], _ encoding: EmbeddingsRequest.Encoding?, to writer: inout JSONWriter
    ) {
        writer.beginArray()
        for vector in vectors { writer.vector(vector, as: encoding) }
        writer.endArray()
    }

    /// What Cohere says around the vectors.
    private static func described(
        _ response: EmbeddingsResponse, _ request: EmbeddingsRequest
    ) -> [JSONValue.Member] {
        let texts = request.inputs.compactMap { input -> JSONValue? in
            if case .text(let text) = input { .string(text) } else { nil }
        }
        let billed = response.usage.map { JSONValue.object(["input_tokens": .int($0.input)]) }
        let version = JSONValue.object(["version": .string("2")])
        return [
            .init("texts", .array(texts)),
            .init("meta", .object(["api_version": version, "billed_units": billed])),
            .init("response_type", .string("embeddings_by_type")),
        ]
    }
}
