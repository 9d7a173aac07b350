package import NIOCore

/// Reads and writes one vendor's form of embeddings.
package protocol EmbeddingsCodec: Sendable {
    /// Inputs that one request takes.
    var maximumInputs: Int { get }

    /// Reads a caller's request.
    ///
    /// - Throws: `GatehouseError` with `missing_field` or `invalid_value`; its `param` names the field.
    func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> EmbeddingsRequest

    /// Writes the body for a target.
    ///
    /// - Throws: `GatehouseError` with `unsupported_parameter` for what the target cannot do.
    func encodeRequest(_ request: EmbeddingsRequest) throws(GatehouseError) -> EncodedRequest

    /// Reads a target's answer with status 200. Whether it is what was asked for is for `check(against:)` to see.
    ///
    /// - Throws: `Failure` for an error inside it, or what is not the protocol.
    func decodeResponse(_ body: ByteBuffer) throws(Failure) -> EmbeddingsResponse

    /// Writes an answer as the caller wants it.
    func encodeResponse(
        _ response: EmbeddingsResponse, to request: EmbeddingsRequest, as identity: AnswerIdentity
    ) -> ByteBuffer
}

extension EmbeddingsRequest {
    /// Numbers of another kind than floats can only come from those who know the kind.
    ///
    /// - Throws: `unsupported_parameter`.
    func refuseNumberTypes(foreignTo dialect: Dialect) throws(GatehouseError) {
        guard !numberTypes.isEmpty, extensions[dialect, "$types"] == nil else { return }
        throw .unsupported("embedding_types", "It gives floats only.")
    }
}

extension JSONWriter {
    /// Writes a vector as numbers, each as short as it can be and still be read as the same float.
    mutating func vector(_ vector: [Float]) {
        beginArray()
        for number in vector { raw(number.shortText) }
        endArray()
    }

    /// Writes a vector as the caller wants it.
    mutating func vector(_ vector: [Float], as encoding: EmbeddingsRequest.Encoding?) {
        if encoding == .base64 { string(FloatBase64.encode(vector)) } else { self.vector(vector) }
    }

    /// Writes the members of an object, inside of it.
    mutating func members(_ members: [JSONValue.Member]) {
        for member in members {
            key(member.key)
            value(member.value)
        }
    }
}

extension Float {
    /// The number in JSON, whole numbers without a fraction.
    var shortText: String { Int32(exactly: self).map { "\($0)" } ?? "\(self)" }
}
