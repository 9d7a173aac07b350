package import NIOCore

/// Files of this gateway that a request names.
package enum FileReferences {
    /// What ids of files begin with. Vendors' ids look much the same, but for the two letters behind the dash.
    package static let prefix = "file-gh"
    /// Files in one request.
    package static let maximum = 32

    /// Whether a body may name files at all, by a look at its bytes: the members that do so are called `file_id`, `fileUri`
    /// or `file_uri`. It may be wrong about a body that does not, never about one that spells them plainly.
    package static func mayBe(in body: ByteBuffer) -> Bool {
        steps.withUnsafeBufferPointer { steps in
            body.withUnsafeReadableBytes { bytes in
                // The last of seven bytes tells how far the next look may go.
                var end = 6
                while end < bytes.count {
                    let step = Int(steps[Int(bytes[end])])
                    if step == 0, isName(bytes, end) { return true }
                    end += max(step, 1)
                }
                return false
            }
        }
    }

    private static let names = [Array("file_id".utf8), Array("fileUri".utf8), Array("file_ur".utf8)]

    /// How far each byte is from the end of the names it is in; seven for those in none.
    private static let steps: [UInt8] = {
        var steps = [UInt8](repeating: 7, count: 256)
        for name in names {
            for (index, byte) in name.enumerated() { steps[Int(byte)] = min(steps[Int(byte)], UInt8(6 - index)) }
        }
        return steps
    }()

    private static func isName(_ bytes: UnsafeRawBufferPointer, _ end: Int) -> Bool {
        // All of them begin alike, and hardly anything else does.
        guard bytes[end - 6] == UInt8(ascii: "f"), bytes[end - 4] == UInt8(ascii: "l") else { return false }
        return names.contains { name in
            for index in 0..<7 where bytes[end - 6 + index] != name[index] { return false }
            return true
        }
    }
}

extension Media {
    /// The file it names: an id, or a URL whose last part is an id of this gateway, as Gemini's clients write them.
    package var fileID: String? {
        switch source {
        case .file(let id): return id
        case .url(let url):
            guard let last = url.split(separator: "/").last, last.hasPrefix(FileReferences.prefix) else { return nil }
            return String(last)
        case .base64, .text: return nil
        }
    }
}

extension Part {
    /// The image, sound, film or document that it is.
    package var media: Media? {
        switch content {
        case .image(let media), .audio(let media), .video(let media), .document(let media): media
        case .text, .refusal, .thinking, .toolCall, .toolResult, .native: nil
        }
    }
}

extension CanonicalRequest {
    /// The files that it names, each once, in order.
    package var fileIDs: [String] {
        var ids: [String] = []
        for message in messages {
            for part in message.parts { Self.collect(part, &ids) }
        }
        return ids
    }

    private static func collect(_ part: Part, _ ids: inout [String]) {
        if let id = part.media?.fileID, !ids.contains(id) { ids.append(id) }
        // A result holds parts but no results.
        for inner in part.toolResult?.content ?? [] {
            if let id = inner.media?.fileID, !ids.contains(id) { ids.append(id) }
        }
    }

    /// Puts what `form` makes of each file in its place.
    package mutating func placeFiles(_ form: (_ id: String, Part) -> [Part]?) {
        for index in messages.indices {
            messages[index].parts = messages[index].parts.flatMap { part in
                guard case .toolResult(var result) = part.content else { return Self.place(part, form) }
                result.content = result.content.flatMap { Self.place($0, form) }
                var changed = part
                changed.content = .toolResult(result)
                return [changed]
            }
        }
    }

    private static func place(_ part: Part, _ form: (String, Part) -> [Part]?) -> [Part] {
        guard let id = part.media?.fileID else { return [part] }
        return form(id, part) ?? [part]
    }
}
