package import NIOCore

/// Renders an error as OpenAI does: `{"error":{"message","type","param","code"}}`.
package enum OpenAIErrorBody {
    package static func render(_ error: GatehouseError) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.beginObject()
        writer.key("message")
        writer.string(error.message)
        writer.key("type")
        writer.string(type(error.code))
        writer.key("param")
        if let param = error.param { writer.string(param) } else { writer.null() }
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.endObject()
        writer.endObject()
        return writer.buffer
    }

    /// The error as the last event of a stream. No `[DONE]` follows it.
    package static func event(_ error: GatehouseError) -> ByteBuffer {
        var buffer = ByteBuffer()
        SSEWriter.write(data: render(error), to: &buffer)
        return buffer
    }

    /// OpenAI's word for the kind of error.
    package static func type(_ code: GatehouseError.Code) -> String {
        switch code.status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }
}
