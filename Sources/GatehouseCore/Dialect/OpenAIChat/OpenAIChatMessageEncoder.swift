/// Writes messages of OpenAI's chat format for a target, one after the other.
struct OpenAIChatMessageEncoder {
    private let target: OpenAIChatTarget
    private let name: (String) -> String
    private let id: (String) -> String
    private var content: OpenAIContentWriter
    private var written: [JSONValue] = []
    private var droppedNames: [String] = []
    /// Images of results, which go into a message of the user behind the last result: OpenAI takes none in results.
    private var images: [JSONValue] = []

    /// - Parameter name: What the target calls a function.
    init(_ target: OpenAIChatTarget, name: @escaping (String) -> String) {
        self.target = target
        self.name = name
        content = OpenAIContentWriter(target)
        let rule = target.idRule
        id = { id in
            guard let rule, !rule.allows(id) else { return id }
            return rule.standIn(for: id)
        }
    }

    /// The messages; what the target cannot take was left out.
    var messages: [JSONValue] { written }

    var dropped: [String] { droppedNames + content.dropped.filter { !droppedNames.contains($0) } }

    mutating func encode(_ messages: [Message]) throws(GatehouseError) {
        written.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() { try encode(message, "messages[\(index)].content") }
        flushImages()
    }

    private mutating func encode(_ message: Message, _ path: String) throws(GatehouseError) {
        guard message.extensions.has(OpenAINote.cache, in: .openAIChat), let last = message.parts.indices.last,
            let marker = message.parts[last].cache
        else { return try write(message, path) }
        var plain = message
        plain.parts[last].cache = nil
        try write(plain, path)
        guard target.takesCacheMarkers, let place = written.indices.last else { return drop("cache_control") }
        written[place] = written[place].adding([OpenAIContentWriter.cache(marker)])
    }

    private mutating func write(_ message: Message, _ path: String) throws(GatehouseError) {
        let results = message.parts.filter { $0.toolResult != nil }
        for part in results { try result(part, message, path) }
        let others = results.isEmpty ? message.parts : message.parts.filter { $0.toolResult == nil }
        guard results.isEmpty || !others.isEmpty else { return }
        flushImages()
        switch message.role {
        case .assistant:
            var writer = OpenAIAssistantWriter(target, id: id, name: name)
            if let members = writer.members(message) { written.append(.object(members)) }
            for name in writer.dropped { drop(name) }
        case .system:
            let role = message.extensions[.openAIChat, OpenAINote.role]?.string ?? "system"
            try plain(role, message, others, path)
        case .user, .tool: try plain("user", message, others, path)
        }
    }

    private mutating func plain(
        _ role: String, _ message: Message, _ parts: [Part], _ path: String
    ) throws(GatehouseError) {
        let form = message.extensions[.openAIChat, OpenAINote.content]?.string
        let listsTexts = role == "user" || target.takesTextParts
        let value = try content.content(parts, form: form, listsTexts: listsTexts, path)
        // What is left of a message of which nothing can be sent is no message.
        if form == nil, value == .string(""), !parts.isEmpty, parts.allSatisfy({ $0.text == nil }) { return }
        var members: [JSONValue.Member] = [.init("role", .string(role))]
        if let value { members.append(.init("content", value)) }
        if let name = message.name { members.append(.init("name", .string(name))) }
        if role == "user" { bridge() }
        written.append(.object(members + message.extensions.restored(.openAIChat)))
    }

    /// Lets the model speak before a user does, where a user may not follow results of tools.
    private mutating func bridge() {
        guard !target.takesUserAfterResults, written.last?["role"]?.string == "tool" else { return }
        written.append(.object(["role": .string("assistant"), "content": .string("I have the results.")]))
    }

    // MARK: Results

    private mutating func result(_ part: Part, _ message: Message, _ path: String) throws(GatehouseError) {
        guard let result = part.toolResult else { return }
        let isOwn = message.parts.count == 1
        let extensions = isOwn ? message.extensions : Extensions()
        var parts = result.content
        if !target.takesToolImages || !extensions.has(OpenAINote.content, in: .openAIChat) {
            parts = takeMedia(parts, of: result)
        }
        if let cache = part.cache, !parts.isEmpty, parts[parts.count - 1].cache == nil {
            parts[parts.count - 1].cache = cache
        }
        let form = extensions[.openAIChat, OpenAINote.content]?.string
        let value = try content.content(parts, form: form, listsTexts: target.takesTextParts, path)
        let isFunction = extensions[.openAIChat, OpenAINote.role]?.string == "function"
        var members: [JSONValue.Member] = [.init("role", .string(isFunction ? "function" : "tool"))]
        if !isFunction { members.append(.init("tool_call_id", .string(id(result.callID)))) }
        if let value { members.append(.init("content", value)) }
        // Foreign names belong to a look-up by id; OpenAI has no place for them.
        if let name = result.name, isFunction || extensions.has(OpenAINote.form, in: .openAIChat) {
            members.append(.init("name", .string(self.name(name))))
        }
        members += errorFlag(result, extensions)
        written.append(.object(members + extensions.restored(.openAIChat)))
    }

    private mutating func errorFlag(_ result: ToolResult, _ extensions: Extensions) -> [JSONValue.Member] {
        let came = extensions.has(OpenAINote.isError, in: .openAIChat)
        if !target.isOpenAI, came || (target.takesErrorFlag && result.isError) {
            return [.init("is_error", .bool(result.isError))]
        }
        if result.isError { drop("is_error") }
        return []
    }

    /// Moves what only a user's message can show out of a result, and says so in its place.
    private mutating func takeMedia(_ parts: [Part], of result: ToolResult) -> [Part] {
        var rest: [Part] = []
        var moved: [Part] = []
        for part in parts {
            switch part.content {
            case .image, .audio, .video, .document: moved.append(part)
            default: rest.append(part)
            }
        }
        guard !moved.isEmpty else { return parts }
        let items = moved.compactMap { try? content.item($0, "") }
        if items.count < moved.count { drop("tool_result.media") }
        guard !items.isEmpty else { return rest }
        images.append(
            .object([
                "type": .string("text"),
                "text": .string("Attachments of the result of call \(id(result.callID)):"),
            ]))
        images += items
        if rest.isEmpty { rest.append(.text("The result is attached to the next message.")) }
        return rest
    }

    private mutating func flushImages() {
        guard !images.isEmpty else { return }
        bridge()
        written.append(.object(["role": .string("user"), "content": .array(images)]))
        images = []
    }

    private mutating func drop(_ name: String) {
        if !droppedNames.contains(name) { droppedNames.append(name) }
    }
}
