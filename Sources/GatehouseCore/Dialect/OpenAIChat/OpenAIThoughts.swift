/// The members in which messages of the OpenAI family carry thoughts, and what they are in the canonical model:
/// - `reasoning_content` (DeepSeek and many), `reasoning` (OpenRouter, Groq): text for display;
/// - `thinking_blocks` (LiteLLM): Anthropic's blocks with their signatures;
/// - `reasoning_details` (OpenRouter): pieces with a `format` that tells whose signatures and encrypted data they hold.
enum OpenAIThoughts {
    static let members: Set<String> = ["reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"]

    // MARK: Whose

    /// The dialect whose signatures a piece of this `format` holds. What nobody else understands stays with this dialect.
    static func dialect(ofFormat format: String?) -> Dialect {
        switch format {
        case "anthropic-claude-v1": .anthropic
        case "openai-responses-v1": .openAIResponses
        case "google-gemini-v1": .gemini
        default: format.flatMap(Dialect.init(rawValue:)) ?? .openAIChat
        }
    }

    static func format(of dialect: Dialect) -> String {
        switch dialect {
        case .anthropic: "anthropic-claude-v1"
        case .openAIResponses: "openai-responses-v1"
        case .gemini: "google-gemini-v1"
        default: dialect.rawValue
        }
    }

    // MARK: Reading

    /// The thoughts of a whole message, in order. Text that several members repeat counts once.
    static func parts(_ message: JSONValue) -> [Part] {
        let blocks = (message["thinking_blocks"]?.array ?? []).compactMap(part(block:))
        var parts = blocks
        var before: JSONValue?
        for entry in message["reasoning_details"]?.array ?? [] {
            guard let part = part(detail: entry) else { continue }
            if !blocks.isEmpty, part.signature?.dialect == .anthropic { continue }
            let isSamePiece = before?["index"] == entry["index"]
            if !join(part, isSamePiece, isSeal(entry, of: before), to: &parts, after: blocks.count) {
                parts.append(part)
            }
            before = entry
        }
        let isTold = parts.contains { $0.thinking?.text.isEmpty == false }
        if !isTold, let text = text(message) { parts.insert(Part(.thinking(Thinking(text))), at: 0) }
        return parts
    }

    /// The text for display.
    static func text(_ message: JSONValue) -> String? {
        for key in ["reasoning_content", "reasoning"] {
            if let text = message[key]?.string, !text.isEmpty { return text }
        }
        return nil
    }

    /// One of LiteLLM's blocks.
    static func part(block: JSONValue) -> Part? {
        switch block["type"]?.string {
        case "thinking":
            let signature = block["signature"]?.string.flatMap { $0.isEmpty ? nil : Signature(.anthropic, $0) }
            return Part(.thinking(Thinking(block["thinking"]?.string ?? "")), signature: signature)
        case "redacted_thinking":
            guard let data = block["data"]?.string else { return nil }
            return Part(.thinking(Thinking("", isRedacted: true)), signature: Signature(.anthropic, data))
        default: return nil
        }
    }

    /// One of OpenRouter's pieces.
    static func part(detail: JSONValue) -> Part? {
        let dialect = dialect(ofFormat: detail["format"]?.string)
        let id = detail["id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        switch detail["type"]?.string {
        case "reasoning.encrypted":
            guard let data = detail["data"]?.string else { return nil }
            return Part(.thinking(Thinking("", isRedacted: true, id: id)), signature: Signature(dialect, data))
        case "reasoning.text", "reasoning.summary":
            let text = detail["text"]?.string ?? detail["summary"]?.string ?? ""
            let signature = detail["signature"]?.string.flatMap { $0.isEmpty ? nil : Signature(dialect, $0) }
            return Part(.thinking(Thinking(text, id: id)), signature: signature)
        default: return nil
        }
    }

    /// Whether an entry is the encrypted form of the summary right before it. In streams neither has an id.
    private static func isSeal(_ entry: JSONValue, of before: JSONValue?) -> Bool {
        guard let before, entry["type"]?.string == "reasoning.encrypted" else { return false }
        return before["type"]?.string == "reasoning.summary" && before["format"] == entry["format"]
            && (before["id"] ?? .null) == (entry["id"] ?? .null)
    }

    /// Joins what belongs to the piece before it: the rest of its text, its signature, or its encrypted form.
    private static func join(
        _ part: Part, _ isSamePiece: Bool, _ isSeal: Bool, to parts: inout [Part], after start: Int
    ) -> Bool {
        guard parts.count > start, let last = parts.last, last.signature == nil, var thinking = last.thinking,
            let next = part.thinking
        else { return false }
        let isSealed = isSeal || (next.isRedacted && next.id != nil && next.id == thinking.id)
        guard isSealed || (isSamePiece && !next.isRedacted) else { return false }
        thinking.text += next.text
        parts[parts.count - 1].content = .thinking(thinking)
        parts[parts.count - 1].signature = part.signature
        return true
    }

    // MARK: Writing, for callers

    /// The members that carry the thoughts among `parts`, so that `parts(_:)` gives them again.
    static func members(_ parts: [Part]) -> [JSONValue.Member] {
        let thoughts = parts.filter { $0.thinking != nil }
        guard !thoughts.isEmpty else { return [] }
        var members: [JSONValue.Member] = []
        let text = thoughts.reduce(into: "") { $0 += $1.thinking?.text ?? "" }
        if !text.isEmpty { members.append(.init("reasoning_content", .string(text))) }
        let hasBlocks = thoughts.contains { $0.signature?.dialect == .anthropic }
        let blocks = hasBlocks ? thoughts.compactMap(block(_:)) : []
        if hasBlocks { members.append(.init("thinking_blocks", .array(blocks))) }
        var details: [JSONValue] = []
        let hasDetails = thoughts.contains { $0.signature.map { $0.dialect != .anthropic } ?? false }
        if hasDetails {
            for part in thoughts where part.signature != nil || !hasBlocks {
                details += self.details(part, index: details.count)
            }
            members.append(.init("reasoning_details", .array(details)))
        }
        return members
    }

    /// A thought as LiteLLM's block; `nil` when it is sealed by someone else.
    static func block(_ part: Part) -> JSONValue? {
        guard let thinking = part.thinking, (part.signature?.dialect ?? .anthropic) == .anthropic else { return nil }
        if thinking.isRedacted {
            return part.signature.map {
                .object(["type": .string("redacted_thinking"), "data": .string($0.value)])
            }
        }
        return .object([
            "type": .string("thinking"), "thinking": .string(thinking.text),
            "signature": part.signature.map { .string($0.value) },
        ])
    }

    /// A thought as OpenRouter's pieces; none when it has a block.
    static func details(_ part: Part, index: Int) -> [JSONValue] {
        guard let thinking = part.thinking, part.signature?.dialect != .anthropic else { return [] }
        let format = part.signature.map { JSONValue.string(self.format(of: $0.dialect)) }
        let id = thinking.id.map { JSONValue.string($0) }
        let isEncrypted = thinking.isRedacted || part.signature?.dialect == .openAIResponses
        guard isEncrypted, let signature = part.signature else {
            return [
                .object([
                    "type": .string("reasoning.text"), "text": .string(thinking.text),
                    "signature": part.signature.map { .string($0.value) }, "format": format, "id": id,
                    "index": .int(index),
                ])
            ]
        }
        let encrypted = JSONValue.object([
            "type": .string("reasoning.encrypted"), "data": .string(signature.value), "format": format, "id": id,
            "index": .int(thinking.text.isEmpty ? index : index + 1),
        ])
        guard !thinking.text.isEmpty else { return [encrypted] }
        let summary = JSONValue.object([
            "type": .string("reasoning.summary"), "summary": .string(thinking.text), "format": format, "id": id,
            "index": .int(index),
        ])
        return [summary, encrypted]
    }

    // MARK: Writing, for targets

    /// What of the members that came goes to a target that takes `history`.
    static func history(_ came: [JSONValue.Member], for history: OpenAIChatTarget.History) -> [JSONValue.Member] {
        switch history {
        case .none: []
        case .reasoning: text(.object(came)).map { [.init("reasoning", .string($0))] } ?? []
        case .plain: came.filter { $0.key == "reasoning" || $0.key == "reasoning_content" }
        case .details: came.filter { $0.key != "thinking_blocks" }
        case .all: came
        }
    }
}
