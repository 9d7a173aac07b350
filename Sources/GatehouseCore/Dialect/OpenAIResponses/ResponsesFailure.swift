package import NIOCore

/// Classifies what providers say in this dialect when they fail: by status, or in an answer that began well.
package enum ResponsesFailure {
    /// The failure of a response with an error status.
    package static func classify(_ head: UpstreamHead, body: ByteBuffer) -> Failure {
        var failure = OpenAIFailure.classify(head, body: body.readableBytesUInt8Span)
        guard let document = try? JSONValue(parsing: body.readableBytesView) else { return failure }
        if let kind = plainKind(document, head.status) { failure.kind = kind }
        let error = document["error"]
        if let code = error?["code"]?.string, let known = known(code), head.status < 500, head.status != 429 {
            failure.kind = known
            if isAtFault(known) { failure.hint = code }
        } else if head.status == 404, error?["type"]?.string == "invalid_request_error",
            error?["param"]?.string.map({ $0 != "model" }) == true
        {
            // A stored answer or item that is not there, not the model.
            failure.kind = .input
        }
        return failure
    }

    /// The failure that an error object inside an answer or an event tells.
    package static func classify(error: JSONValue) -> Failure {
        let code = error["code"]?.string ?? error["type"]?.string ?? ""
        if let kind = known(code) {
            return Failure(kind, detail: "error in a 200 code=\(code)", hint: isAtFault(kind) ? code : nil)
        }
        let bytes = ByteBuffer(string: error.text)
        return OpenAIFailure.classify(
            errorObject: bytes.readableBytesUInt8Span, in: bytes.readableBytesUInt8Span)
    }

    private static func isAtFault(_ kind: Failure.Kind) -> Bool { kind == .input || kind == .contextLength }

    /// The class of a code of `response.error`, or of the codes that the vendor's own clients watch for.
    private static func known(_ code: String) -> Failure.Kind? {
        switch code {
        case "server_error": .upstream
        case "rate_limit_exceeded": .rate
        case "insufficient_quota", "usage_limit_reached", "usage_not_included": .quota
        case "server_is_overloaded", "slow_down": .capacity
        case "vector_store_timeout": .timeout(.own)
        case "context_length_exceeded": .contextLength
        case "model_not_found": .modelUnknown
        case "invalid_api_key": .auth
        default: inputCodes.contains(code) ? .input : nil
        }
    }

    /// Codes of requests at fault that the vendor documents for `response.error` and for stored answers.
    private static let inputCodes: Set<String> = [
        "invalid_prompt", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url",
        "image_too_large", "image_too_small", "image_parse_error", "image_content_policy_violation",
        "invalid_image_mode", "image_file_too_large", "unsupported_image_media_type", "empty_image_file",
        "failed_to_download_image", "image_file_not_found", "previous_response_not_found", "invalid_encrypted_content",
    ]

    /// Some providers give the error as a bare text. Only what a wrong key and an unknown model look like is read from
    /// it.
    private static func plainKind(_ document: JSONValue, _ status: Int) -> Failure.Kind? {
        guard (400..<500).contains(status), let text = document["error"]?.string else { return nil }
        if text.contains("API key") { return .auth }
        return text.hasPrefix("Model not found") ? .modelUnknown : nil
    }
}
