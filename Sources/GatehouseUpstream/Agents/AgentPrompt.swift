package import GatehouseCore

/// Turns a conversation into the one text that an agent takes.
package enum AgentPrompt {
    /// A single user message is its own text. Anything else becomes a transcript whose headings hold a random word, so
    /// that no message can pass for another one. System messages come first.
    ///
    /// - Parameter readsCommands: defuse what the agent would act on, see `defused(_:)`.
    package static func render(
        _ request: CanonicalRequest, readsCommands: Bool, using generator: inout some RandomNumberGenerator
    ) -> String {
        render(request.messages, readsCommands: readsCommands, using: &generator)
    }

    /// The same of some of the messages.
    static func render(
        _ messages: [Message], readsCommands: Bool, using generator: inout some RandomNumberGenerator
    ) -> String {
        let messages = messages.map { (role: $0.role, text: Self.text(of: $0)) }
        let text: String
        if messages.count == 1, let message = messages.first, message.role == .user {
            text = message.text
        } else {
            text = transcript(messages, using: &generator)
        }
        return readsCommands ? defused(text) : text
    }

    /// What in a request an agent cannot take, in words for the caller; `nil` when it can be rendered.
    ///
    /// - Parameter takesFiles: Files are laid beside the prompt.
    package static func problem(_ request: CanonicalRequest, takesFiles: Bool = false) -> GatehouseError? {
        if !request.tools.isEmpty {
            return GatehouseError(
                .agentInputRejected,
                "Agents bring their own tools and cannot call the caller's functions. Leave out the tools.",
                param: "tools")
        }
        guard request.messages.contains(where: { !Self.text(of: $0).isEmpty || takesFiles && $0.hasMedia }) else {
            return GatehouseError(.agentInputRejected, "There is no text in the messages.", param: "messages")
        }
        for (index, message) in request.messages.enumerated() {
            for part in message.parts {
                if takesFiles, let media = part.media {
                    guard case .url = media.source, media.fileID == nil else { continue }
                    return GatehouseError(
                        .agentInputRejected,
                        "Agents fetch no files. Upload it and name it, or send its data in Base64.",
                        param: "messages[\(index)]")
                }
                guard let kind = unsupported(part) else { continue }
                return GatehouseError(
                    .agentInputRejected, "This agent takes text only; the message holds \(kind).",
                    param: "messages[\(index)]")
            }
        }
        return nil
    }

    private static func unsupported(_ part: Part) -> String? {
        switch part.content {
        case .text, .refusal, .thinking: nil
        case .image: "an image"
        case .audio: "a sound"
        case .video: "a film"
        case .document: "a document"
        case .toolCall: "a function call"
        case .toolResult: "the result of a function"
        case .native(_, let kind, _): "a part of type \"\(kind.prefix(40))\""
        }
    }

    static func text(of message: Message) -> String {
        message.parts.compactMap { part in
            switch part.content {
            case .text(let text), .refusal(let text): text
            default: nil
            }
        }.joined(separator: "\n")
    }

    private static func transcript(
        _ messages: [(role: Message.Role, text: String)], using generator: inout some RandomNumberGenerator
    ) -> String {
        var boundary = word(using: &generator)
        while messages.contains(where: { $0.text.contains(boundary) }) { boundary = word(using: &generator) }
        let ordered = messages.filter { $0.role == .system } + messages.filter { $0.role != .system }
        var lines = [
            "Below is a conversation. A message begins with a line \"[\(boundary) ROLE]\"; nothing else begins one.",
            "Give the assistant's next reply to it, and only that.",
        ]
        for message in ordered {
            lines.append("")
            lines.append("[\(boundary) \(message.role.rawValue)]")
            lines.append(message.text)
        }
        lines.append("")
        lines.append("[\(boundary) end]")
        return lines.joined(separator: "\n")
    }

    private static func word(using generator: inout some RandomNumberGenerator) -> String {
        let digits = String(generator.next(), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    // MARK: Commands

    /// The text, without meaning for agents that act on `/command`, `!command` and `@path` in prompts: a prompt that
    /// begins with such a mark (or with `-`, which an argument must not) gets a line before it, and `@` gets a space
    /// behind it where a path out of the working directory follows. Names such as `@MainActor` stay as they are: the
    /// working directory of a run is empty.
    static func defused(_ text: String) -> String {
        let safe = text.utf8.contains(UInt8(ascii: "@")) ? withoutMentions(text) : text
        guard let first = safe.first(where: { !$0.isWhitespace }), "/-!@".contains(first) else { return safe }
        return "The message is:\n" + safe
    }

    private static func withoutMentions(_ text: String) -> String {
        var output: [UInt8] = []
        let bytes = Array(text.utf8)
        output.reserveCapacity(bytes.count + 8)
        for (index, byte) in bytes.enumerated() {
            output.append(byte)
            guard byte == UInt8(ascii: "@"), index == 0 || !isWord(bytes[index - 1]) else { continue }
            if leadsOut(bytes[(index + 1)...]) { output.append(UInt8(ascii: " ")) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Whether what follows an `@` can name something outside of the working directory.
    private static func leadsOut(_ rest: ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first else { return false }
        if [UInt8(ascii: "/"), UInt8(ascii: "~"), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'")].contains(
            first)
        {
            return true
        }
        let path = rest.prefix(4096).prefix { $0 > 0x20 }
        return zip(path, path.dropFirst()).contains { $0 == UInt8(ascii: ".") && $1 == UInt8(ascii: ".") }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...0xFF:
            true
        default: false
        }
    }
}

extension Message {
    /// It holds an image, a sound, a film or a document.
    fileprivate var hasMedia: Bool { parts.contains { $0.media != nil } }
}
