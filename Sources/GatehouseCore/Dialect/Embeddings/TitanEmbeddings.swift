package import NIOCore

/// Amazon Titan's text embeddings, of both generations, as Bedrock's `InvokeModel` takes them; the model's name stands
/// in the path (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html).
package struct TitanEmbeddings: EmbeddingsCodec {
    package init() {}

    package var maximumInputs: Int { 1 }

    package func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest {
        var fields = try JSONFields(body)
        var request = EmbeddingsRequest(model: "", inputs: [.text(try fields.requiredString("inputText"))])
        request.dimensions = try fields.int("dimensions", in: 1...1 << 20)
        let types = try fields.filledStrings("embeddingTypes")
        request.numberTypes = (types ?? []).filter { $0 != "float" }
        request.extensions = Extensions(rest: fields.rest, of: .bedrock)
        request.extensions[.bedrock, "$types"] = types.map { .array($0.map { .string($0) }) }
        return request
    }

    package func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest {
        try request.refuseNumberTypes(foreignTo: .bedrock)
        guard request.inputs.count == 1, case .text(let text) = request.inputs[0] else {
            throw .unsupported("input", "Titan takes one text at a time.")
        }
        let body = JSONValue.object([
            "inputText": .string(text), "dimensions": request.dimensions.map { .int($0) },
            "embeddingTypes": request.extensions[.bedrock, "$types"],
        ]).adding(request.extensions.everyMember(.bedrock))
        var encoded = EncodedRequest(body: body)
        var dropped = DroppedNames()
        dropped.add("input_type", when: request.purpose != nil)
        dropped.add("title", when: request.title != nil)
        dropped.add("truncate", when: request.truncation != nil)
        dropped.add("user", when: request.user != nil)
        dropped.add(request.extensions, foreignTo: .bedrock)
        encoded.dropped = dropped.names
        return encoded
    }

    package func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse {
        let document = try VectorDocument(body)
        let types = document.value["embeddingsByType"]
        let vector = document.vector(document.value["embedding"] ?? types?["float"])
        guard vector != nil || types?.object?.isEmpty == false else { throw Failure(.protocol, detail: "no embedding") }
        var response = EmbeddingsResponse(
            vectors: vector.map { [$0] } ?? [],
            usage: document.value["inputTextTokenCount"]?.count.map { Usage(input: $0, output: 0) })
        response.extensions = Extensions(
            .bedrock, document.value.members(except: ["embedding", "embeddingsByType", "inputTextTokenCount"]))
        response.extensions[.bedrock, "$types"] = types?.object.map { members in
            .object(
                members.map { member in
                    .init(member.key, .array((document.vector(member.value) ?? []).map { .number($0.shortText) }))
                })
        }
        if document.value["embedding"] == nil { response.extensions[.bedrock, "$embedding"] = .bool(false) }
        return response
    }

    package func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        if let vector = response.vectors.first, response.extensions[.bedrock, "$embedding"] == nil {
            writer.key("embedding")
            writer.vector(vector)
        }
        if let types = response.extensions[.bedrock, "$types"] { writer.members([.init("embeddingsByType", types)]) }
        if let usage = response.usage { writer.members([.init("inputTextTokenCount", .int(usage.input))]) }
        writer.members(response.extensions.written(.bedrock))
        writer.endObject()
        return writer.buffer
    }
}
