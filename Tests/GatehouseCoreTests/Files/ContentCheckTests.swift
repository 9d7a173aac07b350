import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

/// Contents that are what they say, and others. libmagic's part is among the tests of the store.
@Suite struct ContentCheckTests {
    private func code(
        _ name: String, _ bytes: [UInt8], sniffed: String? = nil, cuts: [Int]? = nil
    ) throws -> GatehouseError.Code? {
        let file = try FileName(name)
        var check = ContentCheck(FileType(ending: file.ending), name: file)
        let buffer = ByteBuffer(bytes: bytes)
        let cuts = cuts ?? [0, bytes.count]
        do {
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                try check.take(try #require(buffer.getSlice(at: start, length: end - start)))
            }
            try check.finish(sniffed: sniffed)
        } catch let error as GatehouseError {
            #expect(error.param == "file")
            return error.code
        }
        #expect(check.head == Array(bytes.prefix(4096)))
        return nil
    }

    private static let png: [UInt8] = Samples.png(width: 3, height: 2)

    // MARK: Text

    @Test func `text is UTF-8 without NUL`() throws {
        #expect(try code("a.txt", Array("naïve €\u{10FFFF}\n".utf8)) == nil)
        #expect(try code("a.txt", []) == nil)
        #expect(try code("a.txt", [0xEF, 0xBB, 0xBF, 0x61]) == nil)
        let wrong: [[UInt8]] = [
            [0x00], [0xC0, 0xAF], [0xC1, 0x81], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5], [0x80], [0xFF, 0xFE, 0x61, 0x00], [0xC3], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
            [0xC3, 0x28],
        ]
        for bytes in wrong {
            for lead in [0, 1, 7, 8, 9, 30] {
                let text = [UInt8](repeating: 0x61, count: lead) + bytes
                #expect(try code("a.txt", text) == .typeMismatch, "\(bytes) behind \(lead)")
            }
        }
    }

    @Test func `what the standard library takes for UTF-8 is taken`() throws {
        var generator = SeededGenerator(seed: 5)
        let pieces: [[UInt8]] = [
            [0x61], Array("abcdefgh".utf8), [0xC3, 0xA9], [0xE2, 0x82, 0xAC], [0xF0, 0x9F, 0x98, 0x80], [0xE2], [0x82],
            [0xAC], [0xF0],
            [0xED, 0xA0], [0x80], [0x7F], [0xEF, 0xBF, 0xBF], [0x0A],
        ]
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0..<7, using: &generator)).flatMap { _ in
                pieces.randomElement(using: &generator) ?? []
            }
            let isText = String(validating: bytes, as: UTF8.self) != nil
            #expect(try (code("a.txt", bytes, cuts: generator.cuts(of: bytes.count)) == nil) == isText, "\(bytes)")
        }
    }

    @Test(arguments: [
        ("a.txt", "He wrote <script> and <!DOCTYPE html> in prose.", true),
        ("a.md", "<h1 align=center>x</h1> <p>", true),
        ("a.txt", "<!DOCTYPE html><p>", false), ("a.txt", " \n\t<HTML>", false),
        ("a.md", "<script>alert(1)</script>", false),
        ("a.csv", "\u{FEFF}<svg onload=alert(1)>", false), ("a.html", "<html></html>", true),
        ("a.txt", "+ADw-script+AD4-", false),
        ("a.txt", "+/v8-", false), ("a.txt", "1 + ADw - 2", true),
        ("a.txt", "PDFs begin with %PDF-1.7, a number.", true),
        ("a.txt", "%PDF-1.7\n1 0 obj\nstartxref\n9\n%%EOF", false), ("a.json", "{\"a\": 1}", true),
        ("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/></svg>", true),
        ("a.svg", "<svg><SCRIPT>x</SCRIPT></svg>", false), ("a.svg", "<svg onload='x()'/>", false),
        ("a.svg", "<!DOCTYPE svg [<!ENTITY x \"y\">]><svg/>", false),
        ("a.svg", "<svg><a href=\"JavaScript:x\"/></svg>", false),
        ("a.js", "const page = '<html>'", true),
    ]) func `text and pages`(name: String, content: String, isTaken: Bool) throws {
        #expect(try code(name, Array(content.utf8)) == (isTaken ? nil : .typeMismatch))
    }

    @Test(arguments: [
        ("a.txt", "text/csv", true), ("a.txt", "text/html", true), ("a.md", "text/html", true),
        ("a.txt", "application/json", true),
        ("a.txt", "text/x-shellscript", true), ("a.txt", "application/octet-stream", true),
        ("a.txt", "image/svg+xml", false),
        ("a.txt", "image/png", false), ("a.txt", "application/pdf", false), ("a.txt", "application/zip", false),
        ("a.txt", "application/x-pie-executable", false), ("a.txt", "application/x-empty", true),
        ("a.html", "text/xml", true),
    ]) func `what libmagic says of text`(name: String, sniffed: String, isTaken: Bool) throws {
        #expect(try code(name, [0x61], sniffed: sniffed) == (isTaken ? nil : .typeMismatch))
    }

    // MARK: Pictures

    @Test func `pictures begin as they should`() throws {
        let files: [(String, [UInt8])] = [
            ("a.png", Self.png), ("a.jpg", Samples.jpeg(width: 3, height: 2)),
            ("a.gif", Samples.gif(width: 3, height: 2)),
            ("a.webp", Samples.webp(width: 3, height: 2)), ("a.bmp", Samples.bmp(width: 3, height: 2)),
        ]
        for (name, bytes) in files {
            #expect(try code(name, bytes) == nil, "\(name)")
            for (other, content) in files where other != name {
                #expect(try code(name, content) == .typeMismatch, "\(name) \(other)")
            }
            #expect(try code(name, Array(bytes.prefix(7))) == .typeMismatch)
            #expect(try code(name, []) == .typeMismatch)
            #expect(try code(name, [0x20] + bytes) == .typeMismatch)
        }
    }

    @Test func `pixels are limited by what the header says`() throws {
        for (width, height, isTaken) in [(8000, 5000, true), (8001, 5000, false), (16000, 16000, false)] {
            let expected: GatehouseError.Code? = isTaken ? nil : .unpackedTooLarge
            #expect(try code("a.png", Samples.png(width: width, height: height)) == expected)
            #expect(try code("a.jpg", Samples.jpeg(width: width, height: height)) == expected)
            #expect(try code("a.gif", Samples.gif(width: width, height: height)) == expected)
            #expect(try code("a.webp", Samples.webp(width: width, height: height)) == expected)
            #expect(try code("a.bmp", Samples.bmp(width: width, height: height)) == expected)
        }
        #expect(try code("a.png", Samples.png(width: 0xFFFF_FFFF, height: 0xFFFF_FFFF)) == .unpackedTooLarge)
        #expect(try code("a.png", Samples.png(width: 0, height: 5)) == .typeMismatch)
        // Behind a preview of its own.
        let late = Samples.jpeg(width: 30000, height: 30000, before: [UInt8](repeating: 0xD8, count: 60000))
        #expect(try code("a.jpg", late) == .unpackedTooLarge)
        #expect(
            try code("a.jpg", Samples.jpeg(width: 3, height: 2, before: [UInt8](repeating: 7, count: 60000))) == nil)
    }

    @Test func `nothing else is in a picture`() throws {
        let tails = ["<script>", "<HTML>", "<!doctype HTML", "<?php system()", "<iframe src=x>", "<svg onload="]
        for tail in tails {
            #expect(try code("a.png", Self.png + Array(tail.utf8)) == .typeMismatch, "\(tail)")
            let far = Self.png + [UInt8](repeating: 0x41, count: 70_000) + Array(tail.utf8)
            #expect(try code("a.png", far) == .typeMismatch, "\(tail)")
        }
        #expect(try code("a.png", Self.png + Array("a <p> of <x:xmpmeta> and <rdf:RDF>".utf8)) == nil)
        // Programs that begin as pictures.
        #expect(try code("a.gif", Array("GIF89a/*\u{1}\u{1}\u{0}\u{0}*/=1;alert(1)".utf8)) == .typeMismatch)
        #expect(try code("a.gif", Array("GIF89a=1;alert(document.cookie)//".utf8)) == .typeMismatch)
        #expect(try code("a.gif", Samples.gif(width: 61, height: 2)) == nil)
        // A PDF that begins in one.
        #expect(try code("a.png", Self.png + Array("%PDF-1.4".utf8)) == .typeMismatch)
    }

    // MARK: Archives

    @Test func `a zip file behind anything else is found`() throws {
        let zip = Samples.zip([("a.class", [1, 2, 3])])
        #expect(try code("a.zip", zip) == nil)
        for (name, bytes) in [
            ("a.gif", Samples.gif(width: 3, height: 2)), ("a.png", Self.png), ("a.pdf", Samples.pdf(["x"])),
            ("a.mp3", Samples.mp3), ("a.xyz", [1, 2, 3]),
        ] {
            #expect(try code(name, bytes) == nil, "\(name)")
            #expect(try code(name, bytes + zip) == .typeMismatch, "\(name)")
            #expect(try code(name, bytes + Samples.zip([("a", [])], comment: 60_000)) == .typeMismatch, "\(name)")
            // Two bytes that only look so are no archive.
            #expect(try code(name, bytes + Array("PK\u{5}\u{6}".utf8)) == nil, "\(name)")
        }
        #expect(try code("a.pdf", zip) == .typeMismatch)
        #expect(try code("a.docx", zip) == .typeMismatch)
        #expect(try code("a.zip", Array(zip.dropLast(30))) == .typeMismatch)
    }

    @Test func `office files have their parts`() throws {
        let files = [("a.docx", Samples.docx), ("a.xlsx", Samples.xlsx), ("a.pptx", Samples.pptx)]
        for (name, bytes) in files {
            #expect(try code(name, bytes, sniffed: "application/zip") == nil)
            for (other, content) in files where other != name { #expect(try code(name, content) == .typeMismatch) }
        }
        #expect(try code("a.docx", Samples.docx, sniffed: FileType(ending: ".xlsx").mediaType) == .typeMismatch)
    }

    @Test func `unknown endings are no hiding place`() throws {
        #expect(try code("a.xyz", Array(0...255)) == nil)
        #expect(try code("a.xyz", Array("plain".utf8), sniffed: "text/plain") == nil)
        for bytes in [
            Self.png, Samples.pdf(["x"]), Array("<html>".utf8), Array("#!/bin/sh".utf8), Array("MZ\u{90}".utf8),
            Array("\u{7F}ELF".utf8),
        ] {
            #expect(try code("a.xyz", bytes) == .typeMismatch)
        }
        #expect(try code("a.xyz", [1], sniffed: "text/html") == .typeMismatch)
        #expect(try code("a.xyz", [1], sniffed: "image/png") == .typeMismatch)
    }

    // MARK: Cuts

    @Test func `however the bytes are cut`() throws {
        var generator = SeededGenerator(seed: 9)
        let zip = Samples.zip([("a", [1])])
        let files: [(String, [UInt8])] = [
            ("a.png", Self.png), ("a.png", Self.png + Array("<script>".utf8)),
            ("a.jpg", Samples.jpeg(width: 30000, height: 30000, before: Array(0...255))),
            ("a.gif", Samples.gif(width: 3, height: 2) + zip), ("a.txt", Array("é€😀 +ADw-".utf8)),
            ("a.txt", Array("é€😀".utf8)), ("a.docx", Samples.docx),
            ("a.webp", Samples.webp(width: 16000, height: 16000)), ("a.pdf", Samples.pdf(["a", "b"])),
            ("a.pdf", Samples.pdf(["a"]) + zip),
            ("a.bmp", Samples.bmp(width: 3, height: 2)), ("a.svg", Array("<svg><scr".utf8)),
            ("a.svg", Array("<svg><script".utf8)),
        ]
        for (name, bytes) in files {
            let whole = try code(name, bytes)
            #expect(try code(name, bytes, cuts: Array(0...bytes.count)) == whole, "\(name)")
            for _ in 0..<40 {
                #expect(try code(name, bytes, cuts: generator.cuts(of: bytes.count)) == whole, "\(name)")
            }
        }
    }

    @Test func `any bytes at all`() throws {
        var generator = SeededGenerator(seed: 31)
        let heads = [
            Self.png, Samples.jpeg(width: 3, height: 2), Samples.gif(width: 3, height: 2),
            Samples.webp(width: 3, height: 2), Samples.bmp(width: 3, height: 2), Samples.docx,
        ]
        let endings = ["png", "jpg", "gif", "webp", "bmp", "avif", "docx", "pdf", "txt", "svg", "mp3", "xyz", "zip"]
        for _ in 0..<3000 {
            var bytes = heads.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 0..<6, using: &generator) {
                guard let place = bytes.indices.randomElement(using: &generator) else { break }
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
            let name = "a." + (endings.randomElement(using: &generator) ?? "")
            #expect(
                try code(name, bytes) == code(name, bytes, cuts: generator.cuts(of: bytes.count)), "\(name) \(bytes)")
        }
    }
}
