package import NIOCore

/// This gateway's own API (`POST /api/generate`; docs/native.md). Callers speak it, no target does.
package enum NativeCodec: DialectCodec {
    package static var dialect: Dialect { .native }

    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        try NativeRequestDecoder.decode(body)
    }

    package static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        NativeResponseCodec.encode(response, as: identity)
    }

    package static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder {
        NativeStreamEncoder(as: identity)
    }

    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        NativeErrorBody.render(error, requestID: requestID, time: nil)
    }

    package static func render(_ error: GatehouseError, requestID: String, time: Int) -> ByteBuffer {
        NativeErrorBody.render(error, requestID: requestID, time: time)
    }

    // MARK: No target speaks it

    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        throw GatehouseError(.unsupportedParameter, "No provider is asked in the native dialect.", param: "model")
    }

    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse { throw unspoken }

    package static func streamDecoder() -> any StreamDecoder { Unspoken() }

    package static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure { unspoken }

    private static let unspoken = Failure(.protocol, detail: "no provider answers in the native dialect")

    private struct Unspoken: StreamDecoder {
        var isDone: Bool { false }

        mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure) {
            throw unspoken
        }

        mutating func end(into events: inout [CanonicalEvent]) throws(Failure) { throw unspoken }
    }
}
