package import NIOCore

/// Errors as callers of this dialect understand them.
package enum ResponsesErrorBody {
    /// A whole body; the dialect shares OpenAI's shape.
    package static func render(_ error: GatehouseError) -> ByteBuffer { OpenAIErrorBody.render(error) }

    /// The members of an `error` event besides its type and number.
    ///
    /// The vendor documents `code`, `message` and `param` at the top and sends them inside `error`; official clients
    /// raise on the latter. Both are there.
    static func event(_ error: GatehouseError) -> [JSONValue.Member] {
        let flat: [JSONValue.Member] = [
            .init("code", .string(error.code.rawValue)), .init("message", .string(error.message)),
            .init("param", error.param.map { .string($0) } ?? .null),
        ]
        let type = JSONValue.Member("type", .string(OpenAIErrorBody.type(error.code)))
        return flat + [.init("error", .object([type] + flat))]
    }

    /// `response.error` of a failed answer: a code of the vendor's list, and the message.
    package static func failed(_ error: GatehouseError) -> JSONValue {
        let code =
            switch error.code {
            case .contextLengthExceeded: "context_length_exceeded"
            case .upstreamQuotaExhausted, .agentQuotaExhausted: "insufficient_quota"
            default:
                switch error.code.status {
                case 429: "rate_limit_exceeded"
                case 400..<500: "invalid_prompt"
                default: "server_error"
                }
            }
        return .object(["code": .string(code), "message": .string(error.message)])
    }
}
