package import GatehouseCore
import NIOCore
import Synchronization

/// Reads the files that a request names, before anything is sent: one that its caller does not have ends the request.
package final class FileLoader: Sendable {
    /// What the targets of a request may need of its files.
    package struct Needs: Sendable, Equatable {
        /// Contents as they are, for targets over HTTP.
        package var contents = false
        /// The text of documents as well: a target does not read them by itself.
        package var documentTexts = false

        package init() {}
    }

    /// Bytes of all contents of one request.
    private static let maximumContents = 32 << 20
    /// Bytes of text of one file.
    private static let maximumText = 4 << 20

    private let store: any FileStore
    private let extractor: (any TextExtractor)?
    private let texts = Mutex(TextCache())

    package init(store: any FileStore, extractor: (any TextExtractor)?) {
        self.store = store
        self.extractor = extractor
    }

    /// What a caller names: ids, or names of files of a session of its own.
    package struct Wish: Sendable {
        package var ids: [String]
        /// What earlier turns named: it may be gone by now.
        package var past: [String] = []
        package var owner: String
        package var session: String
        package var needs = Needs()

        package init(ids: [String], owner: String, session: String) {
            self.ids = ids
            self.owner = owner
            self.session = session
        }
    }

    /// - Returns: By what they were named.
    /// - Throws: `file_not_found` for one that is not there or is another's, `file_too_large`, and what reading throws.
    package func load(_ wish: Wish) async throws(GatehouseError) -> [String: GivenFile] {
        guard wish.ids.count <= FileReferences.maximum else {
            throw GatehouseError(
                .invalidValue, "A request may name at most \(FileReferences.maximum) files.", param: "files")
        }
        var files: [String: GivenFile] = [:]
        var left = Self.maximumContents
        for id in wish.ids + wish.past.suffix(FileReferences.maximum) where files[id] == nil {
            guard let (record, content) = try await find(id, wish) else {
                if wish.past.contains(id), !wish.ids.contains(id) { continue }
                throw Self.unknown
            }
            files[id] = try await read(record, content, wish.needs, &left)
        }
        return files
    }

    static let unknown = GatehouseError(
        .fileNotFound, "There is no such file, or no more. Upload it first.", param: "file_id")

    private func find(
        _ id: String, _ wish: Wish
    ) async throws(GatehouseError) -> (FileRecord, any FileContent)? {
        var record = try await store.find(id, owner: wish.owner)
        if record == nil { record = try await store.find(named: id, session: wish.session, owner: wish.owner) }
        guard let record, let content = try await store.open(record) else { return nil }
        return (record, content)
    }

    private func read(
        _ record: FileRecord, _ content: any FileContent, _ needs: Needs, _ left: inout Int
    ) async throws(GatehouseError) -> GivenFile {
        var file = GivenFile(record: record, path: content.path)
        switch file.type.family {
        case .image, .audio, .video:
            if needs.contents { file.base64 = try await base64(content, &left) }
        case .document:
            if needs.contents { file.base64 = try await base64(content, &left) }
            if needs.documentTexts { file.text = try await text(content, record, file.type) }
        case .text, .markup, .office, .archive, .other:
            file.text = try await text(content, record, file.type)
        }
        return file
    }

    private func base64(_ content: any FileContent, _ left: inout Int) async throws(GatehouseError) -> String {
        left -= content.size
        guard left >= 0 else {
            throw GatehouseError(
                .fileTooLarge, "The files of a request may have at most \(Self.maximumContents) bytes together.",
                param: "files")
        }
        return Base64Text.encoded(try await whole(content, atMost: content.size))
    }

    private func whole(_ content: any FileContent, atMost limit: Int) async throws(GatehouseError) -> ByteBuffer {
        var bytes = ByteBuffer()
        let size = min(content.size, limit)
        while bytes.readableBytes < size {
            let piece = try await content.read(at: bytes.readableBytes, count: min(1 << 20, size - bytes.readableBytes))
            guard piece.readableBytes > 0 else { break }
            bytes.writeImmutableBuffer(piece)
        }
        return bytes
    }

    // MARK: Texts

    /// The text of a file, kept for the next request: reading it again would take as long.
    private func text(
        _ content: any FileContent, _ record: FileRecord, _ type: FileType
    ) async throws(GatehouseError) -> ExtractedText {
        let key = record.mediaType + " " + record.digest
        if let known = texts.withLock({ $0.text(key) }) { return known }
        let text = try await extract(content, type)
        texts.withLock { $0.keep(text, key) }
        return text
    }

    private func extract(_ content: any FileContent, _ type: FileType) async throws(GatehouseError) -> ExtractedText {
        if let extractor, extractor.reads(type) { return try await extractor.text(of: content, type: type) }
        guard type.isText else {
            return ExtractedText(text: "", note: "Files of this type have no text that could be read here.")
        }
        let bytes = try await whole(content, atMost: Self.maximumText)
        let note = content.size > Self.maximumText ? "Only the first \(Self.maximumText) bytes are here." : nil
        return ExtractedText(text: String(buffer: bytes), note: note)
    }
}

/// The texts that were read last, bounded by their size.
private struct TextCache {
    private static let limit = 32 << 20

    private var texts: [String: ExtractedText] = [:]
    private var uses = Recency<String>()
    private var size = 0

    mutating func text(_ key: String) -> ExtractedText? {
        guard let text = texts[key] else { return nil }
        uses.touch(key)
        return text
    }

    mutating func keep(_ text: ExtractedText, _ key: String) {
        drop(key)
        texts[key] = text
        uses.touch(key)
        size += text.text.utf8.count + 256
        while size > Self.limit, let oldest = uses.oldest() { drop(oldest) }
    }

    private mutating func drop(_ key: String) {
        guard let old = texts.removeValue(forKey: key) else { return }
        size -= old.text.utf8.count + 256
        uses.remove(key)
    }
}
