package import GatehouseCore
import Glibc
import NIOCore

/// Reads the text of files. Plain text is what it is; all else is taken apart in a process of its own for each file, in the
/// sandbox that agents are run in, without network and with little time and memory: PDF by `pdftotext`, Office files and
/// pages by this program itself, which is started anew for it (docs/decisions/0016).
package final class SandboxedTextExtractor: TextExtractor {
    package struct Limits: Sendable {
        package var cpuSeconds = 5
        package var wall = Duration.seconds(10)
        /// Bytes.
        package var memory = 256 << 20
        /// Files that are read at the same time, and that may wait for it.
        package var running = 2
        package var waiting = 64

        package init() {}
    }

    private let runner: AgentRunner
    private let program: String?
    private let limits: Limits
    private let slots: ExtractionSlots

    /// - Parameters:
    ///   - runner: Knows what this host offers, and removes what a gateway before this one left.
    ///   - program: The `gatehouse` that is started to read; the running one by default.
    package init(runner: AgentRunner, program: String? = ReaderProgram.ownPath(), limits: Limits = Limits()) {
        self.runner = runner
        self.program = program
        self.limits = limits
        slots = ExtractionSlots(running: limits.running, waiting: limits.waiting)
    }

    package func reads(_ type: FileType) -> Bool { FileReading(type) != nil }

    package func text(of content: any FileContent, type: FileType) async throws(GatehouseError) -> ExtractedText {
        switch FileReading(type) {
        case nil: throw GatehouseError(.unprocessableFile, "No text is read from files of this kind.", param: "file")
        case .plain: return try await Self.plain(content)
        case .pdf:
            let output = try await run(.pdf, on: content)
            do throws(ReadingFailure) { return try PageText.text(of: output) } catch { throw error.error }
        case .own(let kind):
            let text = String(decoding: try await run(.own(kind), on: content), as: UTF8.self)
            let isEmpty = text.utf8.allSatisfy { $0 <= 0x20 }
            return ExtractedText(text: text, note: isEmpty ? "There is no text in this file." : nil)
        }
    }

    // MARK: Plain text

    private static let pieceSize = 256 << 10
    package static let textLimit = 4 << 20

    private static func plain(_ content: any FileContent) async throws(GatehouseError) -> ExtractedText {
        let size = min(content.size, textLimit)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        while bytes.count < size {
            let piece = try await content.read(at: bytes.count, count: min(pieceSize, size - bytes.count))
            guard piece.readableBytes > 0 else { break }
            bytes += piece.readableBytesView
        }
        let isCut = content.size > textLimit
        if isCut { dropCutCharacter(&bytes) }
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard let text = String(validating: text, as: UTF8.self) else { throw ReadingFailure.damaged.error }
        let note = isCut ? "Only the first 4 MiB of the file are here." : text.isEmpty ? "The file is empty." : nil
        return ExtractedText(text: text, note: note)
    }

    /// The end may lie within a character, which has four bytes at most.
    private static func dropCutCharacter(_ bytes: inout [UInt8]) {
        guard let start = bytes.suffix(4).lastIndex(where: { $0 & 0xC0 != 0x80 }) else { return }
        let width = bytes[start] >= 0xF0 ? 4 : bytes[start] >= 0xE0 ? 3 : bytes[start] >= 0xC0 ? 2 : 1
        if bytes.count - start < width { bytes.removeSubrange(start...) }
    }

    // MARK: In a sandbox

    private func run(_ reading: FileReading, on content: any FileContent) async throws(GatehouseError) -> [UInt8] {
        let host = await runner.ready()
        guard let host, let sandbox = try? host.sandbox.get() else {
            throw GatehouseError(
                .sandboxUnavailable, "Files of this kind are read in a sandbox only, and this host cannot make one.")
        }
        let command = try command(reading)
        try await slots.take()
        defer { slots.release() }
        let run = ExtractionRun(
            command: command, input: content.path, host: host, sandbox: sandbox, limits: limits,
            configuration: runner.configuration)
        do throws(GatehouseError) { return try await run.output() } catch {
            // The file may have been deleted meanwhile; what was kept of it is held, but not its name.
            guard await offload({ access(content.path, F_OK) == 0 }) else {
                throw GatehouseError(.fileNotFound, "There is no such file any more.", param: "file")
            }
            throw error
        }
    }

    private func command(_ reading: FileReading) throws(GatehouseError) -> ExtractionRun.Command {
        let path = runner.configuration.environment["PATH"] ?? ""
        switch reading {
        case .pdf:
            guard let pdftotext = AgentDiscovery.find("pdftotext", path: path) else {
                throw GatehouseError(
                    .unprocessableFile,
                    "This gateway cannot read PDF: its operator has to install pdftotext (Debian: poppler-utils).",
                    param: "file")
            }
            return ReaderProgram.pdf(pdftotext, path: path)
        case .own(let kind):
            guard let program else {
                throw GatehouseError(.internalError, "The program that reads files is not found.")
            }
            return ReaderProgram.own(program, kind)
        case .plain: throw GatehouseError(.internalError, "Plain text needs no program.")
        }
    }
}

/// How files of a type are read.
enum FileReading: Equatable {
    case plain, pdf
    case own(TextReader.Kind)

    /// `nil` for what has no text that is read.
    init?(_ type: FileType) {
        switch type {
        case FileType(ending: ".html"): self = .own(.html)
        case FileType(ending: ".pdf"): self = .pdf
        case FileType(ending: ".docx"): self = .own(.docx)
        case FileType(ending: ".xlsx"): self = .own(.xlsx)
        case FileType(ending: ".pptx"): self = .own(.pptx)
        case _ where type.isText: self = .plain
        default: return nil
        }
    }
}
