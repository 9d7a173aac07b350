package import NIOCore

/// OpenAI's embeddings (`POST /v1/embeddings`), and those of the many that took them over
/// (https://platform.openai.com/docs/api-reference/embeddings).
package struct OpenAIEmbeddings: EmbeddingsCodec {
    package init() {}

    package var maximumInputs: Int { 2048 }

    // MARK: Requests

    package func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        var fields = try JSONFields(body)
        let model = try fields.requiredString("model")
        let (inputs, isList) = try self.inputs(&fields)
        var request = EmbeddingsRequest(model: model, inputs: inputs)
        if let word = try fields.string("encoding_format") {
            guard let encoding = EmbeddingsRequest.Encoding(rawValue: word) else {
                throw fields.invalid("encoding_format", "must be float or base64")
            }
            request.encoding = encoding
        }
        request.dimensions = try fields.int("dimensions", in: 1...1 << 20)
        request.user = try fields.string("user")
        let inputType = fields.peek("input_type")?.string
        request.purpose = inputType.flatMap(Self.purpose)
        if request.purpose != nil { _ = fields.value("input_type") }
        request.extensions = Extensions(rest: fields.rest, of: .openAIChat)
        if !isList { request.extensions[.openAIChat, "$input"] = .bool(false) }
        if request.purpose != nil { request.extensions[.openAIChat, "$input_type"] = inputType.map { .string($0) } }
        return request
    }

    /// The inputs, and whether they were written as a list of them.
    private func inputs(
        _ fields: inout JSONFields
    ) throws(GatehouseError) -> ([EmbeddingsRequest.Input], isList: Bool) {
        guard let input = fields.value("input") else { throw fields.missing("input") }
        if let text = input.string { return ([.text(text)], false) }
        guard let elements = input.array, !elements.isEmpty else {
            throw fields.invalid("input", "must be a string or an array with at least one element")
        }
        if elements[0].numberText != nil { return ([.tokens(try tokens(elements, at: fields.path("input")))], false) }
        var inputs: [EmbeddingsRequest.Input] = []
        for (index, element) in elements.enumerated() {
            let path = fields.path("input", index)
            if let text = element.string {
                inputs.append(.text(text))
            } else if let numbers = element.array {
                inputs.append(.tokens(try tokens(numbers, at: path)))
            } else {
                throw JSONFields.invalid(path, "must be a string or an array of tokens")
            }
        }
        return (inputs, true)
    }

    private func tokens(_ elements: [JSONValue], at path: String) throws(GatehouseError) -> [Int] {
        var tokens: [Int] = []
        for element in elements {
            guard let token = element.count else { throw JSONFields.invalid(path, "must be an array of tokens") }
            tokens.append(token)
        }
        return tokens
    }

    /// `input_type` as others of the family have it (Voyage, NVIDIA ...).
    private static func purpose(_ word: String) -> EmbeddingsRequest.Purpose? {
        switch word {
        case "query", "search_query": .searchQuery
        case "document", "passage", "search_document": .searchDocument
        default: nil
        }
    }

    package func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest {
        try request.refuseNumberTypes(foreignTo: .openAIChat)
        var inputs: [JSONValue] = []
        for input in request.inputs {
            switch input {
            case .text(let text): inputs.append(.string(text))
            case .tokens(let tokens): inputs.append(.array(tokens.map { .int($0) }))
            case .image: throw .unsupported("input", "It takes text only.")
            }
        }
        let isSingle = request.extensions[.openAIChat, "$input"] != nil && inputs.count == 1
        let inputType = request.extensions[.openAIChat, "$input_type"]
        let body = JSONValue.object([
            "model": .string(request.model), "input": isSingle ? inputs[0] : .array(inputs),
            "encoding_format": request.encoding.map { .string($0.rawValue) },
            "dimensions": request.dimensions.map { .int($0) }, "user": request.user.map { .string($0) },
            "input_type": inputType,
        ]).adding(request.extensions.everyMember(.openAIChat))
        var encoded = EncodedRequest(body: body)
        var dropped = DroppedNames()
        dropped.add("input_type", when: request.purpose != nil && inputType == nil)
        dropped.add("title", when: request.title != nil)
        dropped.add("truncate", when: request.truncation != nil)
        dropped.add(request.extensions, foreignTo: .openAIChat)
        encoded.dropped = dropped.names
        return encoded
    }

    // MARK: Answers

    package func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse {
        let document = try VectorDocument(body)
        if document.value["error"].map({ !$0.isNull }) == true {
            throw OpenAIFailure.classify(errorObject: body.readableBytesUInt8Span, in: body.readableBytesUInt8Span)
        }
        guard let data = document.value["data"]?.array else { throw Failure(.protocol, detail: "no data") }
        var vectors: [(index: Int, vector: [Float])] = []
        for (place, element) in data.enumerated() {
            guard let vector = document.vector(element["embedding"]) else {
                throw Failure(.protocol, detail: "data[\(place)] has no vector")
            }
            vectors.append((element["index"]?.count ?? place, vector))
        }
        vectors.sort { $0.index < $1.index }
        var response = EmbeddingsResponse(
            vectors: vectors.map(\.vector), id: document.value["id"]?.string, model: document.value["model"]?.string,
            usage: UsageReader.tokens(document.value["usage"] ?? .null))
        response.extensions = Extensions(
            .openAIChat, document.value.members(except: ["data", "id", "model", "usage", "object"]))
        return response
    }

    package func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.members([.init("object", .string("list"))])
        writer.key("data")
        writer.beginArray()
        for (index, vector) in response.vectors.enumerated() {
            writer.beginObject()
            writer.members([.init("object", .string("embedding")), .init("index", .int(index))])
            writer.key("embedding")
            writer.vector(vector, as: request.encoding)
            writer.endObject()
        }
        writer.endArray()
        if let id = response.id { writer.members([.init("id", .string(id))]) }
        let input = response.usage?.input ?? 0
        let counts = JSONValue.object(["prompt_tokens": .int(input), "total_tokens": .int(input)])
        writer.members([
            .init("model", .string(response.model ?? identity.model)),
            .init("usage", response.usage?.extensions[.openAIChat, "$raw"] ?? counts),
        ])
        writer.members(response.extensions.written(.openAIChat))
        writer.endObject()
        return writer.buffer
    }
}
