/// Citations: `groundingMetadata` (search, files, maps) and `citationMetadata` (recited sources) of a candidate.
///
/// Offsets are bytes of UTF-8 within one part. The whole stays with the candidate for callers of this dialect.
enum GeminiGrounding {
    static let maximumCitations = 512

    /// The citations with the index of the part each belongs to.
    static func citations(_ candidate: JSONValue) -> [(part: Int, citation: Citation)] {
        let grounding = candidate["groundingMetadata"]
        let chunks = (grounding?["groundingChunks"]?.array ?? []).map(source)
        var found: [(part: Int, citation: Citation)] = []
        for support in grounding?["groundingSupports"]?.array ?? [] {
            let segment = support["segment"]
            for index in support["groundingChunkIndices"]?.array ?? [] {
                guard found.count < maximumCitations, let place = index.int, chunks.indices.contains(place) else {
                    continue
                }
                var citation = chunks[place]
                citation.quote = segment?["text"]?.string
                citation.end = segment?["endIndex"]?.count
                citation.start = segment?["startIndex"]?.count ?? citation.end.map { _ in 0 }
                found.append((segment?["partIndex"]?.count ?? 0, citation))
            }
        }
        for source in candidate["citationMetadata"]?["citationSources"]?.array
            ?? candidate["citationMetadata"]?["citations"]?.array ?? [] where found.count < maximumCitations
        {
            let citation = Citation(
                url: source["uri"]?.string, title: source["title"]?.string, start: source["startIndex"]?.count,
                end: source["endIndex"]?.count)
            found.append((0, citation))
        }
        return found
    }

    /// Puts the citations onto the text parts they belong to; a part that is no text gives them to the last text.
    static func attach(_ candidate: JSONValue, to parts: inout [Part]) {
        guard let last = parts.lastIndex(where: { $0.text != nil }) else { return }
        for (index, citation) in citations(candidate) {
            let place = parts.indices.contains(index) && parts[index].text?.isEmpty == false ? index : last
            parts[place].citations.append(citation)
        }
    }

    /// Citations of another dialect as grounding; `nil` when none has a source. Offsets are left out: they count in
    /// another unit.
    static func metadata(_ citations: [Citation]) -> JSONValue? {
        var chunks: [JSONValue] = []
        var supports: [JSONValue] = []
        for citation in citations.prefix(maximumCitations) where citation.url != nil || citation.title != nil {
            let web = JSONValue.object([
                "uri": citation.url.map { .string($0) }, "title": citation.title.map { .string($0) },
            ])
            let chunk = JSONValue.object(["web": web])
            let index = chunks.firstIndex(of: chunk) ?? chunks.count
            if index == chunks.count { chunks.append(chunk) }
            supports.append(
                .object([
                    "segment": citation.quote.map { .object(["text": .string($0)]) },
                    "groundingChunkIndices": .array([.int(index)]),
                ]))
        }
        guard !chunks.isEmpty else { return nil }
        return .object([
            "groundingChunks": .array(chunks), "groundingSupports": supports.isEmpty ? nil : .array(supports),
        ])
    }

    private static func source(_ chunk: JSONValue) -> Citation {
        let value = chunk["web"] ?? chunk["retrievedContext"] ?? chunk["maps"]
        var citation = Citation(url: value?["uri"]?.string, title: value?["title"]?.string)
        citation.extensions[.gemini, "$chunk"] = chunk
        return citation
    }
}
