import GatehouseCore
import NIOCore
import Testing

@Suite struct OpenAIFailureTests {
    private func failure(_ status: Int, _ body: String, retryAfter: String? = nil) -> Failure {
        OpenAIChatCodec.failure(
            UpstreamHead(status: status, contentType: "application/json", retryAfter: retryAfter),
            body: ByteBuffer(string: body))
    }

    /// Bodies as the vendors document them.
    @Test(arguments: [
        (
            400, #"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            Failure.Kind.contextLength
        ),
        (
            400, #"{"error":{"message":"This model's maximum context length is 4096 tokens.","code":400}}"#,
            .contextLength
        ),
        (400, #"{"error":{"code":400,"message":"m","type":"exceed_context_size_error"}}"#, .contextLength),
        (400, #"{"object":"error","message":"m","type":"invalid_model","code":"1500"}"#, .modelUnknown),
        (400, #"{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":null}}"#, .input),
        (401, #"{"error":{"message":"m","code":"invalid_api_key"}}"#, .auth), (402, "", .quota), (403, "", .auth),
        (404, #"{"error":{"code":"DeploymentNotFound","message":"m"}}"#, .modelUnknown), (408, "", .timeout(.own)),
        (413, #"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#, .rate), (413, "", .input),
        (422, #"{"detail":[{"type":"enum","msg":"m"}]}"#, .input),
        (429, #"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#, .rate),
        (429, #"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#, .quota),
        (429, #"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#, .quota), (498, "", .capacity),
        (500, "<html>", .upstream), (502, "", .upstream), (503, "", .capacity), (529, "", .capacity),
        (504, "", .timeout(.own)), (302, "", .protocol),
    ])
    func everyDocumentedErrorHasItsClass(status: Int, body: String, kind: Failure.Kind) {
        #expect(failure(status, body).kind == kind)
    }

    @Test func whatTheVendorWritesStaysHere() {
        let failure = failure(
            400, #"{"error":{"message":"sk-secret in /root","param":"messages[0].content","code":"invalid_value"}}"#)
        #expect(!failure.detail.contains("secret") && failure.hint == "invalid_value, field messages[0].content")
    }

    @Test func theWaitIsRead() {
        #expect(failure(429, "", retryAfter: "7").retryAfter == 7)
    }
}
