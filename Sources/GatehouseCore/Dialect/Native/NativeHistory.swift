package import NIOCore

/// A conversation of the native API that this gateway keeps: messages as the API takes them.
package enum NativeHistory {
    /// The name under which the conversation of a session is kept.
    package static func id(ofSession session: String) -> String { prefix + session }

    /// What such names begin with.
    package static let prefix = "session/"

    /// A conversation that was kept, as targets are told of it.
    ///
    /// - Throws: `internal_error` for one that cannot be read.
    package static func messages(_ conversation: [JSONValue]) throws(GatehouseError) -> [Message] {
        guard !conversation.isEmpty else { return [] }
        do {
            return try NativeRequestDecoder.decode(
                .object(["model": .string("m"), "messages": .array(conversation)])
            ).messages
        } catch {
            throw GatehouseError(.internalError, "The conversation could not be read.")
        }
    }

    /// The conversation with one more turn: what was asked, and the answer. Instructions are each call's own and not kept.
    package static func whole(_ conversation: [JSONValue], asked: [Message], answer: [Part]) -> ByteBuffer {
        let turn = asked.filter { $0.role != .system } + [Message(role: .assistant, parts: answer)]
        return JSONValue.array(conversation + turn.compactMap(NativeMessageWriter.message)).bytes
    }

    /// Messages that somebody brings, checked as those of a request are.
    ///
    /// - Throws: `invalid_value` that names the field.
    package static func check(_ messages: JSONValue) throws(GatehouseError) -> [JSONValue] {
        guard let list = messages.array else {
            throw GatehouseError(.invalidValue, "The field messages must be an array.", param: "messages")
        }
        if !list.isEmpty {
            _ = try NativeRequestDecoder.decode(.object(["model": .string("m"), "messages": messages]))
        }
        return list
    }
}

extension CanonicalRequest {
    /// Puts what was said before between the instructions and what is said now.
    package mutating func goOn(from history: [Message]) {
        let place = messages.firstIndex { $0.role != .system } ?? messages.count
        messages.insert(contentsOf: history, at: place)
    }
}
