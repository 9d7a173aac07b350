package import NIOCore

/// Cohere's chat API, version 2 (`POST /v2/chat`, https://docs.cohere.com/reference/chat).
package enum CohereCodec: DialectCodec {
    package static var dialect: Dialect { .cohere }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try CohereRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try CohereRequestEncoder.encode(request)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try CohereResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        CohereResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { CohereStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        CohereStreamEncoder(as: identity)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        CohereFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        CohereErrorBody.render(error, requestID: requestID)
    }
}
