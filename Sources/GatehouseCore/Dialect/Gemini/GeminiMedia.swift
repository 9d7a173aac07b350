/// Kinds of media, told from what little is known.
enum GeminiMedia {
    /// The media type that the end of a URL's path says; `nil` when it says nothing.
    static func type(ofURL url: String) -> String? {
        if isYouTube(url) { return "video/mp4" }
        let path = url.prefix { $0 != "?" && $0 != "#" }
        guard let name = path.split(separator: "/").last, let dot = name.lastIndex(of: ".") else { return nil }
        return types[name[name.index(after: dot)...].lowercased()]
    }

    /// YouTube's films are read by themselves, without being fetched as files.
    static func isYouTube(_ url: String) -> Bool {
        ["www.youtube.com/", "m.youtube.com/", "youtube.com/", "youtu.be/"].contains { url.hasPrefix("https://" + $0) }
    }

    /// The media type that the first bytes of base64 data say.
    ///
    /// - Parameter kind: `image`, `audio`, or anything for both: RIFF begins a picture as well as a sound.
    static func type(ofBase64 data: String, kind: String) -> String? {
        let found = heads.filter { data.utf8.starts(with: $0.head.utf8) }.map(\.type)
        return found.first { $0.hasPrefix(kind) } ?? found.first
    }

    private static let types: [String: String] = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
        "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain",
        "html": "text/html", "csv": "text/csv", "md": "text/markdown", "mp4": "video/mp4", "mov": "video/quicktime",
        "webm": "video/webm", "mpeg": "video/mpeg", "mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg",
        "flac": "audio/flac", "aac": "audio/aac", "m4a": "audio/mp4",
    ]

    private static let heads: [(head: String, type: String)] = [
        ("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"),
        ("UklGR", "audio/wav"),
        ("JVBERi0", "application/pdf"), ("SUQz", "audio/mpeg"), ("T2dnUw", "audio/ogg"), ("ZkxhQ", "audio/flac"),
    ]
}
