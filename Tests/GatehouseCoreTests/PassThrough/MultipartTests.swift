import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

/// Forms with files, friendly and not.
@Suite struct MultipartTests {
    private static let type = "multipart/form-data; boundary=xYz"

    private static let form = """
        --xYz\r
        Content-Disposition: form-data; name="model"\r
        \r
        whisper-1\r
        --xYz\r
        Content-Disposition: form-data; name="file"; filename="a \\"b\\".mp3"\r
        Content-Type: audio/mpeg\r
        \r
        \r\n--xY\r\n--x\r\r\n-\u{0}binary\r
        --xYz\r
        content-disposition: form-data; name=stream\r
        \r
        \r
        --xYz--\r

        """

    private func read(
        _ body: String, type: String = MultipartTests.type, wanted: Set<String> = ["model", "stream"]
    ) throws -> MultipartHead {
        try MultipartScanner.head(
            of: ByteBuffer(string: body), boundary: MultipartBoundary(contentType: type), wanted: wanted)
    }

    private func part(_ headers: String, _ value: String = "v") -> String {
        "--xYz\r\n\(headers)\r\n\r\n\(value)\r\n--xYz--\r\n"
    }

    @Test func `small fields are found among files`() throws {
        let head = try read(Self.form)
        #expect(try head.model() == "whisper-1")
        #expect(head.value("stream") == "")
        #expect(head.names == ["model", "file", "stream"])
        let spliced = head.splice(model: "whisper-large-v3").applied(to: ByteBuffer(string: Self.form))
        let expected = Self.form.split(separator: "whisper-1", maxSplits: 1).joined(separator: "whisper-large-v3")
        #expect(String(buffer: spliced) == expected)
        #expect(try read(expected).model() == "whisper-large-v3")
    }

    @Test func `however the bytes are cut`() throws {
        let bytes = ByteBuffer(string: Self.form)
        let whole = try read(Self.form)
        let boundary = try MultipartBoundary(contentType: Self.type)
        var generator = SeededGenerator(seed: 3)
        for round in 0..<64 {
            let cuts = round == 0 ? Array(0...bytes.readableBytes) : generator.cuts(of: bytes.readableBytes)
            var scanner = MultipartScanner(boundary: boundary, wanted: ["model", "stream"])
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                try scanner.receive(try #require(bytes.getSlice(at: start, length: end - start)))
            }
            #expect(try scanner.end() == whole)
        }
    }

    @Test func `a body cut anywhere is no body`() throws {
        let end = Self.form.utf8.count - 2
        for count in 0..<end {
            #expect(throws: GatehouseError.self, "\(count)") {
                try read(String(decoding: Self.form.utf8.prefix(count), as: UTF8.self))
            }
        }
        _ = try read(String(decoding: Self.form.utf8.prefix(end), as: UTF8.self))
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=a; boundary=b", "multipart/mixed; boundary=a", "application/json", "",
        "multipart/form-data; boundary=\"a ", "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=a\u{e9}", "multipart/form-data; boundary=a;b",
        "multipart/form-data; boundary=\(String(repeating: "a", count: 71))", "multipart/form-data boundary=a",
        "multipart/form-data; boundary=a\r\nx",
    ]) func `boundaries of another form are refused`(type: String) {
        let error = #expect(throws: GatehouseError.self) { try MultipartBoundary(contentType: type) }
        #expect(error?.code == .unsupportedMediaType)
    }

    @Test(arguments: [
        "multipart/form-data; boundary=xYz", "Multipart/Form-Data;boundary=\"xYz\"",
        "multipart/form-data; charset=utf-8; Boundary=xYz;", "multipart/form-data ; boundary=\"xY\\\"z\"",
    ]) func `boundaries may be quoted`(type: String) throws {
        guard !type.contains("\\") else {
            // The quote is no character of a boundary.
            #expect(throws: GatehouseError.self) { try MultipartBoundary(contentType: type) }
            return
        }
        #expect(try read(Self.form, type: type).value("model") == "whisper-1")
    }

    @Test func `a boundary that is the start of another is told from it`() {
        let body = "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--xYzz\r\n\r\nb\r\n--xYz--\r\n"
        #expect(throws: GatehouseError.self) { try read(body) }
    }

    @Test(arguments: [
        // Text before the first boundary, a line break before it, other dashes.
        "hello\r\n--xYz--\r\n", "\r\n--xYz--\r\n", "-xYz--\r\n", "--xyz--\r\n", "",
        // Text behind the last.
        "--xYz--\r\nhello", "--xYz--\r\n\r\n\r\n", "--xYz--hello",
        // Blanks behind a boundary.
        "--xYz \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xYz--\r\n",
        // Lines that end in LF only.
        "--xYz\nContent-Disposition: form-data; name=\"a\"\n\nb\n--xYz--\n",
    ]) func `bodies that readers could take differently are refused`(body: String) {
        #expect(throws: GatehouseError.self) { try read(body) }
    }

    @Test(arguments: [
        "Content-Type: text/plain", "Content-Disposition: form-data", "Content-Disposition: form-data; name=\"model",
        "Content-Disposition: attachment; name=\"model\"", "Content-Disposition: form-data; name=a; name=model",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=model",
        "Content-Disposition: form-data;\r\n name=model", "Content-Disposition: form-data; name*=utf-8''model",
        "Content-Disposition: form-data; name=a; name*=utf-8''model", ": form-data; name=\"model\"", "no colon",
        "Content-Disposition: form-data; name=\"model\"\nX: y", "Content-Disposition: form-data; name=mo\rdel",
        "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=\"model\"; filename=\"model.txt\"", "",
    ]) func `headers that readers could take differently are refused`(headers: String) {
        #expect(throws: GatehouseError.self) { try read(part(headers)) }
    }

    @Test func `a field that was asked for comes once`() {
        let field = "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n"
        #expect(throws: GatehouseError.self) { try read(field + field + "--xYz--\r\n") }
        #expect(throws: GatehouseError.self) {
            try read(part(#"Content-Disposition: form-data; name="model""#, "a b")).model()
        }
    }

    @Test func `values that are not UTF-8 are refused`() {
        var body = ByteBuffer(string: "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n")
        body.writeBytes([0xC3, 0x28])
        body.writeString("\r\n--xYz--\r\n")
        let boundary = Result { try MultipartBoundary(contentType: Self.type) }
        #expect(throws: GatehouseError.self) {
            try MultipartScanner.head(of: body, boundary: boundary.get(), wanted: ["model"])
        }
    }

    @Test func `headers, fields and parts are bounded, files are not`() throws {
        let name = #"Content-Disposition: form-data; name="model""#
        #expect(throws: GatehouseError.self) {
            try read(part(name + "\r\nX: " + String(repeating: "a", count: MultipartScanner.maximumHeaders)))
        }
        let value = String(repeating: "a", count: MultipartScanner.maximumValue)
        #expect(try read(part(name, value)).value("model") == value)
        #expect(throws: GatehouseError.self) { try read(part(name, value + "a")) }
        let file = #"Content-Disposition: form-data; name="file"; filename="f""#
        #expect(try read(part(file, String(repeating: "a\r\n--xY", count: 200_000))).names == ["file"])
        let field = "--xYz\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\na\r\n"
        let many = String(repeating: field, count: MultipartScanner.maximumParts)
        #expect(try read(many + "--xYz--\r\n").names.count == MultipartScanner.maximumParts)
        #expect(throws: GatehouseError.self) { try read(many + field + "--xYz--\r\n") }
    }

    @Test func `no bytes make it hold more than its limits or fall over`() throws {
        let boundary = try MultipartBoundary(contentType: Self.type)
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "--xYz", "\r\n", "\r", "\n", "--", "\r\n\r\n", "Content-Disposition: form-data; name=\"model\"", "a",
        ]
        for _ in 0..<3000 {
            var scanner = MultipartScanner(boundary: boundary, wanted: ["model"])
            let body = (0..<12).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            let whole = try? read("--xYz" + body)
            let cut = Result {
                for byte in ("--xYz" + body).utf8 { try scanner.receive(ByteBuffer(bytes: [byte])) }
                return try scanner.end()
            }
            #expect(whole == (try? cut.get()), "\(body.debugDescription)")
        }
    }
}
