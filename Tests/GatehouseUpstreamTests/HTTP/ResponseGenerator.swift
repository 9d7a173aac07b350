/// Makes responses, most of them nearly right.
enum ResponseGenerator {
    private static let statusLines = [
        "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ",
        "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified", "HTTP/1.1 429 Too Many Requests", "HTTP/1.1 599 x",
        "HTTP/1.1 999 x", "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 099 x", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
        "HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "http/1.1 200 OK", "HTTP/1.1  200 OK", "ICY 200 OK",
        "HTTP/1.1 200 \u{1}", "HTTP/1.1 200 größer", "\r\nHTTP/1.1 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200OK",
    ]
    private static let interims = [
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
        "HTTP/1.1 102 x\r\ncontent-length: 5\r\n\r\n", "HTTP/1.1 150 x\r\n\r\n",
    ]
    private static let fields = [
        "content-type: application/json", "Content-Type:text/event-stream ", "content-type: text/html; charset=utf-8",
        "content-encoding: gzip", "Content-Encoding: identity", "retry-after: 5", "Retry-After-Ms: \t250 ",
        "x-request-id: abc", "Request-Id: def", "X-Amzn-RequestId: ghi", "apim-request-id: jkl",
        "x-amzn-ErrorType: ThrottlingException:http://x/", "keep-alive: timeout=5, max=100", "Keep-Alive: x",
        "connection: close", "Connection: keep-alive", "connection: x, CLOSE ,y", "connection: keep-alive, close",
        "connection: closed", "date: today", "empty:", "x: \u{7F}", "x: ü", "x: a\tb", "é: x", "bad name: x", "x : y",
        " folded", "\tfolded", ": no name", "no colon", "x: a\rb", "x: a\nb", "x: a\0b", "content-type :x",
        "upgrade: h2c",
        "content_type: x", "cooooontent-: x", "server: mock", "x-long: " + String(repeating: "v", count: 300),
    ]
    private static let lengths = [
        "content-length: 5", "Content-Length:5 ", "content-length: 05", "content-length: 0", "content-length: 4",
        "content-length: +5", "content-length: -5", "content-length: 5, 5", "content-length: 5\r\ncontent-length: 5",
        "content-length: 5\r\ncontent-length: 6", "content-length:", "content-length: 0x5", "content-length: 5 5",
        "content-length: 99999999999999999999", "content-length: 18446744073709551615", "content-length: 5a",
        "content-length: 9223372036854775808", "content-length: ٥",
    ]
    private static let codings = [
        "transfer-encoding: chunked", "Transfer-Encoding:Chunked ", "transfer-encoding: chunked",
        "transfer-encoding: chunked", "transfer-encoding: gzip, chunked", "transfer-encoding: chunked, gzip",
        "transfer-encoding: identity", "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked", "transfer-encoding:", "transfer-encoding: xchunked",
        "transfer-encoding: chunked;q=1", "transfer-encoding: \"chunked\"", "transfer-encoding: chunkedx",
        "transfer-encoding: gzip\r\ntransfer-encoding: chunked", "transfer-encoding: ,chunked",
        "transfer-encoding: chunked,", "transfer-encoding: chun\tked",
    ]
    private static let sizes = [
        "0x5", "+5", "-5", " 5", "5 ", "", "g", "5_", "FFFFFFFFFFFFFFFF", "10000000000000000", "7FFFFFFFFFFFFFFF",
        "8000000000000000", "00000000000000000005", "5;", "5;a", "5;a=b", "5;a=\"b c\"", "5; a", "5;a\rb", "5 ;a",
        "5;;a",
    ]
    private static let trailers = [
        "x: y", "expires: never", " folded", "x : y", "content-length: 3", "transfer-encoding: chunked", ": x", "x",
        "connection: close", "trailer-é: x",
    ]
    private static let nasty: [[UInt8]] = [
        [0x0D], [0x0A], [0x0D, 0x0A], [0], [0x20], [0x09], [0x7F], [0x3A], [0x3B], [0x2C], [0x80], [0x30], [0x41],
        [0x0D, 0x0A, 0x20], [0x0D, 0x0A, 0x0D, 0x0A],
    ]

    static func response(_ random: inout SeededRandom) -> [UInt8] {
        var text = ""
        if random.below(8) == 0 { text += random.one(of: interims) }
        text += random.below(4) > 0 ? "HTTP/1.1 200 OK" : random.one(of: statusLines)
        text += "\r\n"
        let isNice = random.below(2) == 0
        for _ in 0..<random.below(5) {
            let field = random.one(of: isNice ? Array(fields.prefix(18)) : fields)
            text += field + "\r\n"
        }
        switch random.below(8) {
        case 0: text += "\r\n" + body(&random)
        case 1, 2, 3:
            text += (isNice ? lengths[0] : random.one(of: lengths)) + "\r\n\r\nhello"
        case 4:
            text += random.one(of: lengths) + "\r\n" + random.one(of: codings) + "\r\n\r\n" + chunks(&random, isNice)
        default:
            text += (isNice ? codings[0] : random.one(of: codings)) + "\r\n\r\n" + chunks(&random, isNice)
        }
        if random.below(10) == 0 {
            text += random.one(of: ["\r\n", "x", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"])
        }
        var bytes = Array(text.utf8)
        if random.below(3) == 0 { bytes.removeLast(random.below(bytes.count)) }
        if random.below(3) == 0 { mutate(&bytes, &random) }
        return bytes
    }

    private static func body(_ random: inout SeededRandom) -> String {
        String(repeating: "b\r\n", count: random.below(30))
    }

    private static func chunks(_ random: inout SeededRandom, _ isNice: Bool) -> String {
        var text = ""
        for _ in 0..<random.below(6) {
            let body = body(&random)
            if body.isEmpty { continue }
            if !isNice, random.below(3) == 0 {
                text += random.one(of: sizes) + "\r\nhello\r\n"
            } else {
                text += "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n"
            }
        }
        text += "0\r\n"
        if random.below(4) == 0 { text += (isNice ? trailers[0] : random.one(of: trailers)) + "\r\n" }
        return text + "\r\n"
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0...random.below(2) {
            let place = random.below(bytes.count)
            guard place < bytes.count else { return }
            switch random.below(3) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(contentsOf: random.one(of: nasty), at: place)
            default: bytes[place] = random.one(of: nasty)[0]
            }
        }
    }
}
