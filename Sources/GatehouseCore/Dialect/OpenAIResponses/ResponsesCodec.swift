package import NIOCore

/// OpenAI's Responses API (platform.openai.com/docs/api-reference/responses).
package enum ResponsesCodec: DialectCodec {
    package static let dialect = Dialect.openAIResponses

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try ResponsesRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try ResponsesRequestEncoder.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try ResponsesResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        ResponsesResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { ResponsesStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        ResponsesStreamEncoder(as: identity)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        ResponsesFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        ResponsesErrorBody.render(error)
    }
}
