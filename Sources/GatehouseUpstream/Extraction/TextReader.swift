import GatehouseCore
import Glibc

/// What a `gatehouse` that was started in a sandbox to read one file does: it prints the file's text and ends.
package enum TextReader {
    package enum Kind: String, Sendable, CaseIterable {
        case html, docx, xlsx, pptx
    }

    /// A larger file would not fit into its memory.
    private static let fileLimit = 128 << 20

    /// The exit code: 0, or that of a `ReadingFailure`.
    package static func run(_ kind: Kind, path: String) -> Int32 {
        do throws(ReadingFailure) {
            let text = try text(of: try contents(of: path), kind)
            return print(text) ? 0 : 74
        } catch {
            return error.rawValue
        }
    }

    private static func text(of file: [UInt8], _ kind: Kind) throws(ReadingFailure) -> [UInt8] {
        switch kind {
        case .html: try HTMLText.text(of: file)
        case .docx: try OfficeText.text(of: file, kind: .docx)
        case .xlsx: try OfficeText.text(of: file, kind: .xlsx)
        case .pptx: try OfficeText.text(of: file, kind: .pptx)
        }
    }

    private static func contents(of path: String) throws(ReadingFailure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .damaged }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size >= 0 else { throw .damaged }
        guard status.st_size <= fileLimit else { throw .limit }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let read = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { throw .damaged }
            count += read
        }
        return bytes
    }

    private static func print(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}
