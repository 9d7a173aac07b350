package import NIOCore

/// Renders errors as AWS does: an exception with a name and a message.
package enum BedrockErrorBody {
    package static func render(_ error: GatehouseError) -> ByteBuffer {
        let body = JSONValue.object(["__type": .string(name(error.code)), "message": .string(error.message)])
        return ByteBuffer(string: body.text)
    }

    /// The error as the last message of a stream.
    package static func write(_ error: GatehouseError, to buffer: inout ByteBuffer) {
        // Names of a stream's exceptions begin with a small letter.
        let name = streamName(error.code)
        EventStreamWriter.write(headers: EventStreamWriter.headers("exception", name), to: &buffer) { payload in
            payload.writeStaticString(#"{"message":"#)
            JSONText.write(error.message, to: &payload)
            payload.writeStaticString("}")
        }
    }

    private static func name(_ code: GatehouseError.Code) -> String {
        switch code.status {
        case 401, 403: "AccessDeniedException"
        case 404: "ResourceNotFoundException"
        case 408, 504: "ModelTimeoutException"
        case 429: "ThrottlingException"
        case 400..<500: "ValidationException"
        case 503: "ServiceUnavailableException"
        default: "InternalServerException"
        }
    }

    /// A stream knows five exceptions.
    private static func streamName(_ code: GatehouseError.Code) -> String {
        switch code.status {
        case 429: "throttlingException"
        case 400..<500: "validationException"
        case 502, 504: "modelStreamErrorException"
        case 503: "serviceUnavailableException"
        default: "internalServerException"
        }
    }
}
