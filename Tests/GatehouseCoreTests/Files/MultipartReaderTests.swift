import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

/// Uploads as forms, friendly and not. `MultipartTests` has the same reader behind other limits.
@Suite struct MultipartReaderTests {
    /// What came of a body: all parts with all their bytes, or the error.
    private enum Outcome: Equatable {
        case parts([Part])
        case failed(GatehouseError.Code)
    }

    private struct Part: Equatable {
        var name: String
        var filename: String?
        var contentType: String?
        var content: [UInt8] = []
        var isWhole = false
    }

    private func read(
        _ body: [UInt8], boundary: String = "xYz", cuts: [Int]? = nil, limits: MultipartReader.Limits = .init()
    ) throws -> Outcome {
        var reader = MultipartReader(boundary: boundary, limits: limits)
        var parts: [Part] = []
        var hasEnded = false
        let buffer = ByteBuffer(bytes: body)
        let cuts = cuts ?? [0, body.count]
        do {
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                reader.feed(try #require(buffer.getSlice(at: start, length: end - start)))
                while let event = try reader.next() {
                    #expect(!hasEnded)
                    switch event {
                    case .part(let name, let filename, let type):
                        parts.append(Part(name: name, filename: filename, contentType: type))
                    case .data(let bytes):
                        #expect(bytes.readableBytes > 0)
                        parts[parts.count - 1].content += bytes.readableBytesView
                    case .partEnd: parts[parts.count - 1].isWhole = true
                    case .end: hasEnded = true
                    }
                }
            }
            try reader.finish()
            #expect(hasEnded && parts.allSatisfy(\.isWhole))
            return .parts(parts)
        } catch let error as GatehouseError {
            // It does not recover.
            reader.feed(ByteBuffer(string: "--xYz--\r\n"))
            #expect(throws: error) { try reader.next() }
            #expect(throws: error) { try reader.finish() }
            return .failed(error.code)
        }
    }

    private func read(_ body: String) throws -> Outcome { try read(Array(body.utf8)) }

    private func part(_ headers: String, _ value: String = "v") -> String {
        "--xYz\r\n\(headers)\r\n\r\n\(value)\r\n--xYz--\r\n"
    }

    private static let file = #"Content-Disposition: form-data; name="file"; filename="a.txt""#

    private static let form = """
        preamble\r
        --xYz\r
        Content-Disposition: form-data; name="session_id"\r
        \r
        s-1\r
        --xYz\r
        content-disposition: form-data; name="file"; filename="r%22é.pdf"\r
        Content-Type:  application/pdf \r
        X-Other: é\r
        \r
        \r\n--xY\r\n--x\r\r\n-\u{0}binary----\r
        --xYz\r
        Content-Disposition: form-data; name=empty\r
        \r
        \r
        --xYz--\r
        epilogue
        """

    @Test func `parts, fields and files`() throws {
        let expected = [
            Part(name: "session_id", content: Array("s-1".utf8), isWhole: true),
            Part(
                name: "file", filename: "r%22é.pdf", contentType: "application/pdf",
                content: Array("\r\n--xY\r\n--x\r\r\n-\u{0}binary----".utf8), isWhole: true),
            Part(name: "empty", isWhole: true),
        ]
        #expect(try read(Self.form) == .parts(expected))
    }

    @Test func `however the bytes are cut`() throws {
        let bytes = Array(Self.form.utf8)
        let whole = try read(bytes)
        #expect(try read(bytes, cuts: Array(0...bytes.count)) == whole)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<300 { #expect(try read(bytes, cuts: generator.cuts(of: bytes.count)) == whole) }
        for cut in 0...bytes.count { #expect(try read(bytes, cuts: [0, cut, bytes.count]) == whole, "\(cut)") }
    }

    @Test func `a body cut anywhere is no body`() throws {
        let end = Self.form.utf8.count - "\r\nepilogue".utf8.count
        for count in 0..<end {
            #expect(try read(Array(Self.form.utf8.prefix(count))) == .failed(.badMultipart), "\(count)")
        }
        #expect(try read(Array(Self.form.utf8.prefix(end))) == read(Self.form))
    }

    @Test(arguments: [
        ("filename=a.txt", "a.txt"), (#"filename="a\"b\\c.txt""#, #"a"b\c.txt"#),
        (#"filename="C:\dir\a.txt""#, #"C:\dir\a.txt"#),
        ("filename=\"\"", ""), ("filename*=UTF-8''caf%C3%A9.txt", "café.txt"),
        ("filename*=utf-8'en'%e2%82%ac%20rates", "€ rates"),
        ("filename*=iso-8859-1''caf%E9.txt", "café.txt"), ("filename=\"x.txt\"; filename*=UTF-8''y.txt", "y.txt"),
        // What `FileName` would decode once more is encoded for it.
        ("filename*=UTF-8''100%2525.txt", "100%2525.txt"),
    ]) func `names of files`(parameter: String, expected: String) throws {
        let outcome = try read(part("Content-Disposition: form-data; name=file; \(parameter)"))
        #expect(outcome == .parts([Part(name: "file", filename: expected, content: Array("v".utf8), isWhole: true)]))
    }

    @Test func `a name in another character set is decoded once`() throws {
        let outcome = try read(part("Content-Disposition: form-data; name=file; filename*=UTF-8''100%2525.txt"))
        guard case .parts(let parts) = outcome else { return #expect(Bool(false)) }
        #expect(try FileName(parts[0].filename ?? "").text == "100%25.txt")
    }

    @Test(arguments: [
        "Content-Type: text/plain", "Content-Disposition: form-data", "Content-Disposition: form-data; name=\"file",
        "Content-Disposition: attachment; name=\"file\"", "Content-Disposition: form-data; name=a; name=file",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=file",
        "Content-Disposition: form-data;\r\n name=file", "Content-Disposition: form-data; name*=utf-8''file", ": x",
        "no colon", "",
        "Content-Disposition: form-data; name=\"file\"\nX: y", "Content-Disposition: form-data; name=fi\rle",
        "Content-Disposition: form-data; name=file; filename=a; filename=b",
        "Content-Disposition: form-data; name=file; filename*=UTF-8''%ff",
        "Content-Disposition: form-data; name=file; filename*=a",
        "Content-Disposition: form-data; name=file; filename*=utf-7''a",
        "Content-Disposition: form-data; name=file; filename*=UTF-8''%2",
        file + "\r\nContent-Transfer-Encoding: base64", file + "\r\nContent-Type: multipart/mixed; boundary=b",
        file + "\r\nContent-Type: text/plain\r\ncontent-type: text/html", file + "\r\nX: a\u{0}b",
        file + String(repeating: "\r\nX: y", count: 16), file + "\r\nX: " + String(repeating: "a", count: 8 << 10),
    ]) func `heads that are refused`(headers: String) throws {
        #expect(try read(part(headers)) == .failed(.badMultipart))
        let bytes = Array(part(headers).utf8)
        #expect(try read(bytes, cuts: Array(0...bytes.count)) == .failed(.badMultipart))
    }

    @Test func `names in Latin-1 are refused`() throws {
        var body = Array("--xYz\r\nContent-Disposition: form-data; name=file; filename=\"caf".utf8)
        body += [0xE9] + Array("\"\r\n\r\nx\r\n--xYz--\r\n".utf8)
        #expect(try read(body) == .failed(.badMultipart))
    }

    @Test(arguments: [
        "--xYz--hello", "--xYz--\n", "--xYz \r\n\r\n--xYz--", "--xYz\n\n--xYz--", "", "hello", "--xyz--\r\n",
        String(repeating: "p", count: 1025) + "\r\n--xYz--\r\n", "--xYz--\r\n" + String(repeating: "e", count: 1025),
        "--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--xYzz\r\n\r\nc\r\n--xYz--\r\n",
        // The blank line in front of the data could be the boundary's own.
        "--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\n--xYz\r\nContent-Disposition: form-data; name=b\r\n\r\nc\r\n--xYz--",
    ]) func `bodies that are refused`(body: String) throws { #expect(try read(body) == .failed(.badMultipart)) }

    @Test(arguments: ["--xYz--", "--xYz--\r\n", "\r\n--xYz--", "a\r\n--xYz--\r\nb\r\n\r\nc"])
    func `bodies without parts`(body: String) throws { #expect(try read(body) == .parts([])) }

    @Test(arguments: [
        "", " ", "a\r\n", "a\"b", "é", String(repeating: "a", count: 71), String(repeating: "-", count: 10_000),
    ])
    func `boundaries that RFC 2046 does not allow`(boundary: String) throws {
        #expect(try read(Array("--\(boundary)--\r\n".utf8), boundary: boundary) == .failed(.badMultipart))
    }

    @Test func `thirty-two parts and no more`() throws {
        let one = "--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
        guard case .parts(let parts) = try read(String(repeating: one, count: 32) + "--xYz--") else {
            return #expect(Bool(false))
        }
        #expect(parts.count == 32)
        #expect(try read(String(repeating: one, count: 33) + "--xYz--") == .failed(.badMultipart))
    }

    /// Each byte is looked at a fixed number of times: what is held back behind each piece is shorter than a boundary.
    @Test func `runs of dashes are given on at once`() throws {
        let boundary = String(repeating: "-", count: 70)
        var reader = MultipartReader(boundary: boundary)
        reader.feed(ByteBuffer(string: "--\(boundary)\r\n\(Self.file)\r\n\r\n"))
        #expect(try reader.next() == nil)
        let piece = ByteBuffer(string: String(repeating: "\r\n" + String(repeating: "-", count: 71), count: 900))
        var given = 0
        for round in 1...200 {
            reader.feed(piece)
            while let event = try reader.next() {
                if case .data(let bytes) = event { given += bytes.readableBytes }
            }
            #expect(round * piece.readableBytes - given <= 74)
        }
    }

    @Test func `any pieces in any order`() throws {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "--xYz", "\r\n", "\r", "\n", "--", "\r\n\r\n", "Content-Disposition: form-data; name=file",
            "; filename=\"a\"", "a", "\r\n--xYz", "--xYz--", "é",
        ]
        var taken = 0
        for _ in 0..<4000 {
            let middle = (0..<Int.random(in: 0..<14, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }.joined()
            let body = Array(("--xYz\r\n\(Self.file)\r\n\r\n" + middle + "\r\n--xYz--").utf8)
            let whole = try read(body)
            if case .parts = whole { taken += 1 }
            #expect(try read(body, cuts: Array(0...body.count)) == whole)
            #expect(try read(body, cuts: generator.cuts(of: body.count)) == whole)
        }
        #expect(taken > 400, "\(taken)")
    }
}
