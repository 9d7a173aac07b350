package import NIOCore

package protocol StubCodec: DialectCodec {}
extension StubCodec {
    package static var dialect: Dialect { .openAIChat }
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
        StubEncoder()
    }
    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        OpenAIFailure.classify(head, body: body.readableBytesUInt8Span)
    }
    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        OpenAIErrorBody.render(error)
    }
}
package struct StubEncoder: StreamEncoder {
    package mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer) {}
    package mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {}
}
package struct OpenAIChatStreamDecoder: StreamDecoder {
    package init(terminator: OpenAIByteStream.Terminator) {}
    package mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {}
    package mutating func end(into events: inout [CanonicalEvent]) throws(Failure) {}
    package var isDone: Bool { false }
}
package enum OpenAIChatCodec: StubCodec {}
package enum OpenAICompletionsCodec: StubCodec {}
package enum GeminiCodec: StubCodec {}
package enum BedrockCodec: StubCodec {}
