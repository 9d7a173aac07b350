/// Builds `messages` and `system`: turns of user and assistant alternate, the user begins, and no text is blank.
struct BedrockMessageEncoder: Sendable {
    private struct Turn {
        var role: Message.Role
        var blocks: [JSONValue] = []
        /// Behind the results that the turn begins with: Claude wants them first.
        var resultsEnd = 0
        var rest: [JSONValue.Member]
    }

    private(set) var system: [JSONValue] = []
    private var turns: [Turn] = []
    /// Ids are replaced in calls and results alike; nothing has to be turned back.
    private var ids = NameMap()

    mutating func add(
        _ message: Message, path: String, _ context: inout BedrockContext
    ) throws(GatehouseError) {
        context.drop(foreign: message.extensions)
        if message.name != nil { context.drop("name") }
        if message.role == .system, message.extensions[.bedrock, "$inline"] == nil {
            for (index, part) in message.parts.enumerated() {
                let blocks = try blocks(part, path: "\(path).content[\(index)]", &context)
                append(marker: part.cache, behind: blocks, to: &system, &context)
            }
            return
        }
        let isMerged = open(message)
        for (index, part) in message.parts.enumerated() {
            let blocks = try blocks(part, path: "\(path).content[\(index)]", &context)
            add(blocks, part, isMerged: isMerged, &context)
        }
        // What held nothing but what was left out is no turn.
        if let last = turns.last, last.blocks.isEmpty { turns.removeLast() }
    }

    /// Whether the message goes on with the turn before it.
    private mutating func open(_ message: Message) -> Bool {
        let role: Message.Role = message.role == .tool ? .user : message.role
        let isApart = message.extensions[.bedrock, "$apart"] != nil
        if let last = turns.last, last.role == role, !isApart { return true }
        turns.append(Turn(role: role, rest: message.extensions.written(.bedrock)))
        return false
    }

    private mutating func add(
        _ blocks: [JSONValue], _ part: Part, isMerged: Bool, _ context: inout BedrockContext
    ) {
        guard let last = turns.indices.last else { return }
        let end = turns[last].resultsEnd
        guard part.toolResult != nil, isMerged, end < turns[last].blocks.count else {
            append(marker: part.marker, behind: blocks, to: &turns[last].blocks, &context)
            if part.toolResult != nil { turns[last].resultsEnd = turns[last].blocks.count }
            return
        }
        var whole = blocks
        if let marker = part.marker, let point = context.cachePoint(marker) { whole.append(point) }
        turns[last].blocks.insert(contentsOf: whole, at: end)
        turns[last].resultsEnd = end + whole.count
    }

    private func append(
        marker: CacheMarker?, behind blocks: [JSONValue], to list: inout [JSONValue], _ context: inout BedrockContext
    ) {
        list += blocks
        guard let marker, !list.isEmpty, list.last?["cachePoint"] == nil, let point = context.cachePoint(marker) else {
            return
        }
        list.append(point)
    }

    /// A marker of the whole request goes to its end.
    mutating func mark(_ marker: CacheMarker, _ context: inout BedrockContext) {
        guard let last = turns.indices.last else { return }
        append(marker: marker, behind: [], to: &turns[last].blocks, &context)
    }

    /// - Throws: `invalid_value` when nothing is left to send.
    func finish() throws(GatehouseError) -> [JSONValue] {
        guard let first = turns.first else {
            if system.isEmpty { throw JSONFields.invalid("messages", "must have a message that is not empty") }
            return [Self.filler(role: "user")]
        }
        var messages = turns.map { turn in
            var blocks = turn.blocks
            // A document needs a text beside it.
            if turn.role == .user, blocks.contains(where: { $0["document"] != nil }),
                !blocks.contains(where: { $0["text"] != nil })
            {
                blocks.append(.object(["text": .string(".")]))
            }
            return JSONValue.object(["role": .string(turn.role.rawValue), "content": .array(blocks)]).adding(turn.rest)
        }
        if first.role == .assistant { messages.insert(Self.filler(role: "user"), at: 0) }
        return messages
    }

    /// The shortest text that Bedrock takes, where its grammar wants one and the caller has none.
    private static func filler(role: String) -> JSONValue {
        .object(["role": .string(role), "content": .array([.object(["text": .string(".")])])])
    }

    // MARK: Blocks

    /// The blocks of a part; none when there is nothing to say in this dialect.
    private mutating func blocks(
        _ part: Part, path: String, _ context: inout BedrockContext
    ) throws(GatehouseError) -> [JSONValue] {
        context.drop(foreign: part.extensions)
        switch part.content {
        case .text(let text): return self.text(text, part, &context)
        case .refusal(let text): return text.isBlank ? [] : [.object(["text": .string(text)])]
        case .image(let media): return [try block(media, .image, part, path, &context)]
        case .audio(let media): return [try block(media, .audio, part, path, &context)]
        case .video(let media): return [try block(media, .video, part, path, &context)]
        case .document(let media): return [try block(media, .document, part, path, &context)]
        case .thinking(let thinking): return reasoning(thinking, part, context)
        case .toolCall(let call):
            let name = context.names.legal(call.name, BedrockTools.names)
            context.calls(name)
            let id = ids.legal(call.id, context.model.callIDs)
            return [Self.toolUse(id: id, name: name, call, part.extensions)]
        case .toolResult(let result): return [try self.result(result, part, path, &context)]
        case .native(.bedrock, _, let value): return [value]
        case .native(_, let type, _):
            context.drop(type)
            return []
        }
    }

    private func text(_ text: String, _ part: Part, _ context: inout BedrockContext) -> [JSONValue] {
        if let content = part.extensions[.bedrock, "$content"] {
            let citations = part.citations.map { BedrockCitation.write($0) }
            return [.object(["citationsContent": .object(["content": content, "citations": .array(citations)])])]
        }
        if !part.citations.isEmpty { context.drop("citations") }
        if text.isBlank, part.extensions[.bedrock, "$blank"] == nil { return [] }
        return [.object(["text": .string(text)])]
    }

    private func block(
        _ media: Media, _ kind: BedrockMedia.Kind, _ part: Part, _ path: String, _ context: inout BedrockContext
    ) throws(GatehouseError) -> JSONValue {
        let own = part.extensions[.bedrock, "$name"]?.string
        let name = kind == .document ? own ?? context.documents.legal(media.name) : nil
        return try BedrockMedia.block(media, kind, notes: part.extensions, name: name, path: path)
    }

    /// Thinking goes back to Claude with its seal, or not at all.
    private func reasoning(_ thinking: Thinking, _ part: Part, _ context: BedrockContext) -> [JSONValue] {
        guard let signature = part.signature else {
            let isOwn = part.extensions[.bedrock, "$unsigned"] != nil && context.model.family != .claude
            return isOwn ? [Self.reasoning(thinking.text, nil, part.extensions)] : []
        }
        guard signature.dialect == .bedrock || (signature.dialect == .anthropic && context.model.takesClaudeSignatures)
        else { return [] }
        guard thinking.isRedacted else { return [Self.reasoning(thinking.text, signature, part.extensions)] }
        return BedrockSignature.blob(signature).map { [Self.redacted($0)] } ?? []
    }

    private mutating func result(
        _ result: ToolResult, _ part: Part, _ path: String, _ context: inout BedrockContext
    ) throws(GatehouseError) -> JSONValue {
        var content: [JSONValue] = []
        for (index, inner) in result.content.enumerated() {
            if case .toolResult = inner.content { continue }
            if inner.extensions[.bedrock, "$json"] != nil, let text = inner.text,
                let json = try? JSONValue(parsing: text.utf8)
            {
                content.append(.object(["json": json]))
            } else {
                content += try blocks(inner, path: "\(path).content[\(index)]", &context)
            }
        }
        let value = JSONValue.object([
            "toolUseId": .string(ids.legal(result.callID, context.model.callIDs)), "content": .array(content),
            "status": result.isError ? .string("error") : nil,
        ])
        return .object(["toolResult": value.adding(part.extensions.written(.bedrock))])
    }
}

extension Part {
    /// Where to cache up to: behind a result also when the marker stands inside it.
    fileprivate var marker: CacheMarker? { cache ?? toolResult?.content.last { $0.cache != nil }?.cache }
}

extension BedrockMessageEncoder {
    static func toolUse(id: String, name: String, _ call: ToolCall, _ extensions: Extensions) -> JSONValue {
        let value = JSONValue.object([
            "toolUseId": .string(id), "name": .string(name), "input": input(call.arguments),
        ])
        return .object(["toolUse": value.adding(extensions.written(.bedrock))])
    }

    /// Bedrock takes objects only; anything else, such as a call that a model wrote wrong, is put into one.
    private static func input(_ arguments: String) -> JSONValue {
        if arguments.isBlank { return .object([]) }
        guard let value = try? JSONValue(parsing: arguments.utf8), value.object != nil else {
            return .object(["input": .string(arguments)])
        }
        return value
    }

    static func reasoning(_ text: String, _ signature: Signature?, _ extensions: Extensions) -> JSONValue {
        let value = JSONValue.object(["text": .string(text), "signature": signature.map { .string($0.value) }])
        return .object(["reasoningContent": .object(["reasoningText": value.adding(extensions.written(.bedrock))])])
    }

    static func redacted(_ blob: String) -> JSONValue {
        .object(["reasoningContent": .object(["redactedContent": .string(blob)])])
    }
}
