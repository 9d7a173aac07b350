/// Messages of another dialect as the turns that Anthropic demands.
///
/// - System messages that lead are gathered into `system`. A later one becomes words of the user in its place, between
///   `<system>` and `</system>`: the newest models alone take it as one of its own, and only in some places. Its words
///   and its place are kept, so it is not reported as lost.
/// - Messages of one side that follow each other become one turn.
/// - All results of a turn stand in one message, first in it, right behind the calls. A call without a result, or a
///   result without its call, is refused: Anthropic would, less clearly.
/// - Thoughts stand first in the turn of an assistant.
struct AnthropicTurns {
    private(set) var system: [JSONValue] = []
    private var turns: [Turn] = []

    private struct Turn {
        var isUser: Bool
        /// Results, or thoughts: what must stand first.
        var first: [JSONValue] = []
        var rest: [JSONValue] = []
        /// Ids of calls, or of the calls that results answer, and the message of each.
        var ids: [(id: String, path: String)] = []

        var content: [JSONValue] { first + rest }
    }

    init(_ messages: [Message], _ writer: inout AnthropicBlockWriter) throws(GatehouseError) {
        for (index, message) in messages.enumerated() {
            let path = "messages[\(index)]"
            writer.dropped.add(message.extensions, foreignTo: .anthropic)
            if message.name != nil { writer.dropped.add("name") }
            if message.role == .system {
                try addSystem(message, path, &writer)
            } else {
                try add(message, path, &writer)
            }
        }
        guard !turns.isEmpty else {
            throw GatehouseError(
                .invalidValue, "The field messages must hold a message of the user.", param: "messages")
        }
        try checkCalls()
    }

    /// The messages as they go out.
    var messages: [JSONValue] {
        turns.map { turn in
            .object(["role": .string(turn.isUser ? "user" : "assistant"), "content": .array(turn.content)])
        }
    }

    /// The last word is the assistant's.
    var isPrefilled: Bool { turns.last?.isUser == false }

    private mutating func addSystem(
        _ message: Message, _ path: String, _ writer: inout AnthropicBlockWriter
    ) throws(GatehouseError) {
        var parts: [Part] = []
        for var part in message.parts {
            switch part.content {
            case .text(let text):
                guard !turns.isEmpty else { break }
                if text.allSatisfy(\.isWhitespace) { continue }
                part.content = .text("<system>\n\(text)\n</system>")
            case .native: break
            default:
                throw GatehouseError(
                    .unsupportedParameter, "The target takes no \(part.kindName) in \(path).", param: path)
            }
            parts.append(part)
        }
        if turns.isEmpty {
            system += try writer.blocks(parts, at: path)
        } else {
            try add(Message(role: .user, parts: parts), path, &writer)
        }
    }

    private mutating func add(
        _ message: Message, _ path: String, _ writer: inout AnthropicBlockWriter
    ) throws(GatehouseError) {
        let isUser = message.role != .assistant
        for part in message.parts {
            guard let block = try writer.block(part, at: path) else { continue }
            // A message of which nothing is left makes no turn.
            if turns.last?.isUser != isUser { turns.append(Turn(isUser: isUser)) }
            let last = turns.count - 1
            if let result = part.toolResult { turns[last].ids.append((writer.id(result.callID), path)) }
            if let call = part.toolCall { turns[last].ids.append((writer.id(call.id), path)) }
            if part.toolResult != nil || part.thinking != nil {
                turns[last].first.append(block)
            } else {
                turns[last].rest.append(block)
            }
        }
    }

    private func checkCalls() throws(GatehouseError) {
        var open: [(id: String, path: String)] = []
        for turn in turns {
            if turn.isUser {
                for (id, path) in turn.ids {
                    guard let index = open.firstIndex(where: { $0.id == id }) else {
                        throw GatehouseError(
                            .invalidValue, "A tool result in \(path) answers no call of the message before it.",
                            param: path)
                    }
                    open.remove(at: index)
                }
            }
            if let left = open.first { throw Self.unanswered(left.path) }
            open = turn.isUser ? [] : turn.ids
        }
        if let left = open.first { throw Self.unanswered(left.path) }
    }

    private static func unanswered(_ path: String) -> GatehouseError {
        GatehouseError(.invalidValue, "A tool call in \(path) has no result in the message behind it.", param: path)
    }
}
