/// A request in no vendor's dialect: what a caller asks of a model or an agent.
package struct CanonicalRequest: Sendable, Equatable {
    /// The model's name as the target knows it; empty for the target's default.
    package var model: String
    package var messages: [Message]
    package var stream: Bool
    /// The most tokens to produce; `nil` for the target's own limit.
    package var maxTokens: Int?
    /// Names of the functions the caller offers.
    package var toolNames: [String]

    package init(
        model: String, messages: [Message], stream: Bool = false, maxTokens: Int? = nil, toolNames: [String] = []
    ) {
        self.model = model
        self.messages = messages
        self.stream = stream
        self.maxTokens = maxTokens
        self.toolNames = toolNames
    }
}

/// One message of a conversation.
package struct Message: Sendable, Equatable {
    package enum Role: String, Sendable {
        case system, user, assistant, tool
    }

    package var role: Role
    package var parts: [Part]

    package init(role: Role, parts: [Part]) {
        self.role = role
        self.parts = parts
    }
}

/// One piece of a message.
package enum Part: Sendable, Equatable {
    case text(String)
    /// An image, by `https:` or `data:` URL, as the caller sent it.
    case image(url: String)
    /// A call of a function that the assistant made earlier; `arguments` is JSON text.
    case toolCall(id: String, name: String, arguments: String)
    /// What a function answered.
    case toolResult(id: String, text: String)
    /// Something this gateway cannot read; named so that it can be refused by name.
    case unsupported(kind: String)
}
