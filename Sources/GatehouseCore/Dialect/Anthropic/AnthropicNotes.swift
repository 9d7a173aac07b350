/// Keys of the notes that this dialect's decoder leaves for its own encoder. None of them is ever sent.
enum AnthropicNote {
    /// On a request: it came in this dialect and goes out as it came.
    static let own = "$own"
    /// On a request: names of arrays that were there and empty.
    static let empty = "$empty"
    /// On a request: `stream` was written, and `false`.
    static let stream = "$stream"
    /// On a message or a tool result: its content was a `string`, or `absent`.
    static let form = "$form"
    /// On a message: it is the rest of the one before, which held results and other parts.
    static let continues = "$continues"
    /// On a system message: it stood among the messages. On a response format: the older field it stood in.
    static let place = "$place"
    /// On reasoning: the word in `thinking.type`. On a tool: `custom` was written.
    static let type = "$type"
    /// On a part: members of its `source` that the model has no words for, or the whole of it.
    static let source = "$source"
    /// On a tool result: `is_error` was written, and `false`.
    static let isError = "$is_error"
    /// On a finish: the vendor's word for why.
    static let reason = "$reason"
    /// `signature` was an empty text.
    static let noSeal = "$noSeal"
    /// On a usage: the vendor's own object.
    static let raw = "$raw"
}

extension CanonicalRequest {
    /// The request came in Anthropic's dialect.
    var isAnthropic: Bool { extensions[.anthropic, AnthropicNote.own] != nil }
}

/// The seals of thoughts.
///
/// A thought of another vendor that is shown to an Anthropic caller carries its seal in `signature` (or `data`) like
/// any other, with a mark before it: the caller sends it back without looking, and it reaches its own vendor again.
/// Anthropic never sees one, as foreign seals are left out on the way to it.
enum AnthropicSignature {
    private static let mark: Substring = "gatehouse"

    static func written(_ signature: Signature, id: String?) -> String {
        guard signature.dialect != .anthropic else { return signature.value }
        let id = id.flatMap { $0.utf8.contains(UInt8(ascii: ":")) ? nil : $0 } ?? ""
        return "\(mark):\(signature.dialect.rawValue):\(id):\(signature.value)"
    }

    static func read(_ text: String) -> (signature: Signature, id: String?) {
        let pieces = text.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        guard pieces.count == 4, pieces[0] == mark, let dialect = Dialect(rawValue: String(pieces[1])) else {
            return (Signature(.anthropic, text), nil)
        }
        return (Signature(dialect, String(pieces[3])), pieces[2].isEmpty ? nil : String(pieces[2]))
    }
}

/// `cache_control`.
enum AnthropicCache {
    static func take(_ fields: inout JSONFields) throws(GatehouseError) -> CacheMarker? {
        guard var object = try fields.object("cache_control") else { return nil }
        var marker = CacheMarker(ttl: try object.string("ttl"))
        if object.peek("type")?.string == "ephemeral" { _ = object.value("type") }
        marker.extensions[.anthropic] = object.rest
        return marker
    }

    static func written(_ marker: CacheMarker) -> JSONValue {
        var object = JSONValue.object(["ttl": marker.ttl.map { .string($0) }])
        object = object.adding(marker.extensions.written(.anthropic))
        return object.adding([.init("type", .string("ephemeral"))])
    }
}

/// What a text quotes.
enum AnthropicCitation {
    static func read(_ value: JSONValue) -> Citation {
        var citation = Citation(
            url: value["url"]?.string, title: (value["title"] ?? value["document_title"])?.string,
            quote: value["cited_text"]?.string)
        citation.extensions[.anthropic] = value.object ?? []
        return citation
    }

    /// `nil` for a foreign one that names no page.
    static func written(_ citation: Citation) -> JSONValue? {
        let own = citation.extensions.written(.anthropic)
        if !own.isEmpty { return .object(own) }
        guard let url = citation.url else { return nil }
        return .object([
            "type": .string("web_search_result_location"), "url": .string(url),
            "title": citation.title.map { .string($0) } ?? .null,
            "cited_text": .string(citation.quote ?? ""), "encrypted_index": .string(""),
        ])
    }
}

extension JSONValue {
    /// This object with another value for a member, in its place.
    func replacing(_ key: String, with value: JSONValue) -> JSONValue {
        guard case .object(var members) = self, let index = members.firstIndex(where: { $0.key == key }) else {
            return adding([Member(key, value)])
        }
        members[index].value = value
        return .object(members)
    }
}
