/// A file that the user asked for, at a place of the user's own.
package enum TranscriptFile {
    /// Makes a file of mode 0600 with its whole content; `false` when one is there already.
    package static func create(_ path: String, _ content: [UInt8]) throws(StoreError) -> Bool {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        return try PrivateFile.create(path, in: folder.isEmpty ? "/" : folder, content: content)
    }
}
