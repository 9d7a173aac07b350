/// The text of a file. It is data from outside: whoever gives it to a model marks it as such.
package struct ExtractedText: Sendable, Equatable {
    /// Pages, sheets and slides begin with lines of their own: `--- Page 1 ---`.
    package var text: String
    /// What a reader should know of it: that there is none, or not all.
    package var note: String?
    /// Pages, sheets or slides; `nil` for what has none.
    package var pages: Int?

    package init(text: String, note: String? = nil, pages: Int? = nil) {
        self.text = text
        self.note = note
        self.pages = pages
    }
}

/// Reads the text of files of many kinds.
package protocol TextExtractor: Sendable {
    /// Whether files of this type have text that is read.
    func reads(_ type: FileType) -> Bool

    /// The text of a file, at most 4 MiB. Takes seconds at worst; cancelling the task ends it.
    ///
    /// - Throws: `unprocessable_file` for what is damaged or has no text that is read, `unpacked_too_large`,
    ///   `extraction_limit`, `file_not_found` when it has gone, and what reading the store throws; `sandbox_unavailable`
    ///   where this host cannot make the sandbox that all but plain text is read in, `overloaded` when too many wait.
    func text(of content: any FileContent, type: FileType) async throws(GatehouseError) -> ExtractedText
}
