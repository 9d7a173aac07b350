package import NIOCore

/// Anthropic's Messages API (`POST /v1/messages`, version 2023-06-01).
///
/// Source: https://platform.claude.com/docs/en/api/messages
package enum AnthropicCodec: DialectCodec {
    package static var dialect: Dialect { .anthropic }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try AnthropicRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try AnthropicRequestEncoder.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try AnthropicResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        AnthropicResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { AnthropicStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        AnthropicStreamEncoder(as: identity)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        AnthropicFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        AnthropicErrorBody.render(error, requestID: requestID)
    }
}
