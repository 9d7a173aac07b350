/// Reads parts of `contents` and of answers, and gives ids to calls that have none.
///
/// Gemini's `functionCall.id` is optional: without one a `functionResponse` is matched by its name, in order. The ids
/// made up here are the same for the same conversation, so prompts stay cacheable and results find their calls.
struct GeminiPartReader {
    /// Notes of form, in the extensions of parts.
    enum Note {
        static let noText = "$noText"
        static let noID = "$noID"
        /// `data` as written, where it was not in the standard alphabet or not padded.
        static let data = "$data"
        static let noArguments = "$noArgs"
        /// Leftover members of `inlineData`, `fileData`, `functionCall` or `functionResponse`.
        static let inner = "$inner"
        /// The member of `functionResponse.response` that holds the text; `null` when the text is the object itself,
        /// `false` when there was no response.
        static let response = "$response"
    }

    private let prefix: String
    private var count = 0
    private var open: [(name: String, id: String)] = []

    /// - Parameter prefix: What made-up ids begin with.
    init(prefix: String = "call_") { self.prefix = prefix }

    /// Ids for the calls of one answer: they must differ from those of the answers before it.
    init(answer id: String?) {
        let legal = (id ?? "").utf8.filter { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        // OpenAI's chat format takes ids of at most 40 characters.
        let short = String(decoding: legal.prefix(28), as: UTF8.self)
        prefix = short.isEmpty ? "call_" : "call_\(short)_"
    }

    mutating func part(_ value: JSONValue, path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let isThought = fields.peek("thought")?.bool == true
        if let text = fields.peek("text")?.string {
            _ = fields.value("text")
            if isThought { _ = fields.value("thought") }
            let part = Part(isThought ? .thinking(Thinking(text)) : .text(text))
            return try Self.sealed(part, &fields)
        }
        if fields.peek("text").map({ !$0.isNull }) == true { throw fields.invalid("text", "must be a string") }
        // A picture that the model made for itself while it thought is none of the answer: it stays native.
        if let part = try isThought ? thoughtCall(&fields) : known(&fields) { return part }
        guard let type = Self.type(of: value) else {
            let part = Part(isThought ? .thinking(Thinking("")) : .text(""))
            if isThought { _ = fields.value("thought") }
            return try Self.sealed(part, &fields, notes: [JSONValue.Member(Note.noText, .bool(true))])
        }
        return Part(.native(.gemini, type: type, value))
    }

    /// The id of a call that has none.
    mutating func nextID(for name: String) -> String {
        let id = prefix + String(count)
        count += 1
        expect(name, id)
        return id
    }

    /// A call waits for its result; of a great many the oldest are given up.
    private mutating func expect(_ name: String, _ id: String) {
        if open.count >= 512 { open.removeFirst() }
        open.append((name, id))
    }

    private mutating func known(_ fields: inout JSONFields) throws(GatehouseError) -> Part? {
        if let inner = try fields.object("inlineData") { return try Self.inline(inner, &fields) }
        if let inner = try fields.object("fileData") { return try Self.file(inner, &fields) }
        return try thoughtCall(&fields)
    }

    private mutating func thoughtCall(_ fields: inout JSONFields) throws(GatehouseError) -> Part? {
        if let inner = try fields.object("functionCall") { return try call(inner, &fields) }
        if let inner = try fields.object("functionResponse") { return try result(inner, &fields) }
        return nil
    }

    // MARK: Media

    private static func inline(_ inner: JSONFields, _ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var inner = inner
        let type = try inner.string("mimeType")
        let written = try inner.requiredString("data")
        let data = Base64Text.standard(written)
        let media = Media(.base64(data), mediaType: type, name: inner.peek("displayName")?.string)
        let notes = written == data ? [] : [JSONValue.Member(Note.data, .string(written))]
        return try sealed(Part(content(media, type: type)), &fields, inner: inner, notes: notes)
    }

    private static func file(_ inner: JSONFields, _ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var inner = inner
        let type = try inner.string("mimeType")
        let uri = try inner.requiredString("fileUri")
        let media = Media(.url(uri), mediaType: type, name: inner.peek("displayName")?.string)
        return try sealed(Part(content(media, type: type ?? GeminiMedia.type(ofURL: uri))), &fields, inner: inner)
    }

    private static func content(_ media: Media, type: String?) -> Part.Content {
        switch type?.prefix(while: { $0 != "/" }) {
        case "image": .image(media)
        case "audio": .audio(media)
        case "video": .video(media)
        default: .document(media)
        }
    }

    // MARK: Calls and results

    private mutating func call(_ inner: JSONFields, _ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var inner = inner
        let name = try inner.requiredString("name")
        var notes: [JSONValue.Member] = []
        var arguments = "{}"
        if let value = inner.value("args") {
            guard value.object != nil else { throw inner.invalid("args", "must be an object") }
            arguments = value.text
        } else {
            notes.append(JSONValue.Member(Note.noArguments, .bool(true)))
        }
        let id: String
        if let given = try inner.string("id"), !given.isEmpty {
            id = given
            count += 1
            expect(name, given)
        } else {
            id = nextID(for: name)
            notes.append(JSONValue.Member(Note.noID, .bool(true)))
        }
        let part = Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
        return try Self.sealed(part, &fields, inner: inner, notes: notes)
    }

    private mutating func result(_ inner: JSONFields, _ fields: inout JSONFields) throws(GatehouseError) -> Part {
        var inner = inner
        let name = try inner.requiredString("name")
        var notes: [JSONValue.Member] = []
        var content: [Part] = []
        var isError = false
        if let response = inner.value("response") {
            guard let members = response.object else { throw inner.invalid("response", "must be an object") }
            isError = members.count == 1 && members[0].key == "error"
            if members.count == 1, Self.wrappers.contains(members[0].key), let text = members[0].value.string {
                notes.append(JSONValue.Member(Note.response, .string(members[0].key)))
                content.append(.text(text))
            } else {
                notes.append(JSONValue.Member(Note.response, .null))
                content.append(.text(response.text))
            }
        } else {
            notes.append(JSONValue.Member(Note.response, .bool(false)))
        }
        let id = try inner.string("id")
        if id?.isEmpty != false { notes.append(JSONValue.Member(Note.noID, .bool(true))) }
        let callID = answered(id, name)
        for (index, value) in (try inner.array("parts") ?? []).enumerated() {
            content.append(try part(value, path: inner.path("parts", index)))
        }
        let result = ToolResult(callID: callID, name: name, content: content, isError: isError)
        return try Self.sealed(Part(.toolResult(result)), &fields, inner: inner, notes: notes)
    }

    /// Members that wrap a plain text into the object that a response must be.
    private static let wrappers: Set<String> = ["result", "output", "content", "error"]

    /// The id of the call that a response answers: its own, or that of the first open call of this name.
    private mutating func answered(_ id: String?, _ name: String) -> String {
        if let id, !id.isEmpty {
            open.removeAll { $0.id == id }
            return id
        }
        if let index = open.firstIndex(where: { $0.name == name }) { return open.remove(at: index).id }
        defer { count += 1 }
        return prefix + String(count)
    }

    // MARK: Leftovers

    /// The part with its signature, and everything nobody asked for in its extensions.
    private static func sealed(
        _ part: Part, _ fields: inout JSONFields, inner: JSONFields? = nil, notes: [JSONValue.Member] = []
    ) throws(GatehouseError) -> Part {
        var part = part
        if let signature = try fields.string("thoughtSignature") { part.signature = Signature(.gemini, signature) }
        var members = fields.rest + notes
        if let rest = inner?.rest, !rest.isEmpty { members.append(JSONValue.Member(Note.inner, .object(rest))) }
        part.extensions[.gemini] = members
        return part
    }

    /// The name of a part's data field; `nil` when it has none.
    private static func type(of value: JSONValue) -> String? {
        let marks: Set<String> = [
            "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata", "text",
        ]
        return value.object?.first { !marks.contains($0.key) && !$0.value.isNull }?.key
    }
}
