import GatehouseCore
import Testing

/// What is taken before its bytes come.
@Suite struct FileRulesTests {
    private let rules = FileRules(endings: [
        ".txt", "md", ".CSV", ".json", ".pdf", ".png", ".jpg", ".docx", ".xyz", ".html", ".svg", ".js",
    ])

    private func admit(_ name: String, _ type: String?) throws -> FileType {
        try rules.admit(FileName(name), declaredType: type)
    }

    @Test(
        arguments: [
            ("a.txt", nil, "text/plain"), ("a.txt", "", "text/plain"),
            ("a.TXT", "text/plain; charset=utf-8", "text/plain"),
            ("a.md", "text/plain", "text/markdown"), ("a.md", "application/octet-stream", "text/markdown"),
            ("a.csv", "application/vnd.ms-excel", "text/csv"), ("a.csv", "TEXT/CSV", "text/csv"),
            ("a.json", "application/json", "application/json"), ("a.pdf", " application/pdf ", "application/pdf"),
            ("a.jpg", "image/jpg", "image/jpeg"), ("a.xyz", nil, "application/octet-stream"),
            ("a.xyz", "chemical/x-xyz", "application/octet-stream"), ("a.html", "text/html", "text/html"),
            ("a.js", "text/javascript", "text/plain"), ("a.svg", "image/svg+xml", "image/svg+xml"),
            (
                "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            ),
        ] as [(String, String?, String)]) func `allowed`(name: String, declared: String?, expected: String) throws
    {
        #expect(try admit(name, declared).mediaType == expected)
    }

    @Test(arguments: [
        "a.exe", "a", "a.pdf.exe", ".pdf", "a.php.png", "a.html.txt", "a.svg.pdf", "a.pd\u{430}",
    ]) func `endings that are not allowed`(name: String) {
        let error = #expect(throws: GatehouseError.self) { try admit(name, nil) }
        #expect(error?.code == .fileTypeNotAllowed)
    }

    @Test(arguments: [
        ("a.txt", "text/html"), ("a.txt", "text/javascript"), ("a.png", "text/html"), ("a.png", "image/jpeg"),
        ("a.pdf", "image/svg+xml"),
        ("a.pdf", "application/zip"), ("a.xyz", "text/html"), ("a.xyz", "image/png"), ("a.md", "text/html"),
        ("a.json", "image/svg+xml"),
        ("a.jpg", "nonsense"), ("a.docx", "application/zip"), ("a.txt", "TEXT/HTML;charset=utf-7"),
    ]) func `types that do not agree`(name: String, declared: String) {
        let error = #expect(throws: GatehouseError.self) { try admit(name, declared) }
        #expect(error?.code == .typeMismatch)
    }

    @Test func `what is kept is read back`() {
        for ending in ["txt", "md", "html", "svg", "pdf", "png", "docx", "zip", "mp3", "xyz", "py"] {
            let type = FileType(ending: "." + ending)
            #expect(FileType(mediaType: type.mediaType) == type)
        }
        #expect(FileType(ending: ".txt").contentType == "text/plain; charset=utf-8")
        #expect(FileType(ending: ".png").contentType == "image/png")
        #expect(FileType(ending: ".html").isText)
        #expect(FileType(ending: ".docx").family == .office)
        #expect(FileType(ending: ".xyz").family == .other)
    }
}
