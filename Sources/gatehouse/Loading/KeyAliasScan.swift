/// Looks for documents that would make the YAML library work without end.
///
/// It compares the keys of a group in full, with aliases put in. A few nested aliases inside a key are then a tree of
/// billions. Settings have plain keys, so what looks like both at once is refused before the library sees it; comments
/// and quoted text may be taken for it, which costs an operator one change of words.
enum KeyAliasScan {
    /// The first line, from 1, with a key that may hold an alias, when the text has aliases at all.
    static func line(of text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.indices.contains(where: { isAlias(bytes, at: $0) }) else { return nil }
        var line = 1
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: "\n") { line += 1 }
            if isComplexKey(bytes, at: index) || isAliasKey(bytes, at: index) { return line }
        }
        return nil
    }

    /// `*name` where a value may begin.
    private static func isAlias(_ bytes: [UInt8], at index: Int) -> Bool {
        guard bytes[index] == UInt8(ascii: "*"), index + 1 < bytes.count else { return false }
        return startsToken(bytes, index) && bytes[index + 1] > 0x20 && !",]}\"'".utf8.contains(bytes[index + 1])
    }

    /// `? …`, `… ] :` or `… } :`.
    private static func isComplexKey(_ bytes: [UInt8], at index: Int) -> Bool {
        switch bytes[index] {
        case UInt8(ascii: "?"):
            return startsToken(bytes, index) && (index + 1 == bytes.count || bytes[index + 1] <= 0x20)
        case UInt8(ascii: "]"), UInt8(ascii: "}"): return isFollowedByColon(bytes, index + 1)
        default: return false
        }
    }

    /// `*name:` or `*name :`
    private static func isAliasKey(_ bytes: [UInt8], at index: Int) -> Bool {
        guard isAlias(bytes, at: index) else { return false }
        let end = bytes[(index + 1)...].firstIndex { !isNameByte($0) } ?? bytes.endIndex
        return isFollowedByColon(bytes, end)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func isFollowedByColon(_ bytes: [UInt8], _ start: Int) -> Bool {
        bytes[start...].first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: ":")
    }

    private static func startsToken(_ bytes: [UInt8], _ index: Int) -> Bool {
        index == 0 || bytes[index - 1] <= 0x20 || ",[]{}:-?".utf8.contains(bytes[index - 1])
    }
}
