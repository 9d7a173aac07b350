import NIOCore

/// `annotations` of messages: what an answer quotes.
enum OpenAICitations {
    /// - Returns: `nil` for an annotation of another type.
    static func read(_ annotation: JSONValue) -> Citation? {
        guard annotation["type"]?.string == "url_citation", let source = annotation["url_citation"] else { return nil }
        var citation = Citation(
            url: source["url"]?.string, title: source["title"]?.string, quote: source["content"]?.string,
            start: source["start_index"]?.count, end: source["end_index"]?.count)
        citation.extensions[.openAIChat] = annotation.object ?? []
        return citation
    }

    /// `nil` for what has no address: an annotation is nothing without it.
    static func write(_ citation: Citation) -> JSONValue? {
        let own = citation.extensions[.openAIChat]
        if !own.isEmpty { return .object(own) }
        guard let url = citation.url else { return nil }
        return .object([
            "type": .string("url_citation"),
            "url_citation": .object([
                "url": .string(url), "title": .string(citation.title ?? url),
                "start_index": .int(citation.start ?? 0), "end_index": .int(citation.end ?? 0),
                "content": citation.quote.map { .string($0) },
            ]),
        ])
    }
}
