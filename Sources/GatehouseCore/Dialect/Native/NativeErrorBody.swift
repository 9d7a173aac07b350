import NIOCore

/// Renders an error as the native API does: the code in capitals, and when it happened.
enum NativeErrorBody {
    static func render(_ error: GatehouseError, requestID: String, time: Int?) -> ByteBuffer {
        value(error, requestID: requestID, time: time).bytes
    }

    /// - Parameter time: Seconds since 1970.
    static func value(_ error: GatehouseError, requestID: String, time: Int?) -> JSONValue {
        let details: JSONValue = .object([
            "param": error.param.map { .string($0) }, "retry_after": error.retryAfter.map { .int($0) },
        ])
        return .object([
            "error": .object([
                "code": .string(error.code.rawValue.uppercased()), "message": .string(error.message),
                "details": details, "request_id": .string(requestID),
                "timestamp": time.map { .string(RFC3339Time.text($0)) },
            ])
        ])
    }
}
