/// Cohere's embeddings (`POST /v2/embed`, https://docs.cohere.com/reference/embed), and the same models at Bedrock,
/// where the model's name stands in the path.
package struct CohereEmbeddings: EmbeddingsCodec {
    private let hasModel: Bool

    package init(hasModel: Bool = true) { self.hasModel = hasModel }

    package var maximumInputs: Int { 96 }

    package func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        var fields = try JSONFields(body)
        let model = hasModel ? try fields.requiredString("model") : ""
        var request = EmbeddingsRequest(model: model, inputs: try inputs(&fields))
        let inputType = try fields.string("input_type")
        request.purpose = inputType.flatMap { EmbeddingsRequest.Purpose(rawValue: $0) }
        let types = try fields.filledStrings("embedding_types")
        if let types {
            request.numberTypes = types.filter { $0 != "float" && $0 != "base64" }
            request.encoding = types.contains("base64") && !types.contains("float") ? .base64 : .float
        }
        request.dimensions = try fields.int("output_dimension", in: 1...1 << 20)
        if let word = try fields.string("truncate") {
            guard let truncation = EmbeddingsRequest.Truncation(rawValue: word.lowercased()) else {
                throw fields.invalid("truncate", "must be NONE, START or END")
            }
            request.truncation = truncation
        }
        request.extensions = Extensions(rest: fields.rest, of: .cohere)
        request.extensions[.cohere, "$input_type"] = inputType.map { .string($0) } ?? .bool(false)
        request.extensions[.cohere, "$types"] = types.map { .array($0.map { .string($0) }) } ?? .bool(false)
        return request
    }

    private func inputs(_ fields: inout JSONFields) throws(GatehouseError) -> [EmbeddingsRequest.Input] {
        if let texts = try fields.filledStrings("texts") { return texts.map { .text($0) } }
        if let images = try fields.filledStrings("images") { return images.map { .image(Media(url: $0)) } }
        guard let elements = try fields.filledArray("inputs") else { throw fields.missing("texts") }
        var inputs: [EmbeddingsRequest.Input] = []
        for (index, element) in elements.enumerated() {
            let path = fields.path("inputs", index)
            guard let content = element["content"]?.array, content.count == 1 else {
                throw JSONFields.invalid("\(path).content", "must be an array with one part")
            }
            if let text = content[0]["text"]?.string {
                inputs.append(.text(text))
            } else if let url = content[0]["image_url"]?["url"]?.string {
                inputs.append(.image(Media(url: url)))
            } else {
                throw JSONFields.invalid("\(path).content[0]", "must be a text or an image_url")
            }
        }
        return inputs
    }

    package func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest {
        try request.refuseNumberTypes(foreignTo: .cohere)
        func note(_ key: String) -> JSONValue? { request.extensions[.cohere, key] }
        let (key, inputs) = try self.inputs(request.inputs)
        var dropped = DroppedNames()
        let purpose = JSONValue.string(word(request.purpose, key == "images", &dropped))
        let inputType = note("$input_type") ?? purpose
        let types = note("$types") ?? .array([.string("float")])
        let members = JSONValue.object([
            "model": hasModel ? .string(request.model) : nil,
            "input_type": inputType == .bool(false) ? nil : inputType,
            "embedding_types": types == .bool(false) ? nil : types,
            "output_dimension": request.dimensions.map { .int($0) },
            "truncate": request.truncation.map { .string($0.rawValue.uppercased()) },
        ])
        let body = members.adding([.init(key, .array(inputs))]).adding(request.extensions.everyMember(.cohere))
        var encoded = EncodedRequest(body: body)
        dropped.add("user", when: request.user != nil)
        dropped.add("title", when: request.title != nil)
        dropped.add(request.extensions, foreignTo: .cohere)
        encoded.dropped = dropped.names
        return encoded
    }

    /// Texts and images have a list each; both together stand in a third.
    private func inputs(
        _ inputs: [EmbeddingsRequest.Input]
    ) throws(GatehouseError) -> (key: String, values: [JSONValue]) {
        var texts: [JSONValue] = []
        var images: [JSONValue] = []
        var mixed: [JSONValue] = []
        for input in inputs {
            let part: JSONValue
            switch input {
            case .tokens: throw .unsupported("input", "Cohere takes texts, not tokens.")
            case .text(let text):
                texts.append(.string(text))
                part = .object(["type": .string("text"), "text": .string(text)])
            case .image(let media):
                guard let url = media.url else { throw .unsupported("input", "Cohere takes images as data.") }
                images.append(.string(url))
                part = .object(["type": .string("image_url"), "image_url": .object(["url": .string(url)])])
            }
            mixed.append(.object(["content": .array([part])]))
        }
        if images.isEmpty { return ("texts", texts) }
        return texts.isEmpty ? ("images", images) : ("inputs", mixed)
    }

    /// Cohere demands a purpose; documents are what most vectors are made of.
    private func word(
        _ purpose: EmbeddingsRequest.Purpose?, _ isImage: Bool, _ dropped: inout DroppedNames
    ) -> String {
        switch purpose {
        case .searchDocument: return "search_document"
        case .searchQuery: return "search_query"
        case .classification: return "classification"
        case .clustering: return "clustering"
        case nil: return isImage ? "image" : "search_document"
        case .similarity:
            dropped.add("input_type")
            return "clustering"
        case .questionAnswering, .factVerification, .codeQuery:
            dropped.add("input_type")
            return "search_query"
        }
    }
}
