/// Reads a request of the native API. What it does not know is refused by name: a caller must not believe that a word was
/// heard that was not.
enum NativeRequestDecoder {
    private static let known = [
        "model", "prompt", "messages", "system", "stream", "max_tokens", "temperature", "top_p", "stop", "effort",
        "json_schema", "user", "files", "session_id", "backend", "background",
    ]

    static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        // `backend` is the old service's word for the first half of a model's name.
        let backend = try fields.string("backend")
        let model = try backend == nil ? fields.requiredString("model") : fields.string("model")
        var request = CanonicalRequest(model: [backend, model].compactMap { $0 }.joined(separator: "/"))
        request.messages = try messages(&fields)
        try give(try files(&fields), to: &request.messages)
        _ = try fields.string("session_id")
        _ = try fields.bool("background")
        request.stream = try fields.bool("stream") ?? false
        request.maxTokens = try fields.int("max_tokens", in: 1...1 << 40)
        request.sampling.temperature = try fields.number("temperature")
        request.sampling.topP = try fields.number("top_p")
        request.sampling.stop = try fields.strings("stop") ?? []
        request.user = try fields.string("user")
        request.reasoning = try reasoning(&fields)
        if let schema = fields.value("json_schema") {
            guard schema.object != nil else { throw fields.invalid("json_schema", "must be a JSON schema") }
            request.responseFormat = .jsonSchema(JSONSchemaFormat(schema: schema))
        }
        try refuseRest(fields)
        return request
    }

    static func refuseRest(_ fields: JSONFields) throws(GatehouseError) {
        guard let unknown = fields.rest.first(where: { !$0.value.isNull || !known.contains($0.key) }) else { return }
        let path = fields.path(unknown.key).bounded(to: 100)
        throw GatehouseError(
            .unknownParameter, "The field \(path) is not known. Known are \(known.joined(separator: ", ")).",
            param: path)
    }

    // MARK: Files

    /// Ids or names of uploaded files: strings, or objects as the old service's clients send them.
    private static func files(_ fields: inout JSONFields) throws(GatehouseError) -> [String] {
        guard let list = try fields.array("files") else { return [] }
        guard list.count <= FileReferences.maximum else {
            throw fields.invalid("files", "must name at most \(FileReferences.maximum) files")
        }
        var names: [String] = []
        for (index, element) in list.enumerated() {
            let name = element.string ?? ["id", "filename", "name"].lazy.compactMap { element[$0]?.string }.first
            guard let name, (1...512).contains(name.utf8.count) else {
                throw GatehouseError(
                    .invalidValue, "Each of files must be the id or the name of an uploaded file.",
                    param: fields.path("files", index))
            }
            names.append(name)
        }
        return names
    }

    /// Files go in front of what is said of them last.
    private static func give(_ files: [String], to messages: inout [Message]) throws(GatehouseError) {
        guard !files.isEmpty, let last = messages.lastIndex(where: { $0.role == .user }) else { return }
        messages[last].parts.insert(contentsOf: files.map { Part(.document(Media(.file($0)))) }, at: 0)
    }

    /// `prompt`, or `messages`, but not both: one of them would not be heard.
    private static func messages(_ fields: inout JSONFields) throws(GatehouseError) -> [Message] {
        var messages: [Message] = []
        if let system = try fields.string("system") { messages.append(Message(role: .system, parts: [.text(system)])) }
        let list = try fields.array("messages")
        let prompt = try fields.string("prompt")
        switch (prompt, list) {
        case (let prompt?, nil):
            guard !prompt.isEmpty else { throw fields.invalid("prompt", "must not be empty") }
            messages.append(Message(role: .user, parts: [.text(prompt)]))
        case (nil, let list?):
            guard !list.isEmpty else { throw fields.invalid("messages", "must hold at least one message") }
            for (index, element) in list.enumerated() {
                messages.append(try message(element, fields.path("messages", index)))
            }
        case (.some, .some): throw fields.invalid("prompt", "must not stand beside messages")
        case (nil, nil): throw fields.missing("prompt")
        }
        return messages
    }

    private static func message(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Message {
        var fields = try JSONFields(value, path: path)
        let role: Message.Role =
            switch try fields.requiredString("role") {
            case "system": .system
            case "user": .user
            case "assistant": .assistant
            case "tool": .tool
            default: throw fields.invalid("role", "must be system, user, assistant or tool")
            }
        guard let content = fields.value("content") else { throw fields.missing("content") }
        var parts: [Part] = []
        if let text = content.string {
            parts = [.text(text)]
        } else if let elements = content.array {
            parts = try NativePartReader.parts(elements, fields.path("content"))
        } else {
            throw fields.invalid("content", "must be a string or an array of parts")
        }
        try refuseRest(fields)
        return Message(role: role, parts: parts)
    }

    private static func reasoning(_ fields: inout JSONFields) throws(GatehouseError) -> Reasoning? {
        guard let word = try fields.string("effort") else { return nil }
        guard let effort = Reasoning.Effort(rawValue: word) else {
            let words = Reasoning.Effort.allCases.map(\.rawValue).joined(separator: ", ")
            throw fields.invalid("effort", "must be one of \(words)")
        }
        return Reasoning(effort: effort)
    }
}

extension String {
    /// At most so many letters, for errors that repeat what a caller wrote.
    fileprivate func bounded(to limit: Int) -> String { count <= limit ? self : prefix(limit) + "…" }
}
