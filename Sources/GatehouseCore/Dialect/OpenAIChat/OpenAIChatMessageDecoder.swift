/// Reads messages of OpenAI's chat format, one after the other.
struct OpenAIChatMessageDecoder {
    /// What an upstream answers is read leniently: a member of an odd shape stays as it came.
    private let isLenient: Bool
    /// The id given to the last call in the older form, which has none.
    private var legacyCall: String?
    private var legacyCalls = 0

    init(isLenient: Bool = false) { self.isLenient = isLenient }

    mutating func message(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Message {
        var fields = try JSONFields(value, path: path)
        let role = isLenient ? "assistant" : try fields.requiredString("role")
        var message: Message
        switch role {
        case "system", "developer", "user":
            message = Message(role: role == "user" ? .user : .system, parts: [])
            guard fields.peek("content").map({ !$0.isNull }) ?? false else { throw fields.missing("content") }
            if role == "developer" { message.extensions[.openAIChat, OpenAINote.role] = .string(role) }
            message.parts = try content(&fields, &message.extensions)
        case "assistant": message = try assistant(&fields, value)
        case "tool", "function": message = try result(&fields, role)
        default: throw fields.invalid("role", "must be system, developer, user, assistant or tool")
        }
        if message.role != .tool { message.name = try string("name", &fields) }
        readMarker(&fields, &message)
        message.extensions.keep(fields.rest, in: .openAIChat)
        return message
    }

    /// A string; for an upstream's answer, anything else is left where it is.
    private func string(_ key: String, _ fields: inout JSONFields) throws(GatehouseError) -> String? {
        if isLenient, fields.peek(key)?.string == nil { return nil }
        return try fields.string(key)
    }

    private func array(_ key: String, _ fields: inout JSONFields) throws(GatehouseError) -> [JSONValue] {
        // An empty list says nothing and is kept as it is.
        if fields.peek(key) == .array([]) || (isLenient && fields.peek(key)?.array == nil) { return [] }
        return try fields.array(key) ?? []
    }

    /// Some callers put the cache's marker on the message: it stands behind the last part then.
    private func readMarker(_ fields: inout JSONFields, _ message: inout Message) {
        guard fields.peek("cache_control")?.object != nil, let last = message.parts.indices.last else { return }
        message.parts[last].cache = OpenAIContentReader.cache(fields.value("cache_control"))
        message.extensions[.openAIChat, OpenAINote.cache] = .bool(true)
    }

    // MARK: Content

    /// The parts of `content`, with a note on its form. A `null` is left among the rest.
    private func content(
        _ fields: inout JSONFields, _ extensions: inout Extensions
    ) throws(GatehouseError) -> [Part] {
        func note(_ form: String) { extensions[.openAIChat, OpenAINote.content] = .string(form) }
        switch fields.peek("content") {
        case .string(let text):
            _ = fields.value("content")
            return [.text(text)]
        case .array(let values):
            note("list")
            _ = fields.value("content")
            var parts: [Part] = []
            parts.reserveCapacity(values.count)
            for (index, value) in values.enumerated() { parts.append(try part(value, fields.path("content", index))) }
            return parts
        case .null, nil:
            note("absent")
            return []
        default:
            guard isLenient else { throw fields.invalid("content", "must be a string or an array of parts") }
            note("absent")
            return []
        }
    }

    private func part(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Part {
        guard isLenient else { return try OpenAIContentReader.part(value, path) }
        let part = try? OpenAIContentReader.part(value, path)
        return part ?? Part(.native(.openAIChat, type: value["type"]?.string ?? "content", value))
    }

    // MARK: Assistants

    private mutating func assistant(_ fields: inout JSONFields, _ value: JSONValue) throws(GatehouseError) -> Message {
        var message = Message(role: .assistant, parts: thoughts(&fields, value))
        if !message.parts.isEmpty || OpenAIThoughts.members.contains(where: { value[$0]?.isNull == false }) {
            let came = (value.object ?? []).filter { OpenAIThoughts.members.contains($0.key) && !$0.value.isNull }
            message.extensions[.openAIChat, OpenAINote.reasoning] = .object(came)
        }
        let content = try content(&fields, &message.extensions)
        if content == [.text("")] {
            // An empty text says nothing, and other vendors refuse it.
            message.extensions[.openAIChat, OpenAINote.content] = .string("empty")
        } else {
            message.parts += content
        }
        try readSeals(&fields, &message)
        if isLenient { readCopies(value, &message) }
        if let refusal = try string("refusal", &fields) {
            if refusal.isEmpty {
                message.extensions.keepIdle([.init("refusal", .string(""))], in: .openAIChat)
            } else {
                message.parts.append(Part(.refusal(refusal)))
            }
        }
        for (index, call) in try array("tool_calls", &fields).enumerated() {
            message.parts.append(try self.call(call, fields.path("tool_calls", index)))
        }
        // Some providers write every member there is, with nothing in it.
        if let call = fields.peek("function_call"), call.object != nil, !isLenient || call["name"]?.string != "" {
            _ = fields.value("function_call")
            message.parts.append(try legacy(call, fields.path("function_call")))
        }
        return message
    }

    private func thoughts(_ fields: inout JSONFields, _ value: JSONValue) -> [Part] {
        for key in OpenAIThoughts.members { _ = fields.value(key) }
        return OpenAIThoughts.parts(value)
    }

    /// What belongs to the text: quotes, and Gemini's signature.
    private func readSeals(_ fields: inout JSONFields, _ message: inout Message) throws(GatehouseError) {
        let annotations = try array("annotations", &fields)
        if !annotations.isEmpty {
            message.extensions[.openAIChat, OpenAINote.annotations] = .array(annotations)
            if let place = message.parts.lastIndex(where: { $0.text != nil }) {
                message.parts[place].citations = annotations.compactMap(OpenAICitations.read)
            }
        }
        guard let signature = Self.signature(fields.peek("extra_content")) else { return }
        message.extensions[.openAIChat, OpenAINote.extra] = fields.value("extra_content")
        if let place = message.parts.lastIndex(where: { $0.text != nil }) {
            message.parts[place].signature = signature
        } else {
            message.parts.append(Part(.text(""), signature: signature))
        }
    }

    static func signature(_ extra: JSONValue?) -> Signature? {
        extra?["google"]?["thought_signature"]?.string.map { Signature(.gemini, $0) }
    }

    /// Images and the words of a sound that an answer has beside its content. Their members stay as they came.
    private func readCopies(_ value: JSONValue, _ message: inout Message) {
        func add(_ part: Part) {
            var part = part
            part.extensions[.openAIChat, OpenAINote.copy] = .bool(true)
            message.parts.append(part)
        }
        if let transcript = value["audio"]?["transcript"]?.string, !transcript.isEmpty { add(.text(transcript)) }
        for image in value["images"]?.array ?? [] {
            if let url = image["image_url"]?["url"]?.string { add(Part(.image(Media(url: url)))) }
        }
    }

    private func call(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let id = try string("id", &fields)
        if id == nil, !isLenient { throw fields.missing("id") }
        let type = try string("type", &fields)
        let isCustom = type == "custom"
        let key = isCustom ? "custom" : "function"
        guard var inner = try fields.object(key) else { throw fields.missing(key) }
        let name = try inner.requiredString("name")
        let argumentsKey = isCustom ? "input" : "arguments"
        let isObject = inner.peek(argumentsKey)?.object != nil
        let arguments = (isObject ? inner.value(argumentsKey)?.text : try inner.string(argumentsKey)) ?? ""
        var call = ToolCall(id: id ?? "", name: name, arguments: arguments, isCustom: isCustom)
        let isEmpty = arguments.isEmpty && !isCustom
        if isEmpty { call.arguments = "{}" }
        var part = Part(.toolCall(call))
        if let signature = Self.signature(fields.peek("extra_content")) {
            part.signature = signature
            part.extensions[.openAIChat, OpenAINote.extra] = fields.value("extra_content")
        }
        func note(_ key: String) { part.extensions[.openAIChat, key] = .bool(true) }
        if isObject { note(OpenAINote.object) }
        if isEmpty { note(OpenAINote.empty) }
        if type == nil { note(OpenAINote.untyped) }
        if !inner.rest.isEmpty { part.extensions[.openAIChat, OpenAINote.inner] = .object(inner.rest) }
        part.extensions.keep(fields.rest, in: .openAIChat)
        return part
    }

    private mutating func legacy(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let id = "call_\(legacyCalls)"
        (legacyCall, legacyCalls) = (id, legacyCalls + 1)
        var part = Part(
            .toolCall(
                ToolCall(
                    id: isLenient ? "" : id, name: try fields.requiredString("name"),
                    arguments: try fields.string("arguments") ?? "")))
        part.extensions[.openAIChat, OpenAINote.legacy] = .bool(true)
        return part
    }

    // MARK: Results

    private mutating func result(_ fields: inout JSONFields, _ role: String) throws(GatehouseError) -> Message {
        var message = Message(role: .tool, parts: [])
        let name = try fields.string("name")
        var result: ToolResult
        if role == "function" {
            guard let name else { throw fields.missing("name") }
            result = ToolResult(callID: legacyCall ?? name, name: name, content: [])
            message.extensions[.openAIChat, OpenAINote.role] = .string(role)
        } else {
            result = ToolResult(callID: try fields.requiredString("tool_call_id"), name: name, content: [])
        }
        message.extensions[.openAIChat, OpenAINote.form] = .bool(true)
        result.content = try content(&fields, &message.extensions)
        if let isError = try fields.bool("is_error") {
            result.isError = isError
            message.extensions[.openAIChat, OpenAINote.isError] = .bool(isError)
        }
        message.parts = [Part(.toolResult(result))]
        return message
    }
}
