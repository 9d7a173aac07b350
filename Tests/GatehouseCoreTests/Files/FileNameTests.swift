import GatehouseCore
import Testing

/// Names of files, friendly and not.
@Suite struct FileNameTests {
    private func text(_ raw: String) throws -> String { try FileName(raw).text }

    @Test(arguments: [
        // Paths.
        ("../../etc/passwd", "passwd"), (#"..\..\boot.ini"#, "boot.ini"), ("/etc/passwd", "passwd"),
        (#"C:\Users\me\r.pdf"#, "r.pdf"), ("a/b\\c/d.txt", "d.txt"), (".claude/settings.json", "settings.json"),
        ("%2e%2e%2f%2e%2e%2fx", "x"), ("..%5c..%5cx", "x"), ("a/", "file"), ("a/..", "file"),
        // Decoded once, and only what was encoded.
        ("%252e%252e%252fx.txt", "%2e%2e%2fx.txt"), ("50%de.txt", "50%de.txt"), ("100% sure.txt", "100% sure.txt"),
        ("a%20b.txt", "a b.txt"), ("a%22b%22.txt", "a_b_.txt"), ("%+f.txt", "%+f.txt"),
        ("%c0%ae%c0%ae%2fx", "%c0%ae%c0%ae%2fx"),
        ("%E2%82%AC.txt", "€.txt"),
        // What systems do not take in names.
        ("a:b*c?d\"e<f>g|h.txt", "a_b_c_d_e_f_g_h.txt"), ("a\u{0}b.txt", "a_b.txt"), ("a%00.txt", "a_.txt"),
        ("a\r\n\tb\u{7F}\u{9F}.txt", "ab.txt"), ("a\u{2028}b\u{2029}.txt", "ab.txt"),
        // Direction and what is not seen.
        ("invoice\u{202E}fdp.exe.txt", "invoicefdp.exe.txt"),
        ("\u{FEFF}a\u{200E}\u{200F}\u{2066}\u{2069}\u{061C}.md", "a.md"),
        ("a\u{200B}\u{2060}\u{AD}\u{E0041}.md", "a.md"), ("نمی\u{200C}خواهم.txt", "نمی\u{200C}خواهم.txt"),
        ("👩\u{200D}💻.txt", "👩\u{200D}💻.txt"),
        // Ends.
        (".htaccess", "htaccess"), ("..", "file"), ("", "file"), (" . . ", "file"), ("a.txt. . ", "a.txt"),
        ("\u{3000}a.txt\u{A0}", "a.txt"), ("-rf", "_rf"), (" -rf", "_rf"), ("--help.txt", "_-help.txt"),
        // Dots that carry a sign are dots.
        ("a.\u{301}b", "a.\u{301}b"),
    ]) func `made harmless`(raw: String, expected: String) throws {
        let name = try text(raw)
        #expect(Array(name.utf8) == Array(expected.utf8), "\(name)")
    }

    /// As Python's unicodedata has them.
    @Test(arguments: [
        ("e\u{301}", "\u{E9}"), ("\u{E9}", "\u{E9}"), ("\u{EA}\u{323}", "\u{1EC7}"), ("e\u{323}\u{302}", "\u{1EC7}"),
        ("e\u{302}\u{323}", "\u{1EC7}"), ("\u{212B}", "\u{C5}"), ("\u{F900}", "\u{8C48}"),
        ("\u{1100}\u{1161}\u{11A8}", "\u{AC01}"),
        ("\u{958}", "\u{915}\u{93C}"), ("\u{2126}", "\u{3A9}"), ("q\u{307}\u{323}", "q\u{323}\u{307}"),
        // What is taken out does not keep its neighbours apart.
        ("e\u{200E}\u{301}", "\u{E9}"),
    ]) func `composed in one way`(raw: String, expected: String) throws {
        #expect(try text(raw).unicodeScalars.elementsEqual(expected.unicodeScalars))
        #expect(try FileName(raw) == FileName(expected))
    }

    @Test(arguments: [
        "CON", "con.txt", "Nul", "aux.tar.gz", "COM1", "com0.txt", "LPT9.pdf", "COM¹.txt", "prn .txt", "a/CON",
        "CONIN$", "clock$",
        "con. ", ".con", "\u{200E}CON",
    ]) func `devices are refused`(raw: String) {
        let error = #expect(throws: GatehouseError.self) { try FileName(raw) }
        #expect(error?.code == .invalidFilename)
        #expect(error?.param == "file")
    }

    @Test(arguments: ["console.txt", "com10.txt", "lpt.txt", "common.md", "a.con", "null.txt"])
    func `what only resembles devices is taken`(raw: String) throws { #expect(try text(raw) == raw) }

    @Test func `long names keep their endings`() throws {
        let long = try FileName(String(repeating: "é", count: 300) + ".PDF")
        #expect(long.text.utf8.count == 254)
        #expect(long.text.hasSuffix("é.PDF"))
        #expect(long.ending == ".pdf")
        // Where the cut leaves a blank, it goes.
        let blank = try FileName(String(repeating: "a", count: 250) + " " + String(repeating: "b", count: 9) + ".pdf")
        #expect(blank.text == String(repeating: "a", count: 250) + ".pdf")
        let ending = try FileName("a." + String(repeating: "b", count: 300))
        #expect(ending.text.utf8.count == 255)
        let exact = String(repeating: "a", count: 251) + ".txt"
        #expect(try text(exact) == exact)
        #expect(throws: GatehouseError.self) { try FileName(String(repeating: "a", count: 8193)) }
    }

    @Test(arguments: [
        ("a.pdf", ".pdf"), ("a.PDF", ".pdf"), ("a", ""), (".pdf", ""), ("a.tar.gz", ".gz"), ("a.", ""),
        ("a.pdf ", ".pdf"),
        ("a.p\u{202E}df", ".pdf"), ("x.y/z", ""),
    ]) func `endings`(raw: String, expected: String) throws { #expect(try FileName(raw).ending == expected) }

    @Test(arguments: [
        ("a.php.png", ".php"), ("x.html.txt", ".html"), ("x.HTML.txt", ".html"), ("a.b.exe.c.pdf", ".exe"),
        ("shell.PhP5 .jpg", ".php5"),
        ("www.example.com.pdf", nil), ("v1.2.pdf", nil), ("php.png", nil), ("a.php", nil), (".htaccess.txt", nil),
        ("a.html", nil), ("report.final.docx", nil),
    ]) func `hidden endings`(raw: String, expected: String?) throws {
        #expect(try FileName(raw).hiddenEnding == expected)
    }

    /// What names are made of in the generator: all that is bad, and some that is good.
    private static let pieces: [String] = [
        "..", ".", "/", "\\", " ", "-", "a", "B", "é", "e\u{301}", "\u{323}", "\u{202E}", "\u{2066}", "\u{FEFF}",
        "\u{0}", "\n", "\u{85}", "%2f",
        "%2e", "%00", "%5C", "%zz", "%", "%c3", "%a9", "CON", "nul", "COM1", ".txt", ".php", ".png", ":", "*", "?",
        "\"", "<", ">", "|", "日本", "👩\u{200D}💻",
        "\u{1F3F4}\u{E0067}\u{E007F}", "\u{3000}", "\u{AC00}", "\u{1100}", "\u{1161}", "~", "$", "x", "\u{10FFFF}",
        "\u{FFFD}", "\u{1D165}",
    ]

    @Test func `ten thousand generated names are harmless`() throws {
        var generator = SeededGenerator(seed: 20)
        var refused = 0
        for _ in 0..<10_000 {
            let count = Int.random(
                in: 0...(Int.random(in: 0..<8, using: &generator) == 0 ? 400 : 14), using: &generator)
            let raw = (0..<count).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }.joined()
            do {
                let name = try FileName(raw)
                expectHarmless(name, raw)
                // What is shown is taken back for what it is, but for what looks encoded.
                if !name.text.contains("%") { #expect(try FileName(name.text) == name, "\(raw.debugDescription)") }
            } catch {
                #expect(error.code == .invalidFilename)
                refused += 1
            }
        }
        // Some are devices; most are not.
        #expect((1...2000).contains(refused), "\(refused)")
    }

    private func expectHarmless(_ name: FileName, _ raw: String) {
        let scalars = name.text.unicodeScalars
        let isClean = scalars.allSatisfy { scalar in
            !#"/\:*?"<>|"#.unicodeScalars.contains(scalar) && scalar.properties.generalCategory != .control
                && (scalar.properties.generalCategory != .format || scalar == "\u{200D}" || scalar == "\u{200C}")
        }
        let first = scalars.first ?? ".", last = scalars.last ?? "."
        let hasEnds =
            first != "." && first != "-" && last != "." && !first.properties.isWhitespace
            && !last.properties.isWhitespace
        #expect(
            isClean && hasEnds && (1...255).contains(name.text.utf8.count),
            "\(raw.debugDescription) became \(name.text.debugDescription)")
        #expect(
            name.ending.isEmpty
                || name.text.lowercased().unicodeScalars.elementsEqual(
                    (name.text.dropLastScalars(of: name.ending) + name.ending).unicodeScalars)
        )
    }
}

extension String {
    /// In lower case, without what an ending has.
    fileprivate func dropLastScalars(of ending: String) -> String {
        String(lowercased().unicodeScalars.dropLast(ending.unicodeScalars.count))
    }
}
