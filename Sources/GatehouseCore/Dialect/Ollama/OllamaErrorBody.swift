import NIOCore

/// Classifies what Ollama says when it fails: `{"error":"…"}`, in answers and in streams.
enum OllamaFailure {
    static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        let text = (try? JSONValue(parsing: body.readableBytesView))?["error"]?.string ?? ""
        let kind: Failure.Kind =
            switch head.status {
            case 300..<400: .protocol
            case 401, 403: .auth
            case 402: .quota
            case 404: .modelUnknown
            case 408, 504: .timeout(.own)
            case 429: text.contains("usage limit") ? .quota : .rate
            case 503, 529: .capacity
            case 400..<500: kind(text) ?? .input
            default: kind(text) ?? .upstream
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
        if text.contains("context length") || text.contains("context window") { return .contextLength }
        if text.contains("not found") && (text.hasPrefix("model") || text.contains("pulling it")) {
            return .modelUnknown
        }
        if text.contains("does not support") { return .input }
        if text.contains("more system memory") || text.contains("server busy") { return .capacity }
        return nil
    }
}

/// Renders an error as Ollama does.
enum OllamaErrorBody {
    static func render(_ error: GatehouseError) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.string(error.message)
        writer.key("code")
        writer.string(error.code.rawValue)
        writer.endObject()
        return writer.buffer
    }
}
