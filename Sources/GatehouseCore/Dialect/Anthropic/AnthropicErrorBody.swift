package import NIOCore

/// Renders an error as Anthropic does: `{"type":"error","error":{"type","message"},"request_id"}`, with this gateway's
/// own `code`, and `param` where a field is at fault, beside the message.
package enum AnthropicErrorBody {
    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("type")
        writer.string("error")
        writer.key("error")
        writer.beginObject()
        writer.key("type")
        writer.string(type(error.code))
        writer.key("message")
        writer.string(error.message)
        writer.key("code")
        writer.string(error.code.rawValue)
        if let param = error.param {
            writer.key("param")
            writer.string(param)
        }
        writer.endObject()
        writer.key("request_id")
        writer.string(requestID)
        writer.endObject()
        return writer.buffer
    }

    /// Anthropic's word for the kind of error.
    package static func type(_ code: GatehouseError.Code) -> String {
        switch code.status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        case 503: "overloaded_error"
        case 504: "timeout_error"
        default: "api_error"
        }
    }
}
