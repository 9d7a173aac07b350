/// Which files are taken, as far as can be told before their bytes come.
package struct FileRules: Sendable {
    private let endings: Set<String>
    private let list: String

    /// - Parameter endings: Those that are allowed, with or without their dots.
    package init(endings: [String]) {
        let all = endings.map { ($0.hasPrefix(".") ? $0 : "." + $0).lowercased() }
        self.endings = Set(all)
        list = all.prefix(24).joined(separator: ", ")
    }

    /// - Parameter declaredType: What the sender says it is, with or without parameters.
    /// - Throws: `file_type_not_allowed` for an ending that is not allowed, or hides another one; `type_mismatch` when the
    ///   sender calls it by another name than such files have.
    package func admit(_ name: FileName, declaredType: String?) throws(GatehouseError) -> FileType {
        guard !name.ending.isEmpty, endings.contains(name.ending) else {
            let what = name.ending.isEmpty ? "without an ending" : "of this ending"
            throw Self.refused("Files \(what) are not taken. Allowed are: \(list).")
        }
        if let hidden = name.hiddenEnding {
            throw Self.refused("The name hides the ending \(hidden) in front of its last one.")
        }
        let type = FileType(ending: name.ending)
        let declared = Self.mediaType(declaredType ?? "")
        guard type.isDeclared(declared, ending: name.ending) else {
            throw GatehouseError(
                .typeMismatch, "The file is declared as another type than its ending \(name.ending) tells.",
                param: "file")
        }
        return type
    }

    /// In lower case, without parameters.
    private static func mediaType(_ text: String) -> String {
        let value = text.unicodeScalars.prefix { $0 != ";" }
        return String(String.UnicodeScalarView(value.filter { !$0.properties.isWhitespace })).lowercased()
    }

    private static func refused(_ message: String) -> GatehouseError {
        GatehouseError(.fileTypeNotAllowed, message, param: "file")
    }
}
