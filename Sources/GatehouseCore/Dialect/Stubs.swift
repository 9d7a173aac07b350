package import NIOCore

package enum BedrockCodec: DialectCodec {
    package static var dialect: Dialect { .bedrock }
    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        CanonicalRequest(model: "")
    }
    package static func encodeRequest(_ request: CanonicalRequest, for target: TargetTraits) throws(GatehouseError)
        -> EncodedRequest
    { EncodedRequest(body: .null) }
    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse { throw Failure(.empty) }
    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        .null
    }
    package static func streamDecoder() -> any StreamDecoder { OpenAIChatStreamDecoder(terminator: .done) }
    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        OpenAIChatCodec.streamEncoder(as: identity, options: options)
    }
    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        OpenAIFailure.classify(head, body: body.readableBytesUInt8Span)
    }
    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        OpenAIErrorBody.render(error)
    }
}
