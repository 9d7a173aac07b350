package import NIOCore

/// Ollama's chat API (`POST /api/chat`, https://docs.ollama.com/api/chat).
package enum OllamaCodec: DialectCodec {
    package static var dialect: Dialect { .ollama }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try OllamaRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try OllamaRequestEncoder.encode(request)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try OllamaResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        OllamaResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { OllamaStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        OllamaStreamEncoder(as: identity)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        OllamaFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        OllamaErrorBody.render(error)
    }
}
