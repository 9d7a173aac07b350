import GatehouseTesting
import Testing

@testable import GatehouseCore

/// Texts taken out of files, without the sandbox that this is done in.
@Suite struct ExtractionTests {
    // MARK: DEFLATE

    /// What zlib made of 2398 bytes of six Greek letters' names: codes of its own.
    private static let packed = """
        jVVJDgIxDPvKfK0VFSANiwSnvB7NjEqd2Clcekhax3GW1vYuy7ncbmUp6/NSFtsMp7Z+z7oZDh+eh7M9X9f1cXcI+4Pu8BeOExDJYIMP+Gq07tcscvfB\
        IJPuGGB1OHME5Ng9ENShomQehcSkbDJ1RSxHg27VrywgKUQesmHqwAcQhZguYaZuIbnIWdcdAyMaxCUDVR7VjFL4mhCgqGLCTqTfTQhIqjM5/wyuTkcu\
        quxSchbfzCl7hFU9a03wom7H0lW5PSxAJFlS+Xhsk/qoeioNrPGBNcBUgKSQjlaMTbsldi1vBt3jNMaCCmQhh1xIkOz3GkKqbUhPvd4DQiwR3ZA8+tDo\
        alI0KG0XnwO3mOp+yg4LRc3NnGf5kv5xnqmF8JoofNCa+OYbJ/ZW+pPSb6RLKCgyhUAXIv/W7h/fjxqK/wx4pVLbdAHU+U/5AQ==
        """

    private func failure<Value>(_ body: () throws(ReadingFailure) -> Value) -> ReadingFailure? {
        do throws(ReadingFailure) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func `blocks of each kind are unpacked`() throws {
        let packed = try #require(Base64Text.decoded(Self.packed))
        let text = try Inflate.unpack(packed[...], size: 2398)
        #expect(text.count == 2398 && CRC32.checksum(text.span) == 0x7624_8ED6)
        #expect(failure { () throws(ReadingFailure) in try Inflate.unpack(packed[...], size: 2397) } == .unpacked)
        let fixed: [UInt8] = [0x4B, 0x4C, 0x4A, 0x4E, 0x24, 0x1A, 0x01, 0x00]
        #expect(try Inflate.unpack(fixed[...], size: 45) == Array(String(repeating: "abc", count: 15).utf8))
        let stored: [UInt8] = [0x01, 0x06, 0x00, 0xF9, 0xFF] + Array("stored".utf8)
        #expect(try Inflate.unpack(stored[...], size: 6) == Array("stored".utf8))
    }

    @Test func `no packed bytes give more than is said, or fall over`() throws {
        let packed = try #require(Base64Text.decoded(Self.packed))
        for count in 0..<packed.count {
            #expect(
                failure { () throws(ReadingFailure) in try Inflate.unpack(packed.prefix(count), size: 2398) }
                    == .damaged)
        }
        var generator = SeededGenerator(seed: 17)
        for _ in 0..<3000 {
            var bytes = packed
            for _ in 0..<Int.random(in: 1..<4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let output = try? Inflate.unpack(bytes[...], size: 4000) { #expect(output.count <= 4000) }
        }
    }

    // MARK: Zip files

    @Test func `members are found, and what is wrong with them`() throws {
        let file = Samples.zip([("a", Array("one".utf8)), ("b/c", [])])
        let zip = try ZipDirectory(file)
        #expect(zip.names.sorted() == ["a", "b/c"])
        #expect(try zip.content(of: "a") == Array("one".utf8))
        #expect(try zip.content(of: "x") == nil)
        for name in ["../a", "a/../b", "/a", "a\\b", "", "a\u{0}"] {
            #expect(
                failure { () throws(ReadingFailure) in try ZipDirectory(Samples.zip([(name, [1])])) } == .damaged,
                "\(name)")
        }
        #expect(
            failure { () throws(ReadingFailure) in try ZipDirectory(Samples.zip([("a", [1]), ("a", [2])])) } == .damaged
        )
        let many = (0...1000).map { ("\($0)", [UInt8]()) }
        #expect(failure { () throws(ReadingFailure) in try ZipDirectory(Samples.zip(many)) } == .unpacked)
        #expect(try ZipDirectory(Samples.zip(Array(many.dropLast()), comment: 9)).names.underestimatedCount <= 1000)
    }

    @Test func `no zip file falls over`() throws {
        var generator = SeededGenerator(seed: 23)
        for file in [Samples.docx, Samples.xlsx, Samples.pptx] {
            for count in 0..<file.count {
                #expect(
                    failure { () throws(ReadingFailure) in
                        try OfficeText.text(of: Array(file.prefix(count)), kind: .docx)
                    } == .damaged)
            }
            for _ in 0..<1500 {
                var bytes = file
                for _ in 0..<Int.random(in: 1..<4, using: &generator) {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                for kind in OfficeText.Kind.allCases { _ = try? OfficeText.text(of: bytes, kind: kind) }
            }
        }
        #expect(try OfficeText.text(of: Samples.docx, kind: .docx) == Array("Hello\n".utf8))
    }

    // MARK: XML

    private func tokens(_ document: String) throws(ReadingFailure) -> String {
        var reader = XMLReader(Array(document.utf8))
        var result = ""
        while let token = try reader.next() {
            let name = String(decoding: reader.name, as: UTF8.self)
            switch token {
            case .start: result += "<\(name) \(try reader.attribute("a") ?? "")>"
            case .end: result += "</\(name)>"
            case .text(let text): result += String(decoding: text, as: UTF8.self)
            }
        }
        return result
    }

    @Test(arguments: [
        ("<x/>", "<x ></x>"), ("<?xml version='1.0'?><p:x><!-- <y> --><y a='1>2'/></p:x>", "<x ><y 1>2></y></x>"),
        ("<x b=\"2\" a = \"&lt;&#65;&#x42;\">&amp;<![CDATA[<&]]></x >", "<x <AB>&<&</x>"),
        ("<x a='b'></x>", "<x b></x>"),
        ("\u{FEFF}<x>é</x>", "<x >é</x>"), ("<x><y></y></x>\n", "<x ><y ></y></x>\n"),
    ]) func `documents`(document: String, expected: String) throws { #expect(try tokens(document) == expected) }

    @Test(arguments: [
        "<x>", "</x>", "<x></y>", "<x", "<x a='>", "<!DOCTYPE x><x/>", "<x>&nbsp;</x>", "<x>&#0;</x>",
        "<x>&#xD800;</x>", "<x>&", "<x>&#+65;</x>",
        "<!-- ", "<?", "<![CDATA[", "<>", "<x><y></x></y>", "<x a=b/>",
        String(repeating: "<x>", count: 257) + String(repeating: "</x>", count: 257),
    ]) func `what is no document`(document: String) {
        #expect(failure { () throws(ReadingFailure) in try tokens(document) } == .damaged)
    }

    // MARK: Pages

    @Test(arguments: [
        ("<title>T</title><p>One <b>two</b>\n  three<p>four", "T\nOne two three\nfour\n"),
        ("<script>alert('<p>')</script>a<style>b</style>c<!-- d -->e", "ace\n"),
        ("a &lt; b &amp; c &euro; &#8364;&unknown; &", "a < b & c € €&unknown; &\n"),
        ("<ul><li>x<li>y</ul>", "- x\n- y\n"), ("<pre>a  b\n c</pre>d", "a  b\n c\nd\n"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1\t2\n"),
        ("1 < 2 <3 a<b>c", "1 < 2 <3 ac\n"), ("<script>never ends", ""), ("<!-- never ends", ""), ("a<", "a<\n"),
        ("<", "<\n"), ("a<p", "a\n"), ("", ""),
        ("<SCRIPT>x</Script >y", "y\n"), ("a&nbsp;b<br>c", "a b\nc\n"), ("\u{1}a\u{0}b", "ab\n"),
    ]) func `pages`(page: String, expected: String) throws {
        #expect(String(decoding: try HTMLText.text(of: Array(page.utf8)), as: UTF8.self) == expected)
    }

    @Test func `text is bounded`() {
        let page = Array(String(repeating: "abcdefgh", count: (4 << 20) / 8).utf8)
        #expect(failure { () throws(ReadingFailure) in try HTMLText.text(of: page + [0x61]) } == .limit)
    }

    @Test func `pages of PDF`() throws {
        #expect(failure { () throws(ReadingFailure) in try PageText.text(of: []) } == .damaged)
        let one = try PageText.text(of: Array("a\n\u{C}\u{C}b\u{C}".utf8))
        #expect(one == ExtractedText(text: "--- Page 1 ---\na\n\n--- Page 2 ---\n\n--- Page 3 ---\nb\n", pages: 3))
        let none = try PageText.text(of: Array(" \u{C}\n\u{C}".utf8))
        #expect(none.text.isEmpty && none.note != nil && none.pages == 2)
        let many = try PageText.text(of: Array(String(repeating: "x\u{C}", count: 501).utf8))
        #expect(many.pages == 500 && many.note != nil)
    }

    @Test func `columns of sheets`() {
        #expect(SheetText.column("A1") == 0 && SheetText.column("C5") == 2 && SheetText.column("AA10") == 26)
        #expect(SheetText.column("XFD1") == 16383 && SheetText.column("1") == nil && SheetText.column("") == nil)
    }

    @Test func `exit codes mean something to callers`() {
        #expect(
            Set(ReadingFailure.allCases.map(\.error.code)) == [.unprocessableFile, .unpackedTooLarge, .extractionLimit])
    }
}
