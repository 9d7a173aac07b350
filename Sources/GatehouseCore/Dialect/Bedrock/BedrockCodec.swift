package import NIOCore

/// Amazon Bedrock's Converse and ConverseStream.
package enum BedrockCodec: DialectCodec {
    package static var dialect: Dialect { .bedrock }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try BedrockRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try BedrockRequestEncoder.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try BedrockResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        BedrockResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { BedrockStreamDecoder() }

    package static func streamEncoder(
        as identity: AnswerIdentity, options: StreamOptions
    ) -> any StreamEncoder {
        BedrockStreamEncoder(as: identity)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        BedrockFailure.classify(head, body: body)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        BedrockErrorBody.render(error)
    }
}
