import GatehouseCore
import GatehouseStore
import GatehouseTesting
import NIOCore
import Synchronization
import Testing

/// Files of many kinds, true ones and lies, through everything that an upload goes through.
@Suite struct MagicSnifferTests {
    private static let sniffer = Result { try MagicSniffer() }

    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var declared: String?
        var content: [UInt8]
        var expected: GatehouseError.Code?
        var testDescription: String {
            "\(name) \(declared ?? "") \(content.count) bytes, \(expected?.rawValue ?? "taken")"
        }

        init(_ name: String, _ content: [UInt8], _ expected: GatehouseError.Code? = nil, declared: String? = nil) {
            self.name = name
            self.content = content
            self.expected = expected
            self.declared = declared
        }

        init(_ name: String, _ text: String, _ expected: GatehouseError.Code? = nil, declared: String? = nil) {
            self.init(name, Array(text.utf8), expected, declared: declared)
        }
    }

    private static let rules = FileRules(endings: [
        "txt", "md", "csv", "tsv", "json", "jsonl", "log", "yaml", "toml", "xml", "html", "svg", "py", "js", "pdf",
        "png", "jpg", "jpeg",
        "webp", "gif", "bmp", "docx", "xlsx", "pptx", "zip", "wav", "mp3", "xyz",
    ])

    private static let prose = String(
        repeating: "In the end, of course, we went, and she, as ever, stayed.\n", count: 40)

    static let honest: [Sample] = [
        Sample("a.txt", "plain text\n"), Sample("a.txt", prose), Sample("a.txt", ""), Sample("a.txt", "日本語のテキスト\n"),
        Sample("a.txt", "Use <script> with care: <!DOCTYPE html>.\n"),
        Sample("a.md", "# Title\n\n<p align=\"center\"><img src=x></p>\n"),
        Sample("a.md", "# T\n\n```html\n<script>alert(1)</script>\n```\n"), Sample("a.csv", "a,b,c\n1,2,3\n4,5,6\n"),
        Sample("a.csv", "a;b\n1;2\n", declared: "application/vnd.ms-excel"), Sample("a.tsv", "a\tb\n1\t2\n"),
        Sample("a.json", "{\"a\": [1, 2, {\"b\": null}]}"),
        Sample("a.json", "{\"a\": \"" + String(repeating: "x", count: 9000) + "\"}", declared: "application/json"),
        Sample("a.jsonl", "{\"a\":1}\n{\"a\":2}\n"),
        Sample("a.log", "2026-01-01 00:00:00 started\n"), Sample("a.yaml", "a:\n  - b\n"),
        Sample("a.toml", "[a]\nb = 1\n"),
        Sample("a.xml", "<?xml version=\"1.0\"?><a/>"),
        Sample("a.html", "<!DOCTYPE html><title>x</title>", declared: "text/html"),
        Sample("a.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><rect/></svg>"),
        Sample("a.py", "#!/usr/bin/env python3\nimport os\n"),
        Sample("a.js", "export const a = () => 1\n"),
        Sample("a.pdf", Samples.pdf(["one", "two"]), declared: "application/pdf"),
        Sample("a.png", Samples.png(width: 4, height: 4)), Sample("a.jpg", Samples.jpeg(width: 4, height: 4)),
        Sample("A.JPEG", Samples.jpeg(width: 4, height: 4)),
        Sample("a.gif", Samples.gif(width: 4, height: 4)), Sample("a.webp", Samples.webp(width: 4, height: 4)),
        Sample("a.bmp", Samples.bmp(width: 4, height: 4)),
        Sample("a.docx", Samples.docx), Sample("a.xlsx", Samples.xlsx), Sample("a.pptx", Samples.pptx),
        Sample("a.zip", Samples.zip([("a", [1])])),
        Sample("a.wav", Samples.wav), Sample("a.mp3", Samples.mp3), Sample("a.xyz", [0xF0, 1, 2, 3, 0xFF]),
    ]

    private static let jar = Samples.zip([("META-INF/MANIFEST.MF", [1]), ("a.class", [0xCA, 0xFE])])
    private static let png = Samples.png(width: 4, height: 4)

    static let lies: [Sample] = [
        Sample("a.png", "<html><script>alert(1)</script></html>", .typeMismatch),
        Sample("a.png", Samples.jpeg(width: 4, height: 4), .typeMismatch),
        Sample("a.png", png + Array("<script>alert(1)</script>".utf8), .typeMismatch),
        Sample("a.png", png, .typeMismatch, declared: "text/html"),
        Sample("a.php.png", png, .fileTypeNotAllowed), Sample("a.png.php", png, .fileTypeNotAllowed),
        Sample("a.html.txt", "x", .fileTypeNotAllowed),
        Sample("a.jpg", Samples.jpeg(width: 4, height: 4) + Array("<?php system($_GET[0]);".utf8), .typeMismatch),
        Sample("a.gif", Samples.gif(width: 4, height: 4) + jar, .typeMismatch),
        Sample("a.gif", Array("GIF89a/*\u{1}\u{2}\u{3}\u{4}*/=alert(1)//".utf8), .typeMismatch),
        Sample("a.jpg", Samples.jpeg(width: 4, height: 4) + jar, .typeMismatch), Sample("a.pdf", jar, .typeMismatch),
        Sample("a.pdf", Samples.pdf(["x"]) + jar, .typeMismatch),
        Sample("a.pdf", Array("/*%PDF-1.4*/ alert(1)\n".utf8) + Samples.pdf(["x"]), .typeMismatch),
        Sample("a.pdf", [UInt8](repeating: 0x20, count: 250) + Samples.pdf(["x"]), .typeMismatch),
        Sample("a.pdf", "<html></html>", .typeMismatch),
        Sample("a.png", png + Array("%PDF-1.4".utf8), .typeMismatch),
        Sample("a.svg", "<svg><script>alert(1)</script></svg>", .typeMismatch),
        Sample("a.svg", "<svg onload=\"alert(1)\"/>", .typeMismatch),
        Sample("a.png", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", .typeMismatch),
        Sample(
            "a.txt", "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>", .typeMismatch),
        Sample("a.txt", "<!DOCTYPE html><script>alert(1)</script>", .typeMismatch),
        Sample("a.txt", "+ADw-script+AD4-alert(1)", .typeMismatch),
        Sample("a.txt", "text/html it says", .typeMismatch, declared: "text/html; charset=utf-7"),
        Sample("a.txt", png, .typeMismatch),
        Sample("a.txt", [0x61, 0x00, 0x62], .typeMismatch), Sample("a.txt", [0xFF, 0xFE, 0x61, 0x00], .typeMismatch),
        Sample("a.csv", Samples.xlsx, .typeMismatch),
        Sample("a.txt", Samples.pdf(["x"]), .typeMismatch), Sample("a.docx", jar, .typeMismatch),
        Sample("a.docx", Samples.xlsx, .typeMismatch),
        Sample("a.zip", png, .typeMismatch), Sample("a.xyz", png, .typeMismatch),
        Sample("a.xyz", "#!/bin/sh\nrm -rf /\n", .typeMismatch),
        Sample("a.xyz", "MZ\u{1}\u{2}", .typeMismatch), Sample("a.mp3", jar, .typeMismatch),
        Sample("a.png", [], .typeMismatch),
        Sample("a.png", Samples.png(width: 30_000, height: 30_000), .unpackedTooLarge),
        Sample("a.jpg", Samples.jpeg(width: 30_000, height: 30_000), .unpackedTooLarge),
        Sample("a.wav", Array("RIFF/*aWAVE*/=1".utf8), .typeMismatch),
    ]

    @Test(arguments: honest + lies) func `what is taken and what is not`(sample: Sample) throws {
        let sniffer = try Self.sniffer.get()
        var sniffed: String?
        do throws(GatehouseError) {
            let name = try FileName(sample.name)
            let type = try Self.rules.admit(name, declaredType: sample.declared)
            var check = ContentCheck(type, name: name)
            try check.take(ByteBuffer(bytes: sample.content))
            sniffed = sniffer.type(of: check.head)
            try check.finish(sniffed: sniffed)
            #expect(sample.expected == nil, "it is \(sniffed ?? "nothing")")
        } catch {
            #expect(error.code == sample.expected, "it is \(sniffed ?? "nothing")")
        }
    }

    @Test(arguments: [
        (Samples.png(width: 4, height: 4), "image/png"), (Samples.pdf(["x"]), "application/pdf"),
        (Array("<html></html>".utf8), "text/html"),
        (Samples.docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ([], "application/x-empty"), (Array("{\"a\": 1}".utf8), "application/json"),
    ]) func `media types`(content: [UInt8], expected: String) throws {
        #expect(try Self.sniffer.get().type(of: content) == expected)
    }

    @Test func `many threads at once`() async throws {
        let sniffer = try Self.sniffer.get()
        let samples = Self.honest.map(\.content)
        let expected = samples.map { sniffer.type(of: $0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    for (content, type) in zip(samples, expected) { #expect(sniffer.type(of: content) == type) }
                }
            }
            try await group.waitForAll()
        }
    }
}
