package import NIOCore

/// Google's `generateContent`, as the Gemini API and Vertex AI speak it.
package enum GeminiCodec: DialectCodec {
    package static var dialect: Dialect { .gemini }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try GeminiRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try GeminiRequestEncoder.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try GeminiResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        GeminiResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { GeminiStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        GeminiStreamEncoder(as: identity, options: options)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        GeminiFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        GeminiErrorBody.render(error, requestID: requestID)
    }
}
