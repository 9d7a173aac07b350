package import NIOCore

/// OpenAI's chat completions, which most providers speak in some form.
package enum OpenAIChatCodec: DialectCodec {
    package static var dialect: Dialect { .openAIChat }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try OpenAIChatRequestDecoder.decode(body)
    }

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        try OpenAIChatRequestEncoder.encode(request, for: target)
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        try OpenAIChatResponseCodec.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        OpenAIChatResponseCodec.encode(response, as: identity)
    }

    /// Takes an end without `[DONE]` when every choice told why it ended: some providers never write it. Who knows that the
    /// provider does makes an `OpenAIChatStreamDecoder` that insists.
    package static func streamDecoder() -> any StreamDecoder {
        OpenAIChatStreamDecoder(terminator: .doneOrFinishReason)
    }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        OpenAIChatStreamEncoder(as: identity, options: options)
    }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        OpenAIFailure.classify(head, body: body.readableBytesUInt8Span)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        OpenAIErrorBody.render(error)
    }
}
