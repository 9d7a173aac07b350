/// Reads a caller's `generateContent` request. Model and method stand in the URL, so `model` is empty and `stream` false.
///
/// Members of nested objects that the canonical model has no words for are kept by their dotted path
/// (`generationConfig.speechConfig`), so that a target of another dialect reports them by name.
package enum GeminiRequestDecoder {
    /// Notes of form, in the extensions of requests and messages.
    enum Note {
        static let spelling = "$spelling"
        /// The body's own `model` (client libraries repeat the URL's there).
        static let model = "$model"
        static let generationConfig = "$generationConfig"
        static let thinkingConfig = "$thinkingConfig"
        static let toolConfig = "$toolConfig"
        static let callingConfig = "$functionCallingConfig"
        static let mode = "$mode"
        static let allowed = "$allowed"
        /// Members of each tool object that are no tools, by the object's place.
        static let tools = "$tools"
        /// `tools`, `contents` or `parts` was one object, not an array.
        static let single = "$single"
        static let contentsSingle = "$contentsSingle"
        static let toolsSingle = "$toolsSingle"
        static let group = "$group"
        /// The role as written; `null` when absent. Every message that came in this dialect has it.
        static let role = "$role"
        /// The message belongs to the same content as the one before.
        static let continued = "$continued"
        static let noParts = "$noParts"
        static let plainText = "$plainText"
        static let modalities = "$responseModalities"
        static let level = "$level"
        static let noStop = "$noStop"
        static let mimeType = "$mimeType"
        /// A schema in Gemini's own terms, as written.
        static let schema = "$schema"
    }

    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        let (body, spelling) = GeminiSpelling.normalize(body)
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: "")
        if let system = fields.value("systemInstruction") {
            request.messages.append(try self.system(system, path: "systemInstruction"))
        }
        request.extensions[.gemini, Note.spelling] = spelling
        request.extensions[.gemini, Note.model] = fields.value("model")
        try contents(&fields, into: &request)
        try GeminiTools.decode(&fields, into: &request)
        try GeminiToolConfig.decode(&fields, into: &request)
        try GeminiConfig.decode(&fields, into: &request)
        request.serviceTier = try fields.string("serviceTier")
        request.extensions[.gemini] += fields.rest
        return request
    }

    // MARK: Messages

    private static func contents(
        _ fields: inout JSONFields, into request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let value = fields.value("contents") else { throw fields.missing("contents") }
        var elements: [JSONValue]
        switch value {
        case .array(let array): elements = array
        case .object:
            elements = [value]
            request.extensions[.gemini, Note.contentsSingle] = .bool(true)
        default: throw fields.invalid("contents", "must be an array")
        }
        guard !elements.isEmpty else { throw fields.invalid("contents", "must not be empty") }
        var reader = GeminiPartReader()
        for (index, element) in elements.enumerated() {
            let content = try JSONFields(element, path: fields.path("contents", index))
            request.messages += try messages(content, &reader)
        }
    }

    /// Results stand in messages of their own, as in other dialects; the pieces know that they are one content.
    private static func messages(
        _ content: JSONFields, _ reader: inout GeminiPartReader
    ) throws(GatehouseError) -> [Message] {
        var content = content
        let written = try content.string("role")
        let role: Message.Role =
            switch written {
            case nil, "user": .user
            case "model": .assistant
            case "function", "tool": .tool
            default: throw content.invalid("role", "must be user or model")
            }
        var first = Message(role: role, parts: [])
        first.extensions[.gemini] = content.rest.filter { $0.key != "parts" || $0.value.isNull }
        first.extensions[.gemini, Note.role] = written.map { .string($0) } ?? .null
        guard let elements = try parts(&content, of: &first) else { return [first] }
        var messages = [first]
        for (index, element) in elements.enumerated() {
            let part = try reader.part(element, path: content.path("parts", index))
            let place: Message.Role =
                role == .assistant ? .assistant : part.toolResult != nil ? .tool : role == .tool ? .tool : .user
            if messages[messages.count - 1].parts.isEmpty {
                messages[messages.count - 1].role = place
            } else if messages[messages.count - 1].role != place {
                var next = Message(role: place, parts: [])
                next.extensions[.gemini, Note.role] = first.extensions[.gemini, Note.role]
                next.extensions[.gemini, Note.continued] = .bool(true)
                messages.append(next)
            }
            messages[messages.count - 1].parts.append(part)
        }
        return messages
    }

    /// The elements of `parts`; `nil` when there are none at all.
    private static func parts(
        _ content: inout JSONFields, of message: inout Message
    ) throws(GatehouseError) -> [JSONValue]? {
        switch content.value("parts") {
        case .array(let elements): return elements
        case .object(let members)?:
            message.extensions[.gemini, Note.single] = .bool(true)
            return [.object(members)]
        case nil:
            message.extensions[.gemini, Note.noParts] = .bool(true)
            return nil
        default: throw content.invalid("parts", "must be an array")
        }
    }

    /// A content, or the plain text that client libraries take.
    private static func system(_ value: JSONValue, path: String) throws(GatehouseError) -> Message {
        if let text = value.string {
            var message = Message(role: .system, parts: [.text(text)])
            message.extensions[.gemini, Note.role] = .null
            message.extensions[.gemini, Note.plainText] = .bool(true)
            return message
        }
        var content = try JSONFields(value, path: path)
        var message = Message(role: .system, parts: [])
        var reader = GeminiPartReader()
        for (index, element) in (try parts(&content, of: &message) ?? []).enumerated() {
            message.parts.append(try reader.part(element, path: content.path("parts", index)))
        }
        // Google ignores the role that client libraries write here.
        let role = content.value("role")
        message.extensions[.gemini] += content.rest
        message.extensions[.gemini, Note.role] = role ?? .null
        return message
    }
}
