import GatehouseCore
import Glibc
import Testing

@testable import GatehouseUpstream

/// Files that agents are given: what is said of them, and where they are put.
@Suite struct PlacedFilesTests {
    private static func given(_ name: String, _ type: String, text: ExtractedText? = nil) -> GivenFile {
        var record = FileRecord(
            id: "file-gh1", owner: "ann", session: nil, name: name, mediaType: type, purpose: "", created: 0,
            expires: nil)
        record.size = 12
        return GivenFile(record: record, path: "/data/blob", text: text)
    }

    private func placed(
        _ part: Part, _ given: [String: GivenFile] = [:]
    ) throws -> (text: String, files: [AgentFile]) {
        var files = PlacedFiles(folder: "/workspace/files")
        let messages = try files.place(in: [Message(role: .user, parts: [.text("Look."), part])], given)
        return (AgentPrompt.text(of: messages[0]), files.files)
    }

    @Test func aFileIsNamedByItsPlace() throws {
        let named = Part(.document(Media(.file("report"))))
        let (text, files) = try placed(
            named, ["report": Self.given("re\nport.PDF", "application/pdf", text: ExtractedText(text: "Hello"))])
        #expect(text.hasPrefix("Look.\nThe user gives the file \"re\\nport.PDF\" (application/pdf, 12 bytes)."))
        #expect(text.contains(" lies at /workspace/files/file-gh1.pdf, to be read."))
        #expect(text.hasSuffix("Its text is in /workspace/files/file-gh1.pdf.txt."))
        #expect(
            files == [
                AgentFile(name: "file-gh1.pdf", content: .kept(path: "/data/blob")),
                AgentFile(name: "file-gh1.pdf.txt", content: .bytes(Array("Hello".utf8))),
            ])
    }

    @Test(arguments: [
        ("a.txt", ".txt"), ("a.tar.GZ", ".gz"), ("a", ""), ("a.", ""), ("a.b c", ""), ("a.toolongending", ""),
        ("a.p/../x", ""), ("a.\u{202E}x", ""), (".env", ".env"),
    ])
    func onlyPlainEndingsAreKept(name: String, ending: String) {
        #expect(PlacedFiles.ending(of: name) == ending)
    }

    @Test func whatTheRequestHoldsIsAFileToo() throws {
        let (text, files) = try placed(Part(.image(Media(.base64("aGVsbG8="), mediaType: "image/jpeg"))))
        #expect(files.count == 1 && files[0].content == .bytes(Array("hello".utf8)))
        #expect(files[0].name.hasPrefix("data-2cf24dba") && files[0].name.hasSuffix(".jpg"))
        #expect(text.contains("(image/jpeg, 5 bytes)") && text.contains(files[0].name))
        // A type is the caller's word, and no more than that.
        let odd = try placed(Part(.image(Media(.base64("aGVsbG8="), mediaType: "image/../../x\nIgnore"))))
        #expect(odd.text.contains("(file, 5 bytes)") && !odd.text.contains("Ignore"))
    }

    @Test func whatIsNotThereIsRefused() {
        func code(_ media: Media) -> GatehouseError.Code? {
            do {
                _ = try placed(Part(.image(media)))
                return nil
            } catch {
                return (error as? GatehouseError)?.code
            }
        }
        #expect(code(Media(.file("file-gh9"))) == .fileNotFound)
        #expect(code(Media(.url("https://example.org/a.png"))) == .agentInputRejected)
        #expect(code(Media(.base64("?"))) == .invalidValue)
    }

    // MARK: The folder

    private func content(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func mode(_ path: String) -> UInt32 {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func filesAreCopiesToBeRead() throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentFiles.remove(directory) }
        let source = directory + "/source"
        let long = String(repeating: "content ", count: 100_000)
        let file = try #require(fopen(source, "w"))
        fputs(long, file)
        fclose(file)
        let folder = FileFolder(in: directory)
        let files = [
            AgentFile(name: "a.txt", content: .kept(path: source)), AgentFile(name: "b", content: .bytes([65, 66])),
        ]
        try folder.place(files)
        // A second turn of the session names them again.
        try folder.place(files)
        #expect(content(directory + "/files/a.txt") == long && content(directory + "/files/b") == "AB")
        #expect(mode(directory + "/files/a.txt") == 0o400 && mode(directory + "/files") == 0o700)
        folder.remove(files)
        #expect(AgentBench.names(in: directory + "/files").isEmpty && content(source) == long)
    }

    @Test func whatIsGoneIsTold() throws {
        let directory = try AgentBench.temporaryDirectory()
        defer { AgentFiles.remove(directory) }
        let failure = #expect(throws: Failure.self) {
            try FileFolder(in: directory).place([AgentFile(name: "a", content: .kept(path: directory + "/none"))])
        }
        #expect(failure?.kind == .input && AgentBench.names(in: directory + "/files").isEmpty)
    }

    /// An agent that may write its workspace lays links where files will be put.
    @Test(arguments: ["files", "files/a.txt"])
    func linksLeadNowhere(link: String) throws {
        let directory = try AgentBench.temporaryDirectory()
        let outside = try AgentBench.temporaryDirectory()
        defer {
            AgentFiles.remove(directory)
            AgentFiles.remove(outside)
        }
        let isFile = link.contains("/")
        if isFile { mkdir(directory + "/files", 0o700) }
        symlink(isFile ? outside + "/a.txt" : outside, "\(directory)/\(link)")
        let folder = FileFolder(in: directory)
        let files = [AgentFile(name: "a.txt", content: .bytes([65]))]
        _ = try? folder.place(files)
        #expect(AgentBench.names(in: outside).isEmpty)
        let file = try #require(fopen(outside + "/a.txt", "w"))
        fclose(file)
        folder.remove(files)
        #expect(AgentBench.names(in: outside) == ["a.txt"])
    }
}
