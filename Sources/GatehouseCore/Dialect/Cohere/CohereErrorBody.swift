import NIOCore

/// Classifies what Cohere says when it fails (https://docs.cohere.com/reference/errors): `{"id","message"}`.
enum CohereFailure {
    static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        let text = (try? JSONValue(parsing: body.readableBytesView))?["message"]?.string ?? ""
        let kind: Failure.Kind =
            switch head.status {
            case 300..<400: .protocol
            case 401, 403, 498: .auth
            case 402: .quota
            case 404: .modelUnknown
            case 408, 504: .timeout(.own)
            case 429: text.contains("/ month") || text.contains("per month") ? .quota : .rate
            case 503, 529: .capacity
            case 400..<500: kind(text) ?? .input
            default: .upstream
            }
        return Failure(
            kind, detail: "status \(head.status)",
            retryAfter: RetryAfter.seconds(head.retryAfter, milliseconds: head.retryAfterMilliseconds))
    }

    /// The failure of an error inside an answer; its text tells the class, and goes no further.
    static func classify(text: String, _ place: String) -> Failure {
        Failure(kind(text) ?? .upstream, detail: place)
    }

    private static func kind(_ text: String) -> Failure.Kind? {
        if text.hasPrefix("too many tokens") {
            // The limit of the answer, not that of the context.
            return text.contains("max tokens must be") ? .input : .contextLength
        }
        if text.hasPrefix("model '"), text.contains("not found") { return .modelUnknown }
        return text.hasPrefix("invalid request") ? .input : nil
    }
}

/// Renders an error as Cohere does.
enum CohereErrorBody {
    static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("id")
        writer.string(requestID)
        writer.key("message")
        writer.string(error.message)
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.endObject()
        return writer.buffer
    }

    /// The error as the last event of a stream.
    static func writeEvent(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: message-end\ndata: {\"type\":\"message-end\",\"id\":")
        JSONText.write(requestID, to: &buffer)
        buffer.writeStaticString(#","delta":{"finish_reason":"ERROR","code":"#)
        JSONText.write(error.code.rawValue, to: &buffer)
        buffer.writeStaticString(#","error":"#)
        JSONText.write(error.message, to: &buffer)
        buffer.writeStaticString("}}\n\n")
    }
}
