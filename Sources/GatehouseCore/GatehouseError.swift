/// An error that a caller is told about.
///
/// It is rendered once, in the caller's own dialect, by that dialect's `ErrorBody`. Neither `message` nor `param` may
/// hold an upstream's raw text, a path of this host or a secret: both go to the outside.
package struct GatehouseError: Error, Sendable, Equatable {
    package var code: Code
    /// One or two sentences for a person: what is wrong, and what to do next.
    package var message: String
    /// The field at fault, as a JSON pointer or a plain name.
    package var param: String?
    /// Seconds after which a new try may succeed; rendered as `Retry-After`.
    package var retryAfter: Int?

    package init(_ code: Code, _ message: String, param: String? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.param = param
        self.retryAfter = retryAfter
    }
}

extension GatehouseError {
    /// The closed list of error codes. `docs/errors.md` explains each; a test keeps the two in step.
    package enum Code: String, Sendable, CaseIterable {
        // The request
        case badRequestFraming = "bad_request_framing"
        case badHost = "bad_host"
        case headerTooLarge = "header_too_large"
        case uriTooLong = "uri_too_long"
        case bodyTooLarge = "body_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case requestTimeout = "request_timeout"
        case invalidJSON = "invalid_json"
        case jsonTooDeep = "json_too_deep"
        case missingField = "missing_field"
        case invalidValue = "invalid_value"
        case invalidArgument = "invalid_argument"
        case unknownParameter = "unknown_parameter"
        case unsupportedParameter = "unsupported_parameter"
        case notFound = "not_found"
        case previousResponseNotFound = "previous_response_not_found"
        case methodNotAllowed = "method_not_allowed"
        case notCached = "not_cached"
        case idempotencyInProgress = "idempotency_in_progress"
        case idempotencyKeyReused = "idempotency_key_reused"
        case idempotencyOutcomeUnknown = "idempotency_outcome_unknown"
        // Files and sessions
        case badMultipart = "bad_multipart"
        case invalidFilename = "invalid_filename"
        case fileTooLarge = "file_too_large"
        case fileQuotaExceeded = "file_quota_exceeded"
        case fileTypeNotAllowed = "file_type_not_allowed"
        case typeMismatch = "type_mismatch"
        case fileNotFound = "file_not_found"
        case uploadConflict = "upload_conflict"
        case rangeNotSatisfiable = "range_not_satisfiable"
        case unpackedTooLarge = "unpacked_too_large"
        case unprocessableFile = "unprocessable_file"
        case extractionLimit = "extraction_limit"
        case sessionNotFound = "session_not_found"
        case sessionBusy = "session_busy"
        case runNotFound = "run_not_found"
        case responseNotFound = "response_not_found"
        case runCancelled = "run_cancelled"
        case runInterrupted = "run_interrupted"
        // Who is calling
        case invalidAPIKey = "invalid_api_key"
        case keyRevoked = "key_revoked"
        case permissionDenied = "permission_denied"
        case fieldNotAllowed = "field_not_allowed"
        case modelNotFound = "model_not_found"
        case modelNotAllowed = "model_not_allowed"
        case rateLimited = "rate_limited"
        // Money
        case budgetExceeded = "budget_exceeded"
        case priceUnknown = "price_unknown"
        // This gateway
        case overloaded = "overloaded"
        case shuttingDown = "shutting_down"
        case deadlineExceeded = "deadline_exceeded"
        case internalError = "internal_error"
        case storageBusy = "storage_busy"
        case storageUnavailable = "storage_unavailable"
        case insufficientStorage = "insufficient_storage"
        // A provider
        case contextLengthExceeded = "context_length_exceeded"
        case upstreamRejected = "upstream_rejected"
        case upstreamModelUnknown = "upstream_model_unknown"
        case upstreamAuthFailed = "upstream_auth_failed"
        case upstreamRateLimited = "upstream_rate_limited"
        case upstreamQuotaExhausted = "upstream_quota_exhausted"
        case upstreamOverloaded = "upstream_overloaded"
        case upstreamError = "upstream_error"
        case upstreamUnreachable = "upstream_unreachable"
        case upstreamTLS = "upstream_tls"
        case upstreamTimeout = "upstream_timeout"
        case upstreamInvalidResponse = "upstream_invalid_response"
        case upstreamTruncated = "upstream_truncated"
        // An agent
        case agentNotAuthenticated = "agent_not_authenticated"
        case agentQuotaExhausted = "agent_quota_exhausted"
        case agentRateLimited = "agent_rate_limited"
        case agentAtCapacity = "agent_at_capacity"
        case agentModelUnknown = "agent_model_unknown"
        case agentInputRejected = "agent_input_rejected"
        case agentActionDenied = "agent_action_denied"
        case agentEmptyAnswer = "agent_empty_answer"
        case agentTimeout = "agent_timeout"
        case agentCancelled = "agent_cancelled"
        case agentCrashed = "agent_crashed"
        case agentFailed = "agent_failed"
        case agentProtocolError = "agent_protocol_error"
        case agentOutputTooLarge = "agent_output_too_large"
        case agentStartFailed = "agent_start_failed"
        case sandboxUnavailable = "sandbox_unavailable"
        case agentBusy = "agent_busy"
    }
}

extension GatehouseError.Code {
    /// The HTTP status this code is answered with.
    package var status: Int {
        switch self {
        case .badRequestFraming, .badHost, .invalidJSON, .jsonTooDeep, .missingField, .invalidValue, .invalidArgument,
            .unknownParameter, .unsupportedParameter, .badMultipart, .invalidFilename, .contextLengthExceeded,
            .upstreamRejected, .agentInputRejected:
            400
        case .invalidAPIKey, .keyRevoked: 401
        case .budgetExceeded, .priceUnknown: 402
        case .permissionDenied, .fieldNotAllowed, .modelNotAllowed, .agentActionDenied: 403
        case .notFound, .previousResponseNotFound, .fileNotFound, .sessionNotFound, .runNotFound, .responseNotFound,
            .modelNotFound, .upstreamModelUnknown, .agentModelUnknown:
            404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .sessionBusy, .runCancelled, .idempotencyInProgress, .idempotencyOutcomeUnknown, .uploadConflict: 409
        case .bodyTooLarge, .fileTooLarge, .fileQuotaExceeded, .unpackedTooLarge: 413
        case .uriTooLong: 414
        case .unsupportedMediaType, .fileTypeNotAllowed, .typeMismatch: 415
        case .rangeNotSatisfiable: 416
        case .unprocessableFile, .idempotencyKeyReused, .extractionLimit: 422
        case .rateLimited, .upstreamRateLimited, .upstreamQuotaExhausted, .agentRateLimited, .agentQuotaExhausted: 429
        case .headerTooLarge: 431
        case .internalError: 500
        case .upstreamAuthFailed, .upstreamError, .upstreamUnreachable, .upstreamTLS, .upstreamInvalidResponse,
            .upstreamTruncated, .agentNotAuthenticated, .agentEmptyAnswer, .agentCancelled, .agentCrashed,
            .agentFailed, .agentProtocolError, .agentOutputTooLarge:
            502
        case .overloaded, .shuttingDown, .upstreamOverloaded, .agentAtCapacity, .agentStartFailed, .sandboxUnavailable,
            .agentBusy, .storageBusy, .storageUnavailable, .runInterrupted:
            503
        case .deadlineExceeded, .notCached, .upstreamTimeout, .agentTimeout: 504
        case .insufficientStorage: 507
        }
    }
}
