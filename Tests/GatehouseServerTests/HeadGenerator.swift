import GatehouseCore

extension SeededGenerator {
    fileprivate mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<max(1, limit), using: &self) }
    fileprivate mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// Makes requests, most of them nearly plain.
enum HeadGenerator {
    /// As client libraries write them, without the empty line.
    static let usual = [
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept-Encoding: gzip, deflate\r\n"
            + "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
            + "User-Agent: OpenAI/Python 1.109.1\r\nX-Stainless-Lang: python\r\nX-Stainless-Raw-Response: true\r\n"
            + "Authorization: Bearer sk-1\r\nX-Stainless-Async: false\r\nx-stainless-retry-count: 0\r\nContent-Length: 2",
        "POST /v1/messages HTTP/1.1\r\nhost: gate.example:443\r\nx-api-key: sk-1\r\nanthropic-version: 2023-06-01\r\n"
            + "anthropic-beta: a-1,b-2\r\ncontent-type: application/json\r\ncontent-length: 2",
        "POST /v1/responses HTTP/1.1\r\nHost:localhost\r\nauthorization:bearer sk-1\r\ncontent-length:2\r\n"
            + "x-request-id: abc\r\nidempotency-key: k\r\nX-Session-ID: s",
        "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk-1\r\n"
            + "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2",
        "POST /v1/completions HTTP/1.1\r\nHost: a\r\nX-Goog-Api-Key: sk-1\r\nContent-Length: 2",
    ]
    /// Lines that make a request one for the parser.
    static let odd = [
        "content-length: 2", "host: a", "host: b", "transfer-encoding: chunked", "transfer-encoding:",
        "Transfer-Encoding: identity", "expect: 100-continue", "upgrade: h2c", "connection: close",
        "connection: keep-alive, upgrade", "connection: upgrade", "connection:", "proxy-connection: keep-alive",
        "content-encoding: gzip", "content-encoding: identity", "content-type: text/plain",
        "content-type: application/jsonx", "content-type: ", "x-api-key: other", "x-goog-api-key: other",
        "authorization: Basic eA==", "authorization: Bearer", "authorization: Bearer  ", "x-gatehouse-timeout: 5s",
        "x-gatehouse-session: continue",
        "x-request-id: a\r\nx-request-id: b", "x-session-id: a\r\nx-session-id: b", "x y: z", "x : y", ": y", "x",
        " folded", "\tfolded", "x: a\tb", "x: a\rb", "x: a\nb", "x: a\0b", "x: \u{7F}", "x: ü", "é: x", "x\0y: z",
        "x: a\r", "x: a\n", "x: a ", "(x): y", "x;y: z", "x@y: z", "x[y: z", "\rx: y", "\nx: y",
    ]
    private static let lines = [
        "POST /v1/chat/completions HTTP/1.1", "POST /v1/messages HTTP/1.1", "POST /v1/responses HTTP/1.1",
        "POST /v1/messages/count_tokens HTTP/1.1", "POST /v1/embeddings HTTP/1.1", "POST /v1/completions HTTP/1.1",
        "POST /v1/models HTTP/1.1", "GET /v1/chat/completions HTTP/1.1", "POST /v1/chat/completions HTTP/1.0",
        "POST /v1/chat/completions?x HTTP/1.1", "POST  /v1/messages HTTP/1.1", "POST /v1/messages  HTTP/1.1",
        "POST /v1/messages HTTP/1.1 ", "post /v1/messages HTTP/1.1", "POST http://a/v1/messages HTTP/1.1",
        "\r\nPOST /v1/messages HTTP/1.1", "POST /v1/messages/ HTTP/1.1", "POST /V1/messages HTTP/1.1",
        "POST /v1/rerank HTTP/1.1", "POST /v1/messages\tHTTP/1.1", "XPOST /v1/messages HTTP/1.1",
    ]
    private static let hosts = [
        "a", "127.0.0.1:1", "A.b-c_d:65535", "a:0", "a:65536", "a:", ":1", "", "[::1]:80", "a b", "a/", "a,b", "a:1x",
        "a:00080",
    ]
    private static let lengths = ["5", "0", "05", "4", "6", "+5", "-5", "5, 5", "0x5", "5 5", "", "99999999999", "5a"]
    private static let keys = [
        "authorization: Bearer sk-1", "Authorization: bearer sk-1", "x-api-key: sk-1", "x-goog-api-key: sk-1",
        "authorization: Bearer  sk-1 ", "authorization: Bearersk-1", "authorization: Bearer\tsk-1", "x-api-key:",
        "authorization: Bearer sk-1\r\nx-api-key: other", "x-api-key: other\r\nauthorization: Bearer sk-1",
    ]
    private static let fields = [
        "content-type: application/json", "Content-Type:application/json;charset=utf-8", "x-request-id: abc",
        "X-Request-ID:", "anthropic-beta: a, b", "anthropic-beta: c", "idempotency-key: k", "Idempotency-Key:",
        "connection: keep-alive", "Connection: Keep-Alive ", "accept: */*", "te: trailers", "trailer: x",
        "keep-alive: timeout=5", "x-session-id: s-1", "user-agent: x (y; z)", "empty:", "x_y: z",
        "x-long: " + String(repeating: "v", count: 300), "traceparent: 00-ab-cd-01",
    ]
    private static let nasty: [[UInt8]] = [
        [0x0D], [0x0A], [0x0D, 0x0A], [0], [0x20], [0x09], [0x7F], [0x3A], [0x2C], [0x80], [0x30], [0x41],
        [0x0D, 0x0A, 0x20], [0x0D, 0x0A, 0x0D, 0x0A],
    ]

    static func request(_ random: inout SeededGenerator) -> [UInt8] {
        let isNice = random.below(2) == 0
        var parts = [
            "host: " + random.one(of: isNice ? Array(hosts.prefix(3)) : hosts),
            "content-length: " + random.one(of: isNice ? Array(lengths.prefix(3)) : lengths),
            random.one(of: isNice ? Array(keys.prefix(4)) : keys),
        ]
        for _ in 0..<random.below(6) { parts.append(random.one(of: fields)) }
        if !isNice, random.below(3) == 0 { parts.append(random.one(of: odd)) }
        if random.below(8) == 0 { parts.remove(at: random.below(parts.count)) }
        for index in parts.indices.reversed() { parts.swapAt(index, random.below(index + 1)) }
        let line = random.one(of: isNice ? Array(lines.prefix(6)) : lines)
        let rest = random.below(4) == 0 ? "POST /v1/messages HTTP/1.1\r\n" : ""
        var bytes = Array(([line] + parts).joined(separator: "\r\n").utf8) + Array("\r\n\r\nhello\(rest)".utf8)
        if random.below(4) == 0 { bytes.removeLast(random.below(min(bytes.count, 60))) }
        if random.below(4) == 0 { mutate(&bytes, &random) }
        return bytes
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = random.below(bytes.count)
        switch random.below(3) {
        case 0: bytes.remove(at: place)
        case 1: bytes.replaceSubrange(place..<place + 1, with: random.one(of: nasty))
        default: bytes.insert(contentsOf: random.one(of: nasty), at: place)
        }
    }
}
