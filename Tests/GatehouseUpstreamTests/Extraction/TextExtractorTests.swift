import GatehouseCore
import Glibc
import NIOCore
import Subprocess
import SystemPackage
import Testing

@testable import GatehouseUpstream

private let canReadPDF = AgentDiscovery.find("pdftotext", path: AgentBench.host["PATH"] ?? "") != nil

/// The text of files, read in sandboxes: true ones, and bombs of every kind. They are made by `Tests/Support/documents.py`.
@Suite(.enabled(if: AgentBench.hasSandbox && canReadPDF), .serialized)
struct TextExtractorTests {
    private static var program: String {
        InstalledFiles.parent(AgentBench.supervisor) + "/gatehouse"
    }

    private struct Bench {
        let extractor: SandboxedTextExtractor
        let runner: AgentRunner
        let folder: String

        func text(_ name: String) async throws(GatehouseError) -> ExtractedText {
            try await text(name, as: "." + (name.split(separator: ".").last.map(String.init) ?? ""))
        }

        func text(_ name: String, as ending: String) async throws(GatehouseError) -> ExtractedText {
            guard let file = OpenFile("\(folder)/\(name)") else { throw GatehouseError(.fileNotFound, "") }
            return try await extractor.text(of: file, type: FileType(ending: ending))
        }
    }

    /// With all documents, and nothing left behind.
    private func with(_ body: (Bench) async throws -> Void) async throws {
        try await AgentBench.with { bench in
            let folder = bench.data + "/documents"
            try #require(mkdir(folder, 0o700) == 0)
            let made = try await Subprocess.run(
                .name("python3"), arguments: Arguments([repository + "/Tests/Support/documents.py", folder]),
                output: .discarded, error: .string(limit: 10_000))
            try #require(made.terminationStatus.isSuccess, "\(made.standardError)")
            let extractor = SandboxedTextExtractor(runner: bench.runner, program: Self.program)
            try await body(Bench(extractor: extractor, runner: bench.runner, folder: folder))
        }
    }

    @Test func `documents of each kind, damaged ones and bombs`() async throws {
        try await with { bench in
            try await expectTexts(bench)
            try await expectRefusals(bench)
            try await expectGone(bench)
        }
    }

    private func expectTexts(_ bench: Bench) async throws {
        #expect(try await bench.text("hello.docx").text == "Grüße & more\na\tb\nend\n")
        #expect(try await bench.text("book.xlsx").text == "--- Sheet Data & more ---\nname\t\tx < y\n\t4.5\tin line\n")
        #expect(try await bench.text("deck.pptx").text == "--- Slide 1 ---\nfirst\n\n--- Slide 2 ---\nsecond\n")
        #expect(try await bench.text("long.docx").text.utf8.count > 390_000)
        let two = try await bench.text("two.pdf")
        #expect(two.text.contains("--- Page 1 ---\nHello one") && two.text.contains("\n--- Page 2 ---\nHello two"))
        #expect(two.pages == 2 && two.note == nil)
        let scan = try await bench.text("scan.pdf")
        #expect(scan.text.isEmpty && scan.pages == 2 && scan.note?.contains("scan") == true)
        let many = try await bench.text("many.pdf")
        #expect(many.pages == 500 && many.note?.contains("500") == true)
        #expect(many.text.contains("--- Page 500 ---") && !many.text.contains("Page 501"))
        // Empty pages that call themselves end.
        #expect(try await bench.text("recursive.pdf").text.isEmpty)
        #expect(try await bench.text("objects.pdf").text.contains("x"))
    }

    private func expectRefusals(_ bench: Bench) async throws {
        let expected: [(GatehouseError.Code, [String])] = [
            (
                .unprocessableFile,
                [
                    "garbage.pdf", "cut.pdf", "cut.docx", "empty.docx", "entities.docx", "external.docx", "deep.docx",
                    "above.docx", "absolute.docx", "link.docx", "encrypted.docx", "flipped.docx",
                ]
            ),
            (.unpackedTooLarge, ["ratio.docx", "entries.docx", "million.docx", "overlap.docx"]),
            (.extractionLimit, ["much.docx", "repeated.xlsx", "flate.pdf"]),
        ]
        for (code, names) in expected {
            for name in names {
                let error = await #expect(throws: GatehouseError.self, "\(name)") { try await bench.text(name) }
                #expect(error?.code == code, "\(name)")
            }
        }
        // One that is another.
        for (name, ending) in [("two.pdf", ".docx"), ("hello.docx", ".pdf"), ("hello.docx", ".xlsx")] {
            let error = await #expect(throws: GatehouseError.self) { try await bench.text(name, as: ending) }
            #expect(error?.code == .unprocessableFile)
        }
    }

    private func expectGone(_ bench: Bench) async throws {
        let path = bench.folder + "/two.pdf"
        let file = try #require(OpenFile(path))
        unlink(path)
        let error = await #expect(throws: GatehouseError.self) {
            try await bench.extractor.text(of: file, type: FileType(ending: ".pdf"))
        }
        #expect(error?.code == .fileNotFound)
    }

    @Test func `many at once, and some that are not wanted any more`() async throws {
        try await AgentBench.with { bench in
            let page = bench.data + "/page.html"
            #expect(AgentBench.touch(page, "<p>one<p>two"))
            let extractor = SandboxedTextExtractor(runner: bench.runner, program: Self.program)
            let type = FileType(ending: ".html")
            try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        guard let file = OpenFile(page) else { return nil }
                        return try await extractor.text(of: file, type: type).text
                    }
                }
                for try await text in group { #expect(text == "one\ntwo\n") }
            }
            let task = Task {
                guard let file = OpenFile(page) else { return }
                _ = try await extractor.text(of: file, type: type)
            }
            task.cancel()
            await #expect(throws: GatehouseError.self) { try await task.value }
        }
    }

    @Test func `what has no place to wait is refused`() async throws {
        let slots = ExtractionSlots(running: 1, waiting: 1)
        try await slots.take()
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let waiting = Task {
            signal.yield()
            try await slots.take()
        }
        for await _ in entered { break }
        while slots.waitingCount == 0 { await Task.yield() }
        let error = await #expect(throws: GatehouseError.self) { try await slots.take() }
        #expect(error?.code == .overloaded)
        waiting.cancel()
        await #expect(throws: GatehouseError.self) { try await waiting.value }
        slots.release()
        try await slots.take()
    }

    @Test func `plain text is what it is`() async throws {
        let runner = AgentRunner(
            AgentRunnerConfiguration(supervisor: "/none", runsDirectory: "/none", environment: [:]))
        let extractor = SandboxedTextExtractor(runner: runner, program: nil)
        func text(_ content: String, _ ending: String) async throws -> ExtractedText {
            try await extractor.text(of: HeldFile(content), type: FileType(ending: ending))
        }
        #expect(try await text("a,b\n\u{E9}\n", ".csv") == ExtractedText(text: "a,b\n\u{E9}\n"))
        #expect(try await text("\u{FEFF}# x", ".md").text == "# x")
        #expect(try await text("", ".txt").note == "The file is empty.")
        let long = try await text(String(repeating: "€", count: 2 << 20), ".txt")
        #expect(long.text.utf8.count == (4 << 20) - 1 && long.note != nil)
        #expect(!extractor.reads(FileType(ending: ".png")) && extractor.reads(FileType(ending: ".docx")))
        let error = await #expect(throws: GatehouseError.self) { try await text("x", ".png") }
        #expect(error?.code == .unprocessableFile)
    }
}

/// A file that is held open.
private final class OpenFile: FileContent {
    let path: String
    let size: Int
    private let descriptor: CInt

    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        self.path = path
        var status = stat()
        size = fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    deinit { close(descriptor) }

    func read(at offset: Int, count: Int) async throws(GatehouseError) -> ByteBuffer { ByteBuffer() }
}

/// A content in memory.
private final class HeldFile: FileContent {
    private let bytes: ByteBuffer
    var size: Int { bytes.readableBytes }
    var path: String { "/nowhere" }

    init(_ text: String) { bytes = ByteBuffer(string: text) }

    func read(at offset: Int, count: Int) async throws(GatehouseError) -> ByteBuffer {
        bytes.getSlice(at: offset, length: min(count, size - offset)) ?? ByteBuffer()
    }
}
