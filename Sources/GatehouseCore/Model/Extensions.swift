/// What the canonical model has no words for: members of JSON objects, kept by the dialect they came in.
///
/// A dialect's encoder writes its own members back beside the ones it knows, so that a round trip within one dialect
/// loses nothing; foreign members stay unsent, and are what `droppedFields` reports. A key that begins with `$` is a note
/// of the decoder to its own encoder about form (a string or a list of parts, `null` or absent) and never goes out.
package struct Extensions: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        var dialect: Dialect
        var members: [JSONValue.Member]
    }

    private var entries: [Entry] = []

    package init() {}

    package init(_ dialect: Dialect, _ members: [JSONValue.Member]) {
        self[dialect] = members
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// The dialects that left something here.
    package var dialects: [Dialect] { entries.map(\.dialect) }

    /// All members of a dialect, notes included, in the order they came.
    package subscript(dialect: Dialect) -> [JSONValue.Member] {
        get { entries.first { $0.dialect == dialect }?.members ?? [] }
        set {
            entries.removeAll { $0.dialect == dialect }
            if !newValue.isEmpty { entries.append(Entry(dialect: dialect, members: newValue)) }
        }
    }

    /// One member; setting `nil` removes it.
    package subscript(dialect: Dialect, key: String) -> JSONValue? {
        get { self[dialect].first { $0.key == key }?.value }
        set {
            var members = self[dialect]
            members.removeAll { $0.key == key }
            if let newValue { members.append(.init(key, newValue)) }
            self[dialect] = members
        }
    }

    /// The members to write out in `dialect`: all but the notes.
    package func written(_ dialect: Dialect) -> [JSONValue.Member] {
        self[dialect].filter { $0.key.first != "$" }
    }

    /// Names of members that `target` will not see.
    package func foreign(to target: Dialect) -> [String] {
        entries.filter { $0.dialect != target }.flatMap { entry in
            entry.members.lazy.filter { $0.key.first != "$" }.map(\.key)
        }
    }
}
