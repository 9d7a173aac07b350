import GatehouseCore
import NIOCore

/// Uploads as forms: every cut of a body gives the same parts, and these are what stands between its boundaries.
enum MultipartFuzz {
    private static let boundary = "b"
    private static let delimiter = Array("\r\n--\(boundary)".utf8)

    private struct Part: Equatable {
        var name: String
        var filename: String?
        var contentType: String?
        var content: [UInt8] = []
    }

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let cuts = Cuts.all(bytes[...])
        let whole = cuts.first.map(read)
        for pieces in cuts { promise(read(pieces) == whole, "cut into \(pieces.count) pieces, the parts are others") }
        guard let parts = whole ?? nil else { return }
        let plain = plainContents(Array("\r\n".utf8) + bytes)
        promise(parts.map(\.content) == plain, "the parts are not what stands between the boundaries")
        for part in parts {
            guard let name = part.filename.flatMap({ try? FileName($0) }) else { continue }
            promise((1...255).contains(name.text.utf8.count), "the name has \(name.text.utf8.count) bytes")
            promise(!name.text.utf8.contains { $0 < 0x20 || $0 == 0x2F || $0 == 0x5C }, "the name leads elsewhere")
        }
    }

    /// `nil` for what is refused.
    private static func read(_ pieces: [ByteBuffer]) -> [Part]? {
        var reader = MultipartReader(boundary: boundary)
        var parts: [Part] = []
        do {
            for piece in pieces {
                reader.feed(piece)
                while let event = try reader.next() {
                    switch event {
                    case .part(let name, let filename, let type):
                        parts.append(Part(name: name, filename: filename, contentType: type))
                    case .data(let bytes): parts[parts.count - 1].content += bytes.readableBytesView
                    case .partEnd, .end: break
                    }
                }
            }
            try reader.finish()
        } catch {
            return nil
        }
        return parts
    }

    /// What stands behind the headers between each two boundaries, found in the plainest way.
    private static func plainContents(_ bytes: [UInt8]) -> [[UInt8]] {
        var sections: [[UInt8]] = []
        var start: Int?
        var index = 0
        while index < bytes.count {
            guard bytes[index...].starts(with: delimiter) else {
                index += 1
                continue
            }
            if let start { sections.append(Array(bytes[start..<index])) }
            index += delimiter.count
            if bytes[index...].starts(with: "--".utf8) { break }
            start = index + 2
        }
        return sections.map { section in
            if section.starts(with: "\r\n".utf8) { return Array(section.dropFirst(2)) }
            let end = section.indices.first { section[$0...].starts(with: "\r\n\r\n".utf8) }
            return end.map { Array(section[($0 + 4)...]) } ?? []
        }
    }
}
