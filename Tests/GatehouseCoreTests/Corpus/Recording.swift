import FoundationEssentials
import GatehouseCore
import NIOCore

/// One recorded exchange of the shared corpus (`../shared/traffic`), which lies beside the repository and not in it.
struct Recording: Sendable {
    let id: String
    let provider: String
    let wire: String
    let path: String
    let isStream: Bool
    /// `wire` for bytes as recorded, `parsed`, or `response-only`.
    let fidelity: String
    let status: Int
    /// The request's body, where it is JSON.
    let request: JSONValue?
    /// The response's body: the bytes as they came (base64 undone), or the text of the JSON document.
    let response: ByteBuffer
    let responseHeaders: [(name: String, value: String)]

    var testDescription: String { id }

    /// The folder of the corpus; `nil` when it is not there.
    static let corpus: String? = {
        var folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        while !folder.isEmpty {
            let candidate = (folder + ["..", "shared", "traffic"]).joined(separator: "/")
            if FileManager.default.fileExists(atPath: candidate + "/index.jsonl") { return candidate }
            folder = folder.dropLast()
        }
        return nil
    }()

    /// How many exchanges there are of each kind of wire.
    static var wires: [String: Int] {
        var counts: [String: Int] = [:]
        for entry in index { counts[entry["wire"]?.string ?? "", default: 0] += 1 }
        // Transcripts of agents have none.
        counts[""] = nil
        return counts
    }

    /// All exchanges of one kind of wire (`anthropic.messages`), in the index's order; none without the corpus.
    static func all(_ wire: String) -> [Recording] {
        guard let corpus else { return [] }
        return index.compactMap { entry in
            guard entry["wire"]?.string == wire, let file = entry["file"]?.string else { return nil }
            return Recording(file: corpus + "/" + file, entry: entry)
        }
    }

    private static var index: [JSONValue] {
        guard let corpus, let lines = FileManager.default.contents(atPath: corpus + "/index.jsonl") else { return [] }
        return lines.split(separator: UInt8(ascii: "\n")).compactMap { try? JSONValue(parsing: $0) }
    }

    private init?(file: String, entry: JSONValue) {
        guard let bytes = FileManager.default.contents(atPath: file),
            let document = try? JSONValue(parsing: bytes, limits: JSONLimits(values: 5_000_000, isLenient: true)),
            let id = entry["id"]?.string
        else { return nil }
        self.id = id
        provider = entry["provider"]?.string ?? ""
        wire = entry["wire"]?.string ?? ""
        isStream = entry["streaming"]?.bool ?? false
        fidelity = entry["fidelity"]?.string ?? ""
        path = document["request"]?["path"]?.string ?? entry["path"]?.string ?? ""
        status = document["response"]?["status"]?.int ?? entry["status"]?.int ?? 0
        if let body = document["request"]?["body"], body.object != nil { request = body } else { request = nil }
        responseHeaders = (document["response"]?["headers"]?.object ?? []).map { ($0.key, $0.value.string ?? "") }
        response = Self.body(of: document["response"])
    }

    private static func body(of response: JSONValue?) -> ByteBuffer {
        if let encoded = response?["body_base64"]?.string ?? response?["body_b64"]?.string,
            let data = Data(base64Encoded: encoded)
        {
            return ByteBuffer(bytes: data)
        }
        if let text = response?["body_text"]?.string { return ByteBuffer(string: text) }
        if let body = response?["body"] { return ByteBuffer(string: body.string ?? body.text) }
        return ByteBuffer()
    }
}
