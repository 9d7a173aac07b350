/// Writes an assistant's message: for a caller as the answer, for a target as history.
struct OpenAIAssistantWriter {
    enum Reader {
        case caller
        case target(OpenAIChatTarget)
    }

    private let reader: Reader
    private var content: OpenAIContentWriter
    /// What a target calls a call's id and a function.
    private let id: (String) -> String
    private let name: (String) -> String
    private var droppedNames: [String] = []
    /// Fields that were left out.
    var dropped: [String] { droppedNames + content.dropped.filter { !droppedNames.contains($0) } }

    /// For a caller.
    init() {
        reader = .caller
        content = OpenAIContentWriter(OpenAIChatTarget(kind: "mistral"))
        (id, name) = ({ $0 }, { $0 })
    }

    /// For a target.
    init(_ target: OpenAIChatTarget, id: @escaping (String) -> String, name: @escaping (String) -> String) {
        reader = .target(target)
        content = OpenAIContentWriter(target)
        (self.id, self.name) = (id, name)
    }

    /// The message's members; `nil` when nothing of it is left that a target may see.
    mutating func members(_ message: Message) -> [JSONValue.Member]? {
        var members: [JSONValue.Member] = [.init("role", .string("assistant"))]
        let parts = message.parts.filter { !$0.extensions.has(OpenAINote.copy, in: .openAIChat) }
        let calls = parts.filter { $0.toolCall != nil }
        if calls.contains(where: { $0.cache != nil }) { drop("cache_control") }
        let refusals = parts.filter { isOutside($0) }
        let content = contentMember(parts, message, hasOther: !calls.isEmpty || !refusals.isEmpty)
        if let content { members.append(.init("content", content)) }
        members += refusalMember(refusals)
        members += thoughts(message)
        members += callMembers(calls)
        members += seals(parts, message)
        if let name = message.name { members.append(.init("name", .string(name))) }
        let kept = message.extensions.restored(.openAIChat)
        let isEmpty = content == nil && calls.isEmpty && refusals.isEmpty && kept.isEmpty
        let isOwn = message.extensions.has(OpenAINote.content, in: .openAIChat)
        if isEmpty, !isOwn, case .target = reader { return nil }
        return members + kept.filter { member in !members.contains { $0.key == member.key } }
    }

    // MARK: Content

    /// A refusal that has a member of its own.
    private func isOutside(_ part: Part) -> Bool {
        guard case .refusal = part.content else { return false }
        return !part.extensions.has(OpenAINote.inline, in: .openAIChat)
    }

    /// `nil` leaves the member out.
    private mutating func contentMember(_ parts: [Part], _ message: Message, hasOther: Bool) -> JSONValue? {
        let form = message.extensions[.openAIChat, OpenAINote.content]?.string
        var items: [JSONValue] = []
        var text = ""
        var isPlain = true
        for part in parts where belongsToContent(part) {
            guard let item = try? content.item(part, "messages") else { continue }
            items.append(item)
            if let words = part.text, part.cache == nil { text += words } else { isPlain = false }
        }
        switch form {
        case "list": return .array(items)
        case "absent" where items.isEmpty: return nil
        case "empty" where items.isEmpty: return .string("")
        default: break
        }
        if !isPlain { return .array(items) }
        if !text.isEmpty { return .string(text) }
        if case .caller = reader { return hasOther ? .null : .string("") }
        return hasOther ? .null : nil
    }

    private mutating func belongsToContent(_ part: Part) -> Bool {
        switch part.content {
        case .text(let text): return !text.isEmpty || part.signature == nil
        case .refusal: return !isOutside(part)
        case .thinking: return part.extensions.has(OpenAINote.inline, in: .openAIChat)
        case .native(.openAIChat, _, _): return true
        case .image, .audio, .video, .document, .native:
            if case .target = reader { drop(part.kindName) }
            return false
        case .toolCall, .toolResult: return false
        }
    }

    private func refusalMember(_ refusals: [Part]) -> [JSONValue.Member] {
        let text = refusals.reduce(into: "") { text, part in
            if case .refusal(let words) = part.content { text += words }
        }
        if !refusals.isEmpty { return [.init("refusal", .string(text))] }
        return []
    }

    // MARK: Thoughts and seals

    private mutating func thoughts(_ message: Message) -> [JSONValue.Member] {
        let came = message.extensions[.openAIChat, OpenAINote.reasoning]?.object
        guard case .target(let target) = reader else {
            let outside = message.parts.filter { !$0.extensions.has(OpenAINote.inline, in: .openAIChat) }
            return came ?? OpenAIThoughts.members(outside)
        }
        let sent = OpenAIThoughts.history(came ?? [], for: target.history)
        let hasThoughts = message.parts.contains {
            $0.thinking != nil && !$0.extensions.has(OpenAINote.inline, in: .openAIChat)
        }
        if sent.isEmpty, hasThoughts { drop("thinking") }
        return sent
    }

    private func seals(_ parts: [Part], _ message: Message) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let came = message.extensions[.openAIChat, OpenAINote.annotations] {
            members.append(.init("annotations", came))
        } else if case .caller = reader {
            let annotations = parts.flatMap(\.citations).compactMap(OpenAICitations.write)
            if !annotations.isEmpty { members.append(.init("annotations", .array(annotations))) }
            let images = parts.compactMap(Self.image)
            if !images.isEmpty { members.append(.init("images", .array(images))) }
        }
        let sealed = parts.last { $0.text != nil && $0.signature?.dialect == .gemini }
        members += extra(message.extensions, sealed?.signature)
        return members
    }

    /// An image of an answer, in OpenRouter's form.
    static func image(_ part: Part) -> JSONValue? {
        guard case .image(let media) = part.content, let url = media.url else { return nil }
        return .object([
            "type": .string("image_url"), "image_url": .object(["url": .string(url)]),
        ])
    }

    /// `extra_content` with Gemini's signature, for callers and for targets that are open to it.
    private func extra(_ extensions: Extensions, _ signature: Signature?) -> [JSONValue.Member] {
        if case .target(let target) = reader {
            guard target.history >= .details, let came = extensions[.openAIChat, OpenAINote.extra] else { return [] }
            return [.init("extra_content", came)]
        }
        if let came = extensions[.openAIChat, OpenAINote.extra] { return [.init("extra_content", came)] }
        guard let signature, signature.dialect == .gemini else { return [] }
        return [.init("extra_content", Self.extra(signature))]
    }

    static func extra(_ signature: Signature) -> JSONValue {
        .object(["google": .object(["thought_signature": .string(signature.value)])])
    }

    // MARK: Calls

    private func callMembers(_ parts: [Part]) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        var calls: [JSONValue] = []
        for part in parts {
            guard let call = part.toolCall else { continue }
            if part.extensions.has(OpenAINote.legacy, in: .openAIChat) {
                members.append(
                    .init(
                        "function_call",
                        .object(["name": .string(name(call.name)), "arguments": .string(call.arguments)])))
            } else {
                calls.append(value(call, part))
            }
        }
        if !calls.isEmpty { members.insert(.init("tool_calls", .array(calls)), at: 0) }
        return members
    }

    private func value(_ call: ToolCall, _ part: Part) -> JSONValue {
        var arguments = JSONValue.string(call.arguments.isEmpty && !call.isCustom ? "{}" : call.arguments)
        if call.arguments == "{}", part.extensions.has(OpenAINote.empty, in: .openAIChat) { arguments = .string("") }
        if part.extensions.has(OpenAINote.object, in: .openAIChat),
            let object = try? JSONValue(parsing: call.arguments.utf8)
        {
            arguments = object
        }
        let key = call.isCustom ? "custom" : "function"
        let inner = JSONValue.object([
            .init("name", .string(name(call.name))), .init(call.isCustom ? "input" : "arguments", arguments),
        ])
        var members: [JSONValue.Member] = [.init("type", .string(key))]
        if !call.id.isEmpty, !part.extensions.has(OpenAINote.madeID, in: .openAIChat) {
            members.insert(.init("id", .string(id(call.id))), at: 0)
        }
        if part.extensions.has(OpenAINote.untyped, in: .openAIChat) { members.removeAll { $0.key == "type" } }
        members.append(.init(key, inner.adding(part.extensions[.openAIChat, OpenAINote.inner]?.object ?? [])))
        members += extra(part.extensions, part.signature)
        return .object(members + part.extensions.restored(.openAIChat))
    }

    private mutating func drop(_ name: String) {
        if !droppedNames.contains(name) { droppedNames.append(name) }
    }
}
