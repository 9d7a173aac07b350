/// `countTokens`: the request is `contents` alone (Gemini API), the whole request of the other methods, in
/// `generateContentRequest` (Gemini API) or as it is (Vertex); the answer is `totalTokens`.
package enum GeminiCountTokens {
    private static let raw = "$raw"
    private static let form = "$countTokens"
    private static let nested = "generateContentRequest"

    /// Reads a caller's request. Its model is that of the nested request, or empty.
    package static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        let (normal, _) = GeminiSpelling.normalize(body)
        var fields = try JSONFields(normal)
        guard let inner = fields.value(nested) else { return try GeminiRequestDecoder.decode(body) }
        guard inner.object != nil else { throw fields.invalid(nested, "must be an object") }
        var request: CanonicalRequest
        do {
            request = try GeminiRequestDecoder.decode(inner)
        } catch {
            var error = error
            error.param = error.param.map { fields.path(nested) + "." + $0 }
            throw error
        }
        if let name = inner["model"]?.string { request.model = String(name.split(separator: "/").last ?? "") }
        request.extensions[.gemini, form] = .object(fields.rest)
        return request
    }

    /// Writes the request for a target. What counts as input is all sent: system, tools and their results too.
    package static func encodeRequest(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var encoded = try GeminiRequestEncoder.encode(request, for: target)
        let rest = request.extensions[.gemini, form]?.object
        let isBare = encoded.body.object?.allSatisfy { $0.key == "contents" } == true
        guard target.kind != "vertex", rest != nil || !isBare else { return encoded }
        let name = JSONValue.Member("model", .string("models/" + target.model))
        let inner = JSONValue.object(encoded.body.members(except: ["model"]) + [name])
        encoded.body = JSONValue.object([JSONValue.Member(nested, inner)]).adding(rest ?? [])
        return encoded
    }

    /// Reads a target's answer: the count as `input`.
    ///
    /// - Throws: `Failure` for an error inside it, `.protocol` when no count is in it.
    package static func decodeResponse(_ body: JSONValue) throws(Failure) -> Usage {
        if let failure = GeminiFailure.inside(body) { throw failure }
        guard let total = body["totalTokens"]?.count else {
            throw Failure(.protocol, detail: "a count of tokens without totalTokens")
        }
        var usage = Usage(input: total, output: 0, cachedInput: body["cachedContentTokenCount"]?.count ?? 0)
        usage.extensions[.gemini, raw] = body
        return usage
    }

    /// Writes the count for a caller.
    package static func encodeResponse(_ usage: Usage) -> JSONValue {
        if let body = usage.extensions[.gemini, raw] { return body }
        let cached = usage.cachedInput > 0 ? JSONValue.int(usage.cachedInput) : nil
        return .object(["totalTokens": .int(usage.input), "cachedContentTokenCount": cached])
    }
}
