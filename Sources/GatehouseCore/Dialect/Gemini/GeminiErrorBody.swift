package import NIOCore

/// Errors as Google's APIs tell them (AIP-193), for callers of this dialect.
package enum GeminiErrorBody {
    /// `{"error": {...}}`.
    package static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer {
        var json = JSONWriter()
        json.value(value(error, requestID: requestID))
        return json.buffer
    }

    static func value(_ error: GatehouseError, requestID: String) -> JSONValue {
        let status = error.code.status
        var details: [JSONValue] = [
            .object([
                "@type": type("ErrorInfo"), "reason": .string(error.code.rawValue), "domain": .string("gatehouse"),
                "metadata": .object(["requestId": .string(requestID)]),
            ])
        ]
        if let field = error.param {
            let violation = JSONValue.object(["field": .string(field), "description": .string(error.message)])
            details.append(.object(["@type": type("BadRequest"), "fieldViolations": .array([violation])]))
        }
        if let wait = error.retryAfter {
            details.append(.object(["@type": type("RetryInfo"), "retryDelay": .string("\(wait)s")]))
        }
        return .object([
            "error": .object([
                "code": .int(status), "message": .string(error.message), "status": .string(word(status)),
                "details": .array(details),
            ])
        ])
    }

    /// The word that belongs to an HTTP status (google/rpc/code.proto).
    static func word(_ status: Int) -> String {
        switch status {
        case 401: "UNAUTHENTICATED"
        case 403: "PERMISSION_DENIED"
        case 404: "NOT_FOUND"
        case 405: "UNIMPLEMENTED"
        case 408, 504: "DEADLINE_EXCEEDED"
        case 429: "RESOURCE_EXHAUSTED"
        case 503: "UNAVAILABLE"
        case 400..<500: "INVALID_ARGUMENT"
        default: "INTERNAL"
        }
    }

    private static func type(_ name: String) -> JSONValue { .string("type.googleapis.com/google.rpc.\(name)") }
}
