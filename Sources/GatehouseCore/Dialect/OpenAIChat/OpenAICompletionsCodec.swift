package import NIOCore

/// OpenAI's older text completions.
package enum OpenAICompletionsCodec: DialectCodec {
    package static var dialect: Dialect { .openAICompletions }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try OpenAICompletionsRequestCodec.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try OpenAICompletionsRequestCodec.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try OpenAICompletionsResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        OpenAICompletionsResponseCodec.encode(response, as: identity)
    }

    package static func streamDecoder() -> any StreamDecoder { OpenAICompletionsStreamDecoder() }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        OpenAICompletionsStreamEncoder(as: identity, options: options)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        OpenAIFailure.classify(head, body: body.readableBytesUInt8Span)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        OpenAIErrorBody.render(error)
    }
}
