import Crypto
import GatehouseCore

/// A conversation as one turn of a session sees it: what was said before, and what is new.
struct SessionTranscript: Sendable {
    /// Hash of all messages.
    let said: String
    /// Hashes of what was said before the last answer, and of that answer; `nil` when there was none.
    private(set) var earlier: String?
    private(set) var answer: String?
    /// The messages behind the last answer.
    private(set) var latest: [Message] = []

    init(_ messages: [Message]) {
        said = Self.hash(messages)
        guard let last = messages.lastIndex(where: { $0.role == .assistant }) else { return }
        earlier = Self.hash(messages[..<last])
        var answer = AnswerHash()
        answer.add(AgentPrompt.text(of: messages[last]))
        self.answer = answer.text
        latest = Array(messages[(last + 1)...])
    }

    /// Whether it goes on where a session is.
    func continues(_ session: AgentSession) -> Bool {
        earlier == session.said && answer == session.answer && !latest.isEmpty
    }

    private static func hash(_ messages: some Sequence<Message>) -> String {
        var hash = SHA256()
        for message in messages {
            let text = AgentPrompt.text(of: message)
            hash.update(data: Array("\(message.role.rawValue) \(text.utf8.count)\n".utf8))
            hash.update(data: Array(text.utf8))
        }
        return hash.finalize().hexadecimal
    }
}

/// The hash of an answer that comes in pieces. White space does not count: clients trim.
struct AnswerHash: Sendable {
    private var hash = SHA256()

    mutating func add(_ piece: String) {
        hash.update(data: piece.utf8.filter { $0 > 0x20 })
    }

    var text: String { hash.finalize().hexadecimal }
}

extension SHA256.Digest {
    var hexadecimal: String {
        map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
