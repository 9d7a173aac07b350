import GatehouseCore
import NIOCore

/// What a file's content is checked for: its first byte chooses the ending, the rest is the content. Every cut gives the
/// same result, and text that is taken is UTF-8.
enum ContentFuzz {
    private static let endings = [
        "txt", "md", "html", "svg", "pdf", "png", "jpg", "gif", "webp", "bmp", "avif", "docx", "zip", "mp3", "wav",
        "xyz",
    ]

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        guard let first = bytes.first, let name = try? FileName("a." + endings[Int(first) % endings.count]) else {
            return
        }
        let type = FileType(ending: name.ending)
        let content = bytes.dropFirst()
        let cuts = Cuts.all(content)
        let whole = cuts.first.map { read($0, type, name) }
        for pieces in cuts {
            promise(read(pieces, type, name) == whole, "cut into \(pieces.count) pieces, the result is another")
        }
        guard type.isText, whole == .some(nil) else { return }
        promise(
            String(validating: content, as: UTF8.self) != nil && !content.contains(0), "text that is none was taken")
    }

    private static func read(_ pieces: [ByteBuffer], _ type: FileType, _ name: FileName) -> GatehouseError.Code? {
        var check = ContentCheck(type, name: name)
        do {
            for piece in pieces { try check.take(piece) }
            try check.finish(sniffed: nil)
        } catch {
            return error.code
        }
        return nil
    }
}
