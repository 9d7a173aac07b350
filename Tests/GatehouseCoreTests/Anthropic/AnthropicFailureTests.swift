import GatehouseCore
import NIOCore
import Testing

/// Errors of Anthropic, and errors for callers who speak its dialect.
@Suite struct AnthropicFailureTests {
    private func classify(_ status: Int, _ type: String, _ message: String = "m", retryAfter: String? = nil) -> Failure
    {
        let body = #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"},"request_id":"r"}"#
        let head = UpstreamHead(status: status, contentType: "application/json", retryAfter: retryAfter)
        return AnthropicCodec.failure(head, body: ByteBuffer(string: body))
    }

    @Test(arguments: [
        (400, "invalid_request_error", Failure.Kind.input), (401, "authentication_error", .auth),
        (402, "billing_error", .quota), (403, "permission_error", .auth), (404, "not_found_error", .modelUnknown),
        (409, "conflict_error", .input), (413, "request_too_large", .input), (429, "rate_limit_error", .rate),
        (500, "api_error", .upstream), (502, "", .upstream), (503, "", .capacity),
        (504, "timeout_error", .timeout(.own)), (529, "overloaded_error", .capacity),
        (500, "overloaded_error", .capacity), (307, "", .protocol), (408, "", .timeout(.own)),
    ])
    func `every documented error has a class`(status: Int, type: String, kind: Failure.Kind) {
        #expect(classify(status, type).kind == kind)
    }

    @Test func `a prompt too long and a purse too empty are told apart from other wrong requests`() {
        let type = "invalid_request_error"
        #expect(classify(400, type, "prompt is too long: 210000 tokens > 200000 maximum").kind == .contextLength)
        let sum = "input length and `max_tokens` exceed context limit: 1 + 2 > 2"
        #expect(classify(400, type, sum).kind == .contextLength)
        #expect(classify(400, type, "Your credit balance is too low to access the Anthropic API.").kind == .quota)
        #expect(classify(400, type, "You have reached your specified API usage limits.").kind == .quota)
        let spent = #"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#
        let head = UpstreamHead(status: 429, contentType: "")
        #expect(AnthropicCodec.failure(head, body: ByteBuffer(string: spent)).kind == .quota)
    }

    @Test func `a caller is told the field at fault and nothing else`() {
        let type = "invalid_request_error"
        #expect(classify(400, type, "messages.0.content.1: bad secret").hint == "field messages.0.content.1")
        #expect(classify(400, type, "secret.path: bad").hint == nil)
        #expect(classify(400, type, "the secret is out").hint == nil)
        #expect(classify(413, "request_too_large", "secret").hint == "request_too_large")
        #expect(classify(400, "se cret", "x").detail.contains("se cret") == false)
        #expect(classify(429, "rate_limit_error", retryAfter: "17").retryAfter == 17)
    }

    @Test func `a body that is cut or no JSON is classified by its status`() {
        let head = UpstreamHead(status: 529, contentType: "text/html")
        for body in ["", "<html>", #"{"type":"error","err"#, "[]"] {
            #expect(AnthropicCodec.failure(head, body: ByteBuffer(string: body)).kind == .capacity)
        }
    }

    @Test(arguments: GatehouseError.Code.allCases)
    func `every error of this gateway is rendered as Anthropic does`(code: GatehouseError.Code) throws {
        let error = GatehouseError(code, "Why \"it\" failed.", param: "a.b")
        let body = try JSONValue(parsing: AnthropicCodec.render(error, requestID: "req_9").readableBytesView)
        #expect(body["type"]?.string == "error")
        #expect(body["request_id"]?.string == "req_9")
        #expect(body["error"]?["message"]?.string == error.message)
        #expect(body["error"]?["code"]?.string == code.rawValue)
        #expect(body["error"]?["param"]?.string == "a.b")
        let types = [
            400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
            404: "not_found_error",
            405: "invalid_request_error", 408: "invalid_request_error", 409: "invalid_request_error",
            413: "request_too_large", 414: "invalid_request_error", 415: "invalid_request_error",
            416: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error",
            431: "invalid_request_error", 500: "api_error", 502: "api_error", 503: "overloaded_error",
            504: "timeout_error", 507: "api_error",
        ]
        #expect(body["error"]?["type"]?.string == types[code.status])
    }

    @Test func `an error in a whole answer with status 200 is a failure`() throws {
        let error = try JSONValue(parsing: #"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#.utf8)
        let failure = #expect(throws: Failure.self) { try AnthropicCodec.decodeResponse(error) }
        #expect(failure?.kind == .capacity)
        let other = #expect(throws: Failure.self) { try AnthropicCodec.decodeResponse(.object(["id": .string("x")])) }
        #expect(other?.kind == .protocol)
        let count = #expect(throws: Failure.self) { try AnthropicCountTokens.decodeResponse(.object([])) }
        #expect(count?.kind == .protocol)
    }

    @Test func `a count of another dialect's request holds what bears on it alone`() throws {
        var request = CanonicalRequest(model: "m", messages: [Message(role: .user, parts: [.text("hi")])])
        request.sampling.temperature = "0.5"
        request.user = "u"
        request.stream = true
        request.tools = [Tool(.function(parameters: nil), name: "f")]
        let target = TargetTraits(kind: "anthropic", model: "claude-sonnet-4-5")
        let body = try AnthropicCountTokens.encodeRequest(request, for: target).body
        #expect(body.object?.map(\.key).sorted() == ["messages", "model", "tools"])
    }
}
