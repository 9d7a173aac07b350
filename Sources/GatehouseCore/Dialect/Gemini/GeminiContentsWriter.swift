/// Writes messages as `contents` and `systemInstruction`.
///
/// Gemini's turns alternate between `user` and `model`: messages of other dialects are joined, so that all results of a
/// step stand in the content right behind its calls. Messages that came in this dialect stay as they were.
struct GeminiContentsWriter {
    private typealias Note = GeminiRequestDecoder.Note

    /// The signature that Google documents for calls which no Gemini model made
    /// (ai.google.dev/gemini-api/docs/thought-signatures).
    private static let placeholder = JSONValue.string("skip_thought_signature_validator")

    private struct Content {
        /// `nil` when the caller wrote none.
        var role: String?
        var parts: [JSONValue] = []
        var members: [JSONValue.Member] = []
        var isSingle = false
        var hasParts = true
        var isOwn = false
    }

    private var written: [Content] = []
    private var systemParts: [JSONValue] = []
    private var systemMembers: [JSONValue.Member] = []
    private var hasSystem = false
    private var isPlainSystem = false
    private var isSingleSystem = false
    private var parts = GeminiPartWriter()

    init() {}

    mutating func add(
        _ message: Message, at index: Int, _ context: inout GeminiEncoding
    ) throws(GatehouseError) {
        context.drop(message.extensions.foreign(to: .gemini))
        let role = message.extensions[.gemini, Note.role]
        let isOwn = role != nil
        let lines = try parts.write(message, at: index, isOwn: isOwn, &context)
        guard message.role != .system else { return addSystem(message, lines) }
        let name: String? =
            if let role { role.string } else { message.role == .assistant ? "model" : "user" }
        if let last = written.indices.last, joins(message, name, isOwn: isOwn) {
            written[last].parts += lines
            return
        }
        guard isOwn || !lines.isEmpty else { return }
        written.append(
            Content(
                role: name, parts: lines, members: message.extensions.written(.gemini),
                isSingle: message.extensions[.gemini, Note.single] != nil,
                hasParts: message.extensions[.gemini, Note.noParts] == nil || !lines.isEmpty, isOwn: isOwn))
    }

    private func joins(_ message: Message, _ role: String?, isOwn: Bool) -> Bool {
        if isOwn { return message.extensions[.gemini, Note.continued] != nil }
        guard let last = written.last else { return false }
        return (last.role ?? "user") == role || (last.role == "function" && role == "user")
    }

    private mutating func addSystem(_ message: Message, _ lines: [JSONValue]) {
        hasSystem = hasSystem || !lines.isEmpty || !message.extensions[.gemini].isEmpty
        systemParts += lines
        if let role = message.extensions[.gemini, Note.role], !role.isNull {
            systemMembers.append(JSONValue.Member("role", role))
        }
        systemMembers += message.extensions.written(.gemini)
        isPlainSystem = message.extensions[.gemini, Note.plainText] != nil && systemParts.count == 1
        isSingleSystem = message.extensions[.gemini, Note.single] != nil && systemParts.count == 1
    }

    // MARK: What is written

    /// The contents; a prompt of system messages alone becomes the user's, for Gemini answers to nothing else.
    mutating func contents(_ context: inout GeminiEncoding) -> [JSONValue] {
        if written.isEmpty, !systemParts.isEmpty {
            written = [Content(role: "user", parts: systemParts)]
            systemParts = []
            hasSystem = false
        }
        if context.checksSignatures { signSteps() }
        for index in written.indices where !written[index].isOwn { putResultsFirst(index) }
        return written.map { content in
            var members: [JSONValue.Member] = []
            if let role = content.role { members.append(JSONValue.Member("role", .string(role))) }
            if content.hasParts {
                let isSingle = content.isSingle && content.parts.count == 1
                let parts = isSingle ? content.parts[0] : .array(content.parts)
                members.append(JSONValue.Member("parts", parts))
            }
            return .object(members + content.members)
        }
    }

    /// The system messages together; `nil` when there are none.
    var system: JSONValue? {
        guard hasSystem else { return nil }
        if isPlainSystem, let text = systemParts.first?["text"] { return text }
        let parts = isSingleSystem && systemParts.count == 1 ? systemParts[0] : .array(systemParts)
        return JSONValue.object([JSONValue.Member("parts", parts)]).adding(systemMembers)
    }

    /// What came with results, pictures and words, stands behind all of them.
    private mutating func putResultsFirst(_ index: Int) {
        let results = written[index].parts.filter { $0["functionResponse"] != nil }
        guard !results.isEmpty else { return }
        written[index].parts = results + written[index].parts.filter { $0["functionResponse"] == nil }
    }

    /// Gemini 3 demands a signature on the first call of each step. A step that no Gemini model made has none.
    private mutating func signSteps() {
        for index in written.indices where written[index].role == "model" {
            let calls = written[index].parts.indices.filter { written[index].parts[$0]["functionCall"] != nil }
            guard let first = calls.first else { continue }
            let signature = JSONValue.Member("thoughtSignature", Self.placeholder)
            written[index].parts[first] = written[index].parts[first].adding([signature])
        }
    }
}
