/// Notes that decoders of the OpenAI family leave to their own encoders (see `Extensions`): how a request or an answer was
/// written, beside what it says.
enum OpenAINote {
    /// The whole came in this dialect.
    static let form = "$form"
    /// Members to be written back that mean nothing elsewhere: nulls, empty lists, defaults.
    static let kept = "$kept"
    /// `list`, `null`, `absent` or `empty`; a string when there is no note.
    static let content = "$content"
    /// The vendor's word for the role.
    static let role = "$role"
    /// The members that carried thoughts, as they came.
    static let reasoning = "$reasoning"
    /// The annotations, as they came.
    static let annotations = "$annotations"
    /// The part stands among the content, where others of its kind have a member of their own.
    static let inline = "$inline"
    /// The part repeats what another member says; it is not written.
    static let copy = "$copy"
    /// It came in the older form with `functions` and `function_call`.
    static let legacy = "$legacy"
    /// `type` was not written.
    static let untyped = "$untyped"
    /// Further members of the inner object.
    static let inner = "$inner"
    /// The cache's marker stood on the message.
    static let cache = "$cache"
    /// The media came as a bare string, or under this member.
    static let member = "$member"
    /// A document came as `file`.
    static let file = "$file"
    /// `is_error` was written.
    static let isError = "$is_error"
    /// `extra_content`, as it came.
    static let extra = "$extra_content"
    /// The id was made here: the provider gave none.
    static let madeID = "$id"
    /// Arguments came as an empty string.
    static let empty = "$empty"
    /// Arguments came as an object.
    static let object = "$object"
}

extension Extensions {
    /// Keeps the members that a decoder did not read: those that mean nothing elsewhere as a note.
    mutating func keep(_ rest: [JSONValue.Member], in dialect: Dialect) {
        let idle = rest.filter { Self.isIdle($0.value) }
        let active = rest.filter { !Self.isIdle($0.value) }
        if !active.isEmpty { self[dialect] += active }
        if !idle.isEmpty { keepIdle(idle, in: dialect) }
    }

    /// Keeps members as they are, as a note.
    mutating func keepIdle(_ members: [JSONValue.Member], in dialect: Dialect) {
        self[dialect, OpenAINote.kept] = .object((self[dialect, OpenAINote.kept]?.object ?? []) + members)
    }

    /// All members to write back.
    func restored(_ dialect: Dialect) -> [JSONValue.Member] {
        guard !isEmpty else { return [] }
        return written(dialect) + (self[dialect, OpenAINote.kept]?.object ?? [])
    }

    func has(_ note: String, in dialect: Dialect) -> Bool { self[dialect, note] != nil }

    private static func isIdle(_ value: JSONValue) -> Bool { value == .null || value == .array([]) }
}
