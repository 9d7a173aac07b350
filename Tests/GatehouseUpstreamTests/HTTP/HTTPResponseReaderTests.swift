import NIOCore
import Testing

@testable import GatehouseUpstream

@Suite struct HTTPResponseReaderTests {
    struct Taken: CustomTestStringConvertible {
        var text: String
        var status = 200
        var body = ""
        var isReusable = true

        var testDescription: String { text.debugDescription }
    }

    struct Refused: CustomTestStringConvertible {
        var text: String
        var error: HTTPResponseError

        var testDescription: String { text.debugDescription }
    }

    private static let ok = "HTTP/1.1 200 OK\r\n"
    private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"

    static let taken: [Taken] = [
        Taken(text: ok + "content-length: 5\r\n\r\nhello", body: "hello"),
        Taken(text: ok + "Content-Length:\t5 \r\n\r\nhello", body: "hello"),
        Taken(text: ok + "content-length: 0\r\n\r\n"),
        Taken(text: "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"),
        Taken(text: "HTTP/1.1 429 \r\ncontent-length: 2\r\n\r\nno", status: 429, body: "no"),
        Taken(text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
        Taken(text: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", status: 304),
        Taken(text: chunked + "5\r\nhello\r\n0\r\n\r\n", body: "hello"),
        Taken(text: chunked + "5\r\nhello\r\n006;a=b; c=\"d\"\r\n world\r\n0\r\n\r\n", body: "hello world"),
        Taken(text: chunked + "A\r\n0123456789\r\n0\r\nexpires: never\r\nx:\r\n\r\n", body: "0123456789"),
        // Delimited by the end of the connection.
        Taken(text: ok + "\r\nhello\r\n", body: "hello\r\n", isReusable: false),
        Taken(text: "HTTP/1.0 200 OK\r\n\r\n", isReusable: false),
        Taken(text: "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", body: "hi", isReusable: false),
        Taken(text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nhi", body: "hi"),
        Taken(
            text: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            isReusable: false),
        Taken(text: ok + "connection: x , Close\r\ncontent-length: 2\r\n\r\nhi", body: "hi", isReusable: false),
        Taken(text: ok + "connection: closed\r\ncontent-length: 2\r\n\r\nhi", body: "hi"),
        // Nobody asked for a second one, nor for an empty line.
        Taken(text: ok + "content-length: 2\r\n\r\nhi\r\n", body: "hi", isReusable: false),
        Taken(text: ok + "content-length: 0\r\n\r\n" + ok + "content-length: 0\r\n\r\n", isReusable: false),
        Taken(text: chunked + "0\r\n\r\n0\r\n\r\n", isReusable: false),
        Taken(
            text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\nconnection: close\r\n\r\n"
                + ok
                + "content-length: 2\r\n\r\nhi", body: "hi"),
    ]

    static let refused: [Refused] = [
        Refused(text: "SSH-2.0-OpenSSH\r\n", error: .statusLine),
        Refused(text: "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}F", error: .statusLine),
        Refused(text: "nothing", error: .statusLine),
        Refused(text: "\r\n" + ok + "\r\n", error: .statusLine),
        Refused(text: "HTTP/1.1 2O0 OK\r\n\r\n", error: .statusLine),
        Refused(text: "HTTP/1.1 099 x\r\n\r\n", error: .statusLine),
        Refused(text: "HTTP/1.1 2000 OK\r\n\r\n", error: .statusLine),
        Refused(text: "HTTP/1.1  200 OK\r\n\r\n", error: .statusLine),
        Refused(text: "HTTP/2.0 200 OK\r\n\r\n", error: .statusLine),
        Refused(text: "HTTP/1.2 200 OK\r\n\r\n", error: .version),
        Refused(text: "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", error: .switchedProtocols),
        // Ends of lines.
        Refused(text: "HTTP/1.1 200 OK\n\n", error: .lineEnd),
        Refused(text: ok + "a: b\nc: d\r\n\r\n", error: .lineEnd),
        Refused(text: ok + "a: b\rc: d\r\n\r\n", error: .lineEnd),
        Refused(text: ok + "a: b\r\r\n\r\n", error: .lineEnd),
        Refused(text: ok + "a: \0\r\n\r\n", error: .lineEnd),
        Refused(text: chunked + "5\nhello\r\n0\r\n\r\n", error: .lineEnd),
        Refused(text: chunked + "5;a\rb\r\nhello\r\n0\r\n\r\n", error: .lineEnd),
        // Fields.
        Refused(text: ok + "a: b\r\n c\r\n\r\n", error: .fieldName),
        Refused(text: ok + "a: b\r\n\tc\r\n\r\n", error: .fieldName),
        Refused(text: ok + " a: b\r\n\r\n", error: .fieldName),
        Refused(text: ok + "a : b\r\n\r\n", error: .fieldName),
        Refused(text: ok + ": b\r\n\r\n", error: .fieldName),
        Refused(text: ok + "a\r\n\r\n", error: .fieldName),
        Refused(text: ok + "ä: b\r\n\r\n", error: .fieldName),
        // Lengths.
        Refused(text: ok + "content-length:\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: +1\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 1 1\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 0x1\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 5, 5\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 5\r\ncontent-length: 5\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 9223372036854775808\r\n\r\n", error: .contentLength),
        Refused(text: ok + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", error: .bothLengths),
        Refused(text: "HTTP/1.1 204 x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", error: .bothLengths),
        Refused(text: ok + "transfer-encoding: gzip, chunked\r\n\r\n", error: .transferEncoding),
        Refused(text: ok + "transfer-encoding: chunked, identity\r\n\r\n", error: .transferEncoding),
        Refused(text: ok + "transfer-encoding: identity\r\n\r\n", error: .transferEncoding),
        Refused(text: ok + "transfer-encoding: xchunked\r\n\r\n", error: .transferEncoding),
        Refused(text: ok + "transfer-encoding:\r\n\r\n", error: .transferEncoding),
        Refused(
            text: ok + "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", error: .transferEncoding),
        // Chunks.
        Refused(text: chunked + "\r\n", error: .chunkSize),
        Refused(text: chunked + "0x5\r\n", error: .chunkSize),
        Refused(text: chunked + "+5\r\n", error: .chunkSize),
        Refused(text: chunked + "5 \r\n", error: .chunkSize),
        Refused(text: chunked + "5_0\r\n", error: .chunkSize),
        Refused(text: chunked + "8000000000000000\r\n", error: .chunkSize),
        Refused(text: chunked + "10000000000000000\r\n", error: .chunkSize),
        Refused(text: chunked + "5;" + String(repeating: "a", count: 1021) + "\r\nhello\r\n", error: .tooLarge),
        Refused(text: chunked + "5\r\nhellox\r\n", error: .chunkEnd),
        Refused(text: chunked + "5\r\nhello\n", error: .chunkEnd),
        Refused(text: chunked + "0\r\n x\r\n\r\n", error: .fieldName),
        Refused(text: chunked + "0\r\nContent-Length: 5\r\n\r\n", error: .trailer),
        Refused(text: chunked + "0\r\ntransfer-encoding: chunked\r\n\r\n", error: .trailer),
    ]

    @Test(arguments: taken) func whatIsSoundIsTaken(_ one: Taken) {
        let read = ReadResponse(one.text)
        #expect(read.end == .whole && read.head?.status == one.status)
        #expect(read.text == one.body)
        #expect(read.isReusable == one.isReusable)
    }

    @Test(arguments: refused) func whatCouldBeReadInTwoWaysIsRefused(_ one: Refused) {
        #expect(ReadResponse(one.text).end == .refused(one.error))
    }

    /// The pieces of a response are the network's choice, not the provider's.
    @Test func everyCutGivesTheSame() {
        var random = SeededRandom(seed: 7)
        var texts = (Self.taken.map(\.text) + Self.refused.map(\.text)).map { Array($0.utf8) }
        for _ in 0..<1000 { texts.append(ResponseGenerator.response(&random)) }
        for bytes in texts {
            let whole = ReadResponse([ByteBuffer(bytes: bytes)])
            let about: Comment = "\(String(decoding: bytes, as: UTF8.self).debugDescription)"
            #expect(ReadResponse(Cut.single(bytes)) == whole, about)
            for _ in 0..<3 { #expect(ReadResponse(Cut.random(bytes, &random)) == whole, about) }
        }
    }

    /// A response cut short is told from one that is whole, wherever the cut.
    @Test func everyPrefixIsIncomplete() {
        for one in Self.taken where one.isReusable {
            let bytes = Array(one.text.utf8)
            for count in 0..<bytes.count {
                #expect(ReadResponse([ByteBuffer(bytes: bytes.prefix(count))]).end == .cut, "\(count) of \(one.text)")
            }
        }
    }

    @Test func theValuesThatTheGatewayReads() {
        let read = ReadResponse(
            """
            HTTP/1.1 429 Slow down\r
            CONTENT-TYPE: text/html; charset=utf-8 \r
            content-encoding: identity\r
            Content-Encoding: gzip\r
            retry-after: 5\r
            retry-after-ms:250\r
            request-id: second\r
            x-request-id: first\r
            x-amzn-errortype: ThrottlingException\r
            keep-alive: timeout=5\r
            keep-alive: timeout=9\r
            x_request_id: none\r
            content-length: 0\r
            \r

            """)
        var expected = HTTPReplyHead()
        expected.status = 429
        expected.contentType = "text/html; charset=utf-8"
        expected.contentEncoding = "identity, gzip"
        expected.retryAfter = "5"
        expected.retryAfterMilliseconds = "250"
        expected.requestID = "first"
        expected.otherRequestID = "second"
        expected.keepAlive = "timeout=5"
        #expect(read.head == expected)
    }

    @Test func headsAreBounded() {
        func response(fields: Int, size: Int) -> String {
            let start = Self.ok + "content-length: 0\r\n" + String(repeating: "a:\r\n", count: fields - 2) + "b: "
            return start + String(repeating: "x", count: size - start.utf8.count - 4) + "\r\n\r\n"
        }
        #expect(ReadResponse(response(fields: 200, size: 64 << 10)).end == .whole)
        #expect(ReadResponse(response(fields: 201, size: 4 << 10)).end == .refused(.tooLarge))
        #expect(ReadResponse(response(fields: 9, size: (64 << 10) + 1)).end == .refused(.tooLarge))
        // Without an end of line, too, and in trailers, and in responses before the response.
        #expect(ReadResponse(Self.ok + String(repeating: "a", count: 64 << 10)).end == .refused(.tooLarge))
        let trailers = String(repeating: "a: b\r\n", count: 201)
        #expect(ReadResponse(Self.chunked + "0\r\n" + trailers).end == .refused(.tooLarge))
        let interim = String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 3000)
        #expect(ReadResponse(interim).end == .refused(.tooLarge))
    }

    /// Whoever takes a body pays for each piece.
    @Test func smallChunksOfOneReadAreJoined() {
        let chunks = String(repeating: "5\r\nhello\r\n", count: 100)
        let read = ReadResponse(Self.chunked + chunks + "0\r\n\r\n")
        #expect(read.slices == 1 && read.text == String(repeating: "hello", count: 100))
        let large = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
        let both = ReadResponse(Self.chunked + "5\r\nhello\r\n" + large + large + "0\r\n\r\n")
        #expect(both.slices == 3 && both.body.count == 5 + 0x10000)
    }

    /// What came before an error is delivered before it.
    @Test func anErrorComesAfterWhatIsWhole() {
        let read = ReadResponse(Self.chunked + "5\r\nhello\r\n2\r\nhi\r\nx\r\n")
        #expect(read.end == .refused(.chunkSize) && read.text == "hellohi")
    }
}
