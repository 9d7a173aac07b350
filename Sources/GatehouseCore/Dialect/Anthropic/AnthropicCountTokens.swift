/// Counting the tokens of a request without an answer: `POST /v1/messages/count_tokens`.
///
/// Source: https://platform.claude.com/docs/en/api/messages-count-tokens
package enum AnthropicCountTokens {
    /// Reads a caller's request: one for an answer, in which `max_tokens` may be missing.
    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        return try AnthropicRequestDecoder.decode(&fields)
    }

    /// Writes the body for a target: what bears on the count of the input, and nothing else.
    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var encoded = try AnthropicRequestEncoder.encode(request, for: target)
        encoded.body = .object(encoded.body.members(except: unneeded))
        return encoded
    }

    /// The endpoint refuses these.
    private static let unneeded: Set<String> = [
        "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier",
    ]

    /// Reads a target's count from an answer with status 200.
    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> Int {
        if body["error"]?.object != nil { throw AnthropicFailure.classify(event: body) }
        guard let count = body["input_tokens"]?.count else {
            throw Failure(.protocol, detail: "count without input_tokens")
        }
        return count
    }

    package static func encodeResponse(_ count: Int) -> JSONValue { .object(["input_tokens": .int(count)]) }
}
