/// Pages of text as `pdftotext` prints them, a form feed behind each.
package enum PageText {
    package static let pageLimit = 500

    /// The text with a line in front of each page; pages beyond the limit are left out.
    ///
    /// - Throws: `damaged` when there is no page.
    package static func text(of output: [UInt8]) throws(ReadingFailure) -> ExtractedText {
        var pages = output.split(separator: 0x0C, omittingEmptySubsequences: false)
        // Behind the last form feed there is nothing.
        if pages.last?.isEmpty == true { pages.removeLast() }
        guard !pages.isEmpty else { throw .damaged }
        let count = min(pages.count, pageLimit)
        var sink = TextSink()
        var hasText = false
        for (index, page) in pages.prefix(count).enumerated() {
            try sink.heading("Page \(index + 1)")
            try sink.append(page)
            hasText = hasText || page.contains { $0 > 0x20 }
        }
        try sink.endLine()
        var text = ExtractedText(text: String(decoding: sink.bytes, as: UTF8.self), pages: count)
        if !hasText {
            text = ExtractedText(
                text: "", note: "This PDF has no text; it may be a scan, which has pictures only.", pages: count)
        } else if pages.count > count {
            text.note = "Only the first \(count) pages were read."
        }
        return text
    }
}
