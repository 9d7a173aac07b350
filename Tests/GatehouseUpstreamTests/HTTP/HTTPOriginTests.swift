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

    @Test func pathsOfOperations() throws {
        let openai = try #require(ProviderRow.named("openai"))
        #expect(openai.path(of: .chatCompletions, below: "") == "/v1/chat/completions")
        #expect(openai.path(of: .chatCompletions, below: "/v1") == "/v1/chat/completions")
        #expect(openai.path(of: .completions, below: "/openai/v1") == "/openai/v1/completions")
        let perplexity = try #require(ProviderRow.named("perplexity"))
        #expect(perplexity.path(of: .chatCompletions, below: "") == "/chat/completions")
        for row in ProviderRow.all {
            if let base = row.baseURL { #expect(HTTPOrigin(base) != nil, "\(row.kind)") }
        }
        #expect(Set(ProviderRow.all.map(\.kind)).count == ProviderRow.all.count)
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
