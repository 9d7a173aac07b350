import GatehouseCore
import Testing

@testable import GatehouseUpstream

@Suite struct HTTPOriginTests {
    @Test(
        arguments: [
            ("https://api.openai.com", true, "api.openai.com", 443, ""), ("http://h:81/a/b/", false, "h", 81, "/a/b"),
            ("https://[::1]:8443/v1", true, "::1", 8443, "/v1"), ("http://H", false, "h", 80, ""),
        ] as [(String, Bool, String, Int, String)])
    func reads(url: String, isTLS: Bool, host: String, port: Int, path: String) {
        let origin = HTTPOrigin(url)
        #expect(origin?.isTLS == isTLS && origin?.host == host && origin?.port == port && origin?.path == path)
    }

    @Test(arguments: [
        "", "api.openai.com", "ftp://h", "http://", "http://u@h", "http://h:0", "http://h:99999", "http://h:x",
        "http://h/?q", "http://h/#f", "http://a\\b", "http://h h", "http://[::1", "http://::1", "http://h\r\n",
    ])
    func refuses(url: String) {
        #expect(HTTPOrigin(url) == nil)
    }

    private func path(
        _ kind: String, _ wire: Dialect, base: String = "", model: String = "m", stream: Bool = false,
        version: String? = nil, surface: Surface = .generation
    ) throws -> String {
        let row = try #require(ProviderRow.named(kind))
        let place = ProviderPlace(row, base: base, region: "eu-west-1", project: "p", apiVersion: version)
        return ProviderPath.of(wire, surface, place, model: model, stream: stream)
    }

    @Test func pathsOfTheOpenAIFamily() throws {
        #expect(try path("openai", .openAIChat) == "/v1/chat/completions")
        #expect(try path("openai", .openAIResponses, base: "/v1") == "/v1/responses")
        #expect(try path("openai", .openAICompletions, base: "/openai/v1") == "/openai/v1/completions")
        #expect(try path("perplexity", .openAIChat) == "/chat/completions")
        #expect(try path("azure-openai", .openAIChat) == "/openai/v1/chat/completions")
        #expect(
            try path("azure-openai", .openAIChat, model: "my gpt", version: "2024-10-21")
                == "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21")
        #expect(
            try path("azure-openai", .openAIResponses, version: "2025-03-01-preview")
                == "/openai/responses?api-version=2025-03-01-preview")
    }

    @Test func pathsOfOtherFormats() throws {
        #expect(try path("anthropic", .anthropic) == "/v1/messages")
        #expect(try path("cohere", .cohere, base: "/v2") == "/v2/chat")
        #expect(try path("ollama", .ollama, base: "/v1") == "/api/chat")
        #expect(try path("ollama", .openAIChat, base: "/v1") == "/v1/chat/completions")
        #expect(try path("gemini", .gemini, model: "gemini-x") == "/v1beta/models/gemini-x:generateContent")
        #expect(
            try path("gemini", .gemini, model: "tunedModels/a b", stream: true)
                == "/v1beta/tunedModels/a%20b:streamGenerateContent?alt=sse")
        #expect(
            try path("bedrock", .bedrock, model: "anthropic.claude:0/x", stream: true)
                == "/model/anthropic.claude%3A0%2Fx/converse-stream")
        #expect(
            try path("vertex", .gemini, model: "g")
                == "/v1/projects/p/locations/eu-west-1/publishers/google/models/g:generateContent")
    }

    @Test func pathsOfOtherWork() throws {
        #expect(try path("openai", .openAIChat, surface: .embeddings) == "/v1/embeddings")
        #expect(try path("openai", .openAIChat, surface: .transcription) == "/v1/audio/transcriptions")
        #expect(try path("anthropic", .anthropic, surface: .tokenCount) == "/v1/messages/count_tokens")
        #expect(try path("gemini", .gemini, surface: .embeddings) == "/v1beta/models/m:batchEmbedContents")
        #expect(try path("ollama", .ollama, base: "/v1", surface: .embeddings) == "/api/embed")
        #expect(try path("cohere", .cohere, surface: .rerank) == "/v2/rerank")
        #expect(
            try path("azure-openai", .openAIChat, version: "1", surface: .embeddings)
                == "/openai/deployments/m/embeddings?api-version=1")
    }

    @Test func rowsAreSound() {
        for row in ProviderRow.all {
            let base = row.baseURL.map { ProviderPlace.fill($0, region: "r", project: "p") }
            if let base { #expect(HTTPOrigin(base) != nil, "\(row.kind)") }
            #expect(!row.wires.isEmpty, "\(row.kind)")
        }
        #expect(Set(ProviderRow.all.map(\.kind)).count == ProviderRow.all.count)
        #expect(ProviderRow.named("bedrock")?.needs == ["region"])
        #expect(ProviderRow.named("vertex")?.needs == ["region", "project"])
    }

    @Test func theProxyOfTheEnvironment() throws {
        #expect(try HTTPProxy(environment: [:]) == nil)
        let proxy = try #require(
            try HTTPProxy(environment: [
                "HTTPS_PROXY": "http://us%65r:pa@proxy.corp:3129", "NO_PROXY": "internal.corp, .local,*.dev,exact:8443",
            ]))
        #expect(proxy.host == "proxy.corp" && proxy.port == 3129 && proxy.authorization == "Basic dXNlcjpwYQ==")
        for (url, applies) in [
            ("https://api.openai.com", true), ("https://internal.corp", false), ("https://x.internal.corp", false),
            ("https://a.local", false), ("https://a.dev", false), ("https://exact:8443", false),
            ("https://exact", true),
            ("https://127.0.0.1", false), ("https://localhost", false), ("https://notinternal.corp", true),
        ] {
            #expect(try proxy.applies(to: #require(HTTPOrigin(url))) == applies, "\(url)")
        }
        #expect(throws: HTTPProxyError.self) { try HTTPProxy(environment: ["https_proxy": "socks5://x/y?"]) }
    }

    @Test(
        arguments: [
            ("5", nil, 5), ("0", nil, 1), ("1.2", nil, 2), ("-1", nil, nil), ("soon", nil, nil), ("1e9", nil, 3600),
            ("9", "250", 1),
            (nil, "61000", 61), ("nan", nil, nil), (nil, nil, nil),
        ] as [(String?, String?, Int?)])
    func retryAfter(value: String?, milliseconds: String?, seconds: Int?) {
        #expect(RetryAfter.seconds(value, milliseconds: milliseconds) == seconds)
    }
}
